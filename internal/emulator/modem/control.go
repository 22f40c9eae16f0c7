package modem

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// controlTimeout is how long a request and its reply may take.
const controlTimeout = 10 * time.Second

// maxRequest bounds a request in bytes.
const maxRequest = 1 << 20

// Control is a unix socket through which another process makes things happen to
// a modem: a connection for each request, a line of JSON each way.
type Control struct {
	modem    *Modem
	listener net.Listener
	done     sync.WaitGroup
}

// ControlPath returns where the control socket of a modem is, unless it was put
// elsewhere: beside its link.
func ControlPath(link string) string { return link + ".control" }

// Listen opens the control socket of a modem. A socket that nobody listens on any
// more is replaced.
func Listen(ctx context.Context, m *Modem, path string) (*Control, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path); err == nil {
			_ = conn.Close()
			return nil, fmt.Errorf("cannot open the control socket %q: another modem has it", path)
		}
		_ = os.Remove(path)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("cannot open the control socket: %w", err)
	}
	c := &Control{modem: m, listener: listener}
	c.done.Go(c.serve)
	return c, nil
}

// Close closes the socket and waits for the request that is being worked on.
func (c *Control) Close() error {
	err := c.listener.Close()
	c.done.Wait()
	if err != nil {
		return fmt.Errorf("cannot close the control socket: %w", err)
	}
	return nil
}

// serve works on one request at a time.
func (c *Control) serve() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		_ = conn.SetDeadline(time.Now().Add(controlTimeout))
		c.handle(conn)
		_ = conn.Close()
	}
}

func (c *Control) handle(conn net.Conn) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxRequest)
	if !lines.Scan() {
		return
	}
	var r Request
	text, err := "", json.Unmarshal(lines.Bytes(), &r)
	if err == nil {
		text, err = c.modem.Do(r)
	}
	answer := reply{Text: text}
	if err != nil {
		answer.Error = err.Error()
	}
	_ = json.NewEncoder(conn).Encode(answer)
}

// Request asks a modem for something. Do says for what; the other fields are
// its parameters.
type Request struct {
	// Do is one of send-sms, unplug, replug, freeze, unfreeze, reset, fill, clear,
	// noise, urc, register, signal, fail-sending, reports, status and sent.
	Do string `json:"do"`
	// Message and PDU, in hexadecimal, are what send-sms sends; one of them.
	Message *Message `json:"message,omitempty"`
	PDU     string   `json:"pdu,omitempty"`
	// Store and Number are the store to fill and the places to leave free, or the
	// number to set with register, signal and reports.
	Store  string `json:"store,omitempty"`
	Number int    `json:"number,omitempty"`
	// Data is what noise writes; Line and InAnswer what urc says.
	Data     []byte `json:"data,omitempty"`
	Line     string `json:"line,omitempty"`
	InAnswer bool   `json:"in_answer,omitempty"`
	// Fault is that of fail-sending.
	Fault SendFault `json:"fault,omitzero"`
}

type reply struct {
	Error string `json:"error,omitempty"`
	Text  string `json:"text,omitempty"`
}

// Do does what a request asks for, and returns what is to be told.
func (m *Modem) Do(r Request) (string, error) {
	switch r.Do {
	case "send-sms":
		return m.doSend(r)
	case "unplug":
		return "", m.Unplug()
	case "replug":
		return "", m.Replug()
	case "freeze":
		return "", m.Freeze()
	case "unfreeze":
		return "", m.Unfreeze()
	case "reset":
		return "", m.Reset()
	case "fill":
		n, err := m.Fill(r.Store, r.Number)
		return fmt.Sprintf("%d messages", n), err
	case "clear":
		return "", m.Clear()
	case "noise":
		return "", m.Noise(r.Data)
	case "urc":
		return "", m.URC(r.Line, r.InAnswer)
	case "register":
		return "", m.SetRegistration(r.Number)
	case "signal":
		return "", m.SetSignal(r.Number)
	case "fail-sending":
		return "", m.FailSending(r.Fault)
	case "reports":
		return "", m.SetReports(r.Number)
	case "status":
		text, err := json.MarshalIndent(m.Status(), "", "  ")
		return string(text), err
	case "sent":
		var b strings.Builder
		for _, s := range m.Sent() {
			b.WriteString(s.line() + "\n")
		}
		return strings.TrimSuffix(b.String(), "\n"), nil
	}
	return "", fmt.Errorf("unknown request %q", r.Do)
}

func (m *Modem) doSend(r Request) (string, error) {
	if r.Message != nil {
		n, err := m.Receive(*r.Message)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%d SMS", n), nil
	}
	pdu, err := hex.DecodeString(r.PDU)
	if err != nil || len(pdu) == 0 {
		return "", errors.New("the PDU is not hexadecimal")
	}
	return "1 SMS", m.ReceivePDU(pdu)
}

// Ask sends a request to the control socket at path, and returns what it says.
func Ask(ctx context.Context, path string, r Request) (string, error) {
	conn, err := (&net.Dialer{Timeout: controlTimeout}).DialContext(ctx, "unix", path)
	if err != nil {
		return "", fmt.Errorf("cannot reach the modem: %w", err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return "", fmt.Errorf("cannot reach the modem: %w", err)
	}
	var answer reply
	if err := json.NewDecoder(conn).Decode(&answer); err != nil {
		return "", fmt.Errorf("the modem does not answer: %w", err)
	}
	if answer.Error != "" {
		return "", errors.New(answer.Error)
	}
	return answer.Text, nil
}
