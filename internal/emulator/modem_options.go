package emulator

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"telegraf-hologram/internal/emulator/modem"
)

// ModemOptions are the command line options of the modem. There is none without
// Link.
type ModemOptions struct {
	modem.Config
	// Control is where its control socket is; empty is beside Link.
	Control string
	// Lines prints what the modem is sent and what it says.
	Lines bool
	// Alone runs no cloud beside it.
	Alone bool
}

// modemFlags defines the modem's options on fs.
func modemFlags(fs *flag.FlagSet, o *ModemOptions) {
	fs.StringVar(&o.Link, "modem", "", "run a modem, too; its port is `LINK`")
	fs.StringVar(&o.Profile, "modem-profile", "", "the modem's `MAKER`: "+strings.Join(modem.Profiles(), ", ")+"; empty is generic")
	fs.StringVar(&o.PIN, "modem-pin", "", "`PIN` that its SIM wants")
	fs.DurationVar(&o.SIMBusy, "modem-sim-busy", 0, "its SIM is busy for so long after each start")
	fs.BoolVar(&o.TextOnly, "modem-text-only", false, "it knows no PDU mode")
	fs.DurationVar(&o.Chatter, "modem-chatter", 0, "how often it talks of its own accord, where the maker's does; 0 is never")
	fs.DurationVar(&o.Delay, "modem-delay", 0, "how long a command takes")
	fs.Var(storeSizes{&o.Stores}, "modem-stores", "`SIZES` of its stores, as SM=10,ME=50")
	fs.IntVar(&o.Ports, "modem-ports", 1, "how many AT ports it has, 1 or 2; the second is LINK"+modem.SecondPort)
	fs.BoolVar(&o.Lines, "modem-lines", false, "print what it is sent and what it says to stderr")
	fs.StringVar(&o.Control, "control", "", "`SOCKET` for commands to the modem; empty is LINK.control")
	fs.BoolVar(&o.Alone, "no-cloud", false, "only the modem")
}

// storeSizes is a flag with the sizes of stores.
type storeSizes struct{ sizes *map[string]int }

func (s storeSizes) String() string { return "" }

func (s storeSizes) Set(text string) (err error) {
	*s.sizes, err = modem.ParseStores(text)
	return err
}

// check says what is wrong with the options.
func (o *ModemOptions) check() error {
	if o.Link == "" {
		if o.Profile != "" || o.PIN != "" || o.SIMBusy != 0 || o.TextOnly || o.Chatter != 0 || o.Delay != 0 || o.Stores != nil || o.Ports != 1 || o.Lines || o.Control != "" || o.Alone {
			return errors.New("the options of the modem have no meaning without -modem")
		}
		return nil
	}
	if o.Ports != 1 && o.Ports != 2 {
		return fmt.Errorf("a modem has 1 or 2 ports, not %d", o.Ports)
	}
	_, err := modem.ProfileByName(o.Profile)
	return err
}

// runningModem is a modem with its control socket.
type runningModem struct {
	*modem.Modem
	control *modem.Control
	path    string
	lines   *heldWriter
	closed  bool
}

// startModem starts the modem of the options, if there is one. The cloud, if it is
// not nil, takes the SMS that go to its number.
func startModem(ctx context.Context, o *Options, cloud *Server, look *look, stdout, stderr io.Writer) (*runningModem, error) {
	if o.Modem.Link == "" {
		return nil, nil //nolint:nilnil // no modem is no error
	}
	cfg := o.Modem.Config
	if !o.Quiet {
		cfg.OnEvent = func(text string) {
			fmt.Fprintf(stdout, "%s  modem       %s\n", time.Now().Format("15:04:05.000"), text)
		}
	}
	cfg.OnSent = func(s modem.Sent) {
		look.sent(s)
		if cloud != nil && strings.TrimPrefix(s.To, "+") == CloudNumber {
			cloud.TakeModemSMS(s.Body())
		}
	}
	cfg.OnReceived = look.received
	// A script waits for the lines that say where cloud and modem are: they come
	// before what the modem says.
	lines := &heldWriter{to: stderr}
	if o.Modem.Lines {
		cfg.Trace = func(sent bool, line string) {
			mark := '<'
			if sent {
				mark = '>'
			}
			fmt.Fprintf(lines, "modem %c %s\n", mark, line)
		}
	}
	path := o.Modem.Control
	if path == "" {
		path = modem.ControlPath(o.Modem.Link)
	}
	m, err := modem.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	control, err := modem.Listen(ctx, m, path)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &runningModem{Modem: m, control: control, path: path, lines: lines}, nil
}

// close ends the modem the first time; nil is none.
func (m *runningModem) close() error {
	if m == nil || m.closed {
		return nil
	}
	m.closed = true
	return errors.Join(m.control.Close(), m.Close())
}

// describe says what there is.
func (m *runningModem) describe(link string, w io.Writer) {
	if m != nil {
		status, second := m.Status(), ""
		if status.Second != "" {
			second = ", " + link + modem.SecondPort + " on " + status.Second
		}
		fmt.Fprintf(w, "modem %s (%s) on %s%s, control socket %s\n", link, m.Profile().Name, status.Port, second, m.path)
		m.lines.release()
	}
}

// heldWriter keeps what is written until release.
type heldWriter struct {
	mu       sync.Mutex
	to       io.Writer
	held     []byte
	released bool
}

func (w *heldWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.released {
		w.held = append(w.held, b...)
		return len(b), nil
	}
	return w.to.Write(b)
}

func (w *heldWriter) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.to.Write(w.held)
	w.held, w.released = nil, true
}

// lockedWriter lets several goroutines print whole lines.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}
