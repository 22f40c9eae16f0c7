package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// SentSMS is an SMS that was sent, by the cloud or by a modem.
type SentSMS struct{ To, Text string }

// SMS returns the SMS that the emulated cloud has sent, in their order.
func (e *Emulator) SMS() ([]SentSMS, error) { return ReadSMS(e.Log) }

// ReadSMS returns the SMS in the log of an emulated cloud.
func ReadSMS(log string) ([]SentSMS, error) {
	data, err := os.ReadFile(log)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the log of the cloud: %w", err)
	}
	var all []SentSMS
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var event struct{ Destination, Body string }
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, fmt.Errorf("cannot read an event of the cloud: %w", err)
		}
		if event.Destination == "" {
			continue
		}
		text, err := base64.StdEncoding.DecodeString(event.Body)
		if err != nil {
			return nil, fmt.Errorf("cannot read the text of an SMS: %w", err)
		}
		all = append(all, SentSMS{event.Destination, string(text)})
	}
	return all, lines.Err()
}

// Sent returns the SMS that were sent through the modem, in their order.
func (m *Modem) Sent(ctx context.Context) ([]SentSMS, error) {
	text, err := m.ask(ctx, map[string]any{"do": "sent"})
	if err != nil {
		return nil, err
	}
	var all []SentSMS
	for line := range strings.Lines(text) {
		// REFERENCE to NUMBER: "TEXT", for a part with its number before the colon.
		_, rest, _ := strings.Cut(line, " to ")
		head, quoted, ok := strings.Cut(rest, ": ")
		text, err := strconv.Unquote(strings.TrimSpace(quoted))
		if !ok || err != nil {
			return nil, fmt.Errorf("cannot read what the modem has sent: %q", line)
		}
		to, _, _ := strings.Cut(head, " ")
		all = append(all, SentSMS{to, text})
	}
	return all, nil
}
