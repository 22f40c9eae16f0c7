//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PlainCommand is the command of our own program that is the plain client.
const PlainCommand = "plain-client"

// Plain is the client of the Socket API that one writes in an hour: it makes a
// message of so many lines of its input as they are, with their measurements as
// topics, writes it at once, reads the answer to its end and closes. Its
// arguments are the address and the number of lines.
func Plain(args []string, stdin io.Reader) error {
	if len(args) != 2 {
		return errors.New("the plain client takes an address and a number")
	}
	batch, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("cannot read the number of lines: %w", err)
	}
	in := bufio.NewReader(stdin)
	var waiting []string
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		waiting = append(waiting, line)
		if len(waiting) < batch {
			continue
		}
		if err := sendPlain(args[0], waiting); err != nil {
			return err
		}
		waiting = waiting[:0]
	}
}

func sendPlain(address string, lines []string) error {
	var topics []string
	for _, line := range lines {
		if name := line[:strings.IndexAny(line, ", ")]; !slices.Contains(topics, name) {
			topics = append(topics, name)
		}
	}
	var message bytes.Buffer
	encoder := json.NewEncoder(&message)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		Key    string   `json:"k"`
		Data   string   `json:"d"`
		Topics []string `json:"t"`
	}{deviceKey, strings.TrimSuffix(strings.Join(lines, ""), "\n"), topics})
	if err != nil {
		return err
	}
	message.WriteByte('\n') // the second of two
	dialer := net.Dialer{Timeout: 30 * time.Second, KeepAlive: -1}
	conn, err := dialer.Dial("tcp4", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(message.Bytes()); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if string(answer) != "[0,0]" {
		return fmt.Errorf("the answer is %q", answer)
	}
	return nil
}
