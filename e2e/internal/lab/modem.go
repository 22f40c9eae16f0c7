package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Modem is a running emulated modem.
type Modem struct {
	// Link is its port, a link to a pseudo-terminal.
	Link string

	stop   context.CancelFunc
	done   chan error
	stderr *syncBuffer
}

// StartModem starts the emulator of binary as a modem alone. Its lines go to
// nobody, what it says on stderr is kept.
func StartModem(ctx context.Context, binary, link string, args ...string) (*Modem, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := command(ctx, binary, append([]string{"emulator", "--modem", link, "--no-cloud", "--quiet"}, args...)...)
	ready := make(chan struct{})
	m := &Modem{Link: link, stop: cancel, done: make(chan error, 1), stderr: &syncBuffer{}}
	var told bool
	cmd.Stderr = &lineWriter{line: func(line string) {
		_, _ = m.stderr.Write([]byte(line + "\n"))
		if strings.HasPrefix(line, "modem "+link+" ") && !told {
			told = true
			close(ready)
		}
	}}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("cannot start the modem: %w", err)
	}
	go func() { m.done <- cmd.Wait() }()
	select {
	case <-ready:
		return m, nil
	case err := <-m.done:
		cancel()
		return nil, fmt.Errorf("the modem ended at once: %w: %s", errOr(err, "exit 0"), m.stderr)
	case <-time.After(stopTime):
		cancel()
		return nil, fmt.Errorf("the modem is not there after %s (%w): %s", stopTime, <-m.done, m.stderr)
	}
}

// Stop ends the modem.
func (m *Modem) Stop() error {
	m.stop()
	err := <-m.done
	m.done <- err // for the next call
	var exit *exec.ExitError
	if errors.As(err, &exit) || (err != nil && !errors.Is(err, context.Canceled)) {
		return fmt.Errorf("the modem failed: %w: %s", err, m.stderr)
	}
	return nil
}

// Log is what the modem has written to stderr.
func (m *Modem) Log() string { return m.stderr.String() }

// SMS is what somebody sends to the modem; see docs/emulator.md.
type SMS struct {
	From, Text string
	// Encoding is 0 for what fits the text, 3 for 8-bit data.
	Encoding int
	// Ref16 numbers the parts with a reference of 16 bits.
	Ref16 bool
}

// Send has the network deliver an SMS, and returns in how many parts.
func (m *Modem) Send(ctx context.Context, s SMS) (parts int, err error) {
	text, err := m.ask(ctx, map[string]any{"do": "send-sms", "message": s})
	if err != nil {
		return 0, err
	}
	if parts, err = strconv.Atoi(strings.TrimSuffix(text, " SMS")); err != nil {
		return 0, fmt.Errorf("cannot read what the modem says of an SMS: %w", err)
	}
	return parts, nil
}

// Do makes something happen to the modem: unplug, replug, freeze, unfreeze, reset.
func (m *Modem) Do(ctx context.Context, what string) error {
	_, err := m.ask(ctx, map[string]any{"do": what})
	return err
}

// Noise writes bytes to the port.
func (m *Modem) Noise(ctx context.Context, data []byte) error {
	_, err := m.ask(ctx, map[string]any{"do": "noise", "data": data})
	return err
}

// ModemStatus is how a modem is doing.
type ModemStatus struct {
	Port   string
	Stores []struct {
		Store       string
		Used, Total int
	}
	// Network is how many SMS wait until the modem can take them; Received and
	// Deleted are how many were stored and deleted.
	Network, Received, Deleted int
}

// Left is how many SMS are in the modem, and in the network behind it.
func (s ModemStatus) Left() int {
	n := s.Network
	for _, store := range s.Stores {
		n += store.Used
	}
	return n
}

// Status returns how the modem is doing.
func (m *Modem) Status(ctx context.Context) (s ModemStatus, err error) {
	text, err := m.ask(ctx, map[string]any{"do": "status"})
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	if err != nil {
		return s, fmt.Errorf("cannot read the modem's status: %w", err)
	}
	return s, nil
}

// ask sends a request to the modem's control socket, as the commands of the
// emulator do: a line of JSON each way.
func (m *Modem) ask(ctx context.Context, request any) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", m.Link+".control")
	if err != nil {
		return "", fmt.Errorf("cannot reach the modem: %w", err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(stopTime))
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return "", fmt.Errorf("cannot ask the modem: %w", err)
	}
	var reply struct{ Error, Text string }
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return "", fmt.Errorf("the modem does not answer: %w", err)
	}
	if reply.Error != "" {
		return "", fmt.Errorf("the modem refuses: %s", reply.Error)
	}
	return reply.Text, nil
}
