package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Message is a message in the emulator's log.
type Message struct {
	// Data is the payload as it was sent, and Topics are the client's topics.
	Data   string
	Topics []string
	// Taken tells that the cloud has taken it; others are in the log with
	// --log-all only.
	Taken bool
	// Metrics are what the payload holds.
	Metrics []Metric
}

// marker is the measurement that stands for the border between two messages.
const marker = "_border_"

// Messages reads the emulator's log, and lets the decode command of binary read
// the payloads.
func Messages(ctx context.Context, binary, file string) ([]Message, error) {
	log, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot open the emulator's log: %w", err)
	}
	defer func() { _ = log.Close() }()

	// decode is started once. It passes on a metric in line protocol as it is.
	var messages []Message
	var in bytes.Buffer
	decoder := json.NewDecoder(log)
	for {
		var event struct {
			Tags []string `json:"tags"`
			Code int      `json:"errorcode"`
			Data []byte   `json:"data"`
		}
		var line json.RawMessage
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break // the emulator may be writing its next line
		}
		if err == nil {
			err = json.Unmarshal(line, &event)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read event %d of the emulator's log: %w", len(messages)+1, err)
		}
		m := Message{Data: string(event.Data), Taken: event.Code == 0}
		for _, tag := range event.Tags {
			if !strings.HasPrefix(tag, "_") {
				m.Topics = append(m.Topics, tag)
			}
		}
		messages = append(messages, m)
		if m.Data != "" {
			in.Write(line)
		}
		fmt.Fprintf(&in, "\n%s n=1i 1\n", marker)
	}

	metrics, err := decode(ctx, binary, &in)
	if err != nil {
		return nil, err
	}
	at := 0
	for _, m := range metrics {
		switch {
		case at == len(messages):
			return nil, errors.New("decode gave more than it was given")
		case strings.HasPrefix(m.Line, marker+" "):
			at++
		default:
			messages[at].Metrics = append(messages[at].Metrics, m)
		}
	}
	if at != len(messages) {
		return nil, fmt.Errorf("decode gave back %d messages of %d", at, len(messages))
	}
	return messages, nil
}
