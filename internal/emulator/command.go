package emulator

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/emulator/modem"
)

// Exit codes of [Command].
const (
	exitDone    = 0
	exitFailure = 1 // explained on stderr
	exitUsage   = 2
)

// Options are the command line options of the emulator.
type Options struct {
	Config
	// DeviceKeyFile holds one device key a line, besides Config.DeviceKeys.
	DeviceKeyFile string
	// Log is the file to which events go as JSON lines; empty for none.
	Log string
	// LogAll logs the messages that were not taken, too.
	LogAll bool
	// Flat selects the older shape of the cloud's event JSON.
	Flat bool
	// Quiet prints no line for each message.
	Quiet bool
	// Forward is what the cloud hands out.
	Forward ForwardOptions
	// Modem is what runs beside the cloud.
	Modem ModemOptions
	// HTTP is where the page is served, as host:port; empty is no page.
	HTTP string
}

// secretList collects device keys. It never fails, since package flag would
// quote the value in the error, and it never shows them.
type secretList struct{ keys *[]string }

func (secretList) String() string { return "" }

func (l secretList) Set(s string) error {
	*l.keys = append(*l.keys, s)
	return nil
}

// Flags defines the emulator's options on fs and returns what they will set when
// fs has been parsed.
func Flags(fs *flag.FlagSet) *Options {
	o := &Options{}
	fs.StringVar(&o.Address, "address", DefaultAddress, "`HOST:PORT` to listen on; port 0 is any free one")
	fs.BoolVar(&o.AllowRemote, "allow-remote", false, "allow addresses other than loopback (keys and data cross the network in clear text)")
	fs.Var(secretList{&o.DeviceKeys}, "device-key", "accept this device `KEY` of 8 characters; repeatable; without any, every key is accepted")
	fs.StringVar(&o.DeviceKeyFile, "device-key-file", "", "accept the device keys in `FILE`, one a line")
	fs.StringVar(&o.Log, "log", "", "append the messages taken to `FILE`, one JSON object a line, as the cloud hands them out")
	fs.BoolVar(&o.LogAll, "log-all", false, "log refused and lost messages as well")
	fs.BoolVar(&o.Flat, "flat", false, "log in the cloud's older shape: device_id and device_name")
	fs.Var(faultFlag[Faults]{&o.Faults, ParseFaults}, "fail", "fail as `MODE[=DURATION][:N|:P%]`, a comma-separated list; modes: "+strings.Join(Modes(), ", "))
	fs.DurationVar(&o.IdleTimeout, "idle-timeout", DefaultIdleTimeout, "close a connection on which nothing comes for so long")
	fs.IntVar(&o.MaxMessageSize, "max-message-size", DefaultMaxMessageSize, "`BYTES` that a message may have with its terminator")
	fs.IntVar(&o.MaxSMSLength, "max-sms-length", DefaultMaxSMSLength, "`CHARACTERS` that an SMS may have; -1 is no limit")
	fs.BoolVar(&o.Quiet, "quiet", false, "print no line for each message")
	fs.Uint64Var(&o.Seed, "seed", 0, "make --fail with percentages repeatable; 0 is a random seed")
	fs.StringVar(&o.HTTP, "http", "", "serve a page with what happens on `HOST:PORT`; port 0 is any free one")
	forwardFlags(fs, &o.Config, &o.Forward)
	modemFlags(fs, &o.Modem)
	return o
}

// readKeys adds the keys of DeviceKeyFile. Any character may be part of a key, so
// that there are no comments; only empty lines are skipped.
func (o *Options) readKeys() error {
	if o.DeviceKeyFile == "" {
		return nil
	}
	text, err := os.ReadFile(o.DeviceKeyFile)
	if err != nil {
		return fmt.Errorf("cannot read the device keys: %w", err)
	}
	found, number := false, 0
	for line := range bytes.Lines(text) {
		number++
		key := strings.TrimRight(string(line), "\r\n")
		if key == "" {
			continue
		}
		if len(key) != keyLength {
			return fmt.Errorf("line %d of the device key file %q has %d bytes, not %d", number, o.DeviceKeyFile, len(key), keyLength)
		}
		o.DeviceKeys = append(o.DeviceKeys, key)
		found = true
	}
	if !found {
		// Going on would accept every key.
		return fmt.Errorf("device key file %q holds no keys", o.DeviceKeyFile)
	}
	return nil
}

// Command runs the emulator as a command with its arguments (without the name of
// the program and of the command) until ctx ends, or, where the first of them is
// one of the modem's commands, tells a modem that runs elsewhere to do it. The lines of the messages go
// to stdout. "listening on ADDRESS", which a script can wait for, is the first
// line on stderr, where the summary at the end and errors go as well. decode may
// be nil; it is called for several messages at a time.
//
// It returns the exit code: 0 when ctx has ended, 1 for a failure, 2 for wrong
// usage.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer, decode func(string) ([]telegraf.Metric, error)) int {
	if len(args) > 0 && modem.IsCommand(args[0]) {
		return modem.Command(ctx, args, stdout, stderr)
	}
	fs := flag.NewFlagSet("emulator", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {} // not for every wrong option: it would hide the error
	o := Flags(fs)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		usage(fs, stdout)
		return exitDone
	case err != nil:
		return wrongUsage(stderr, err)
	case fs.NArg() > 0:
		// Not quoted: it may be a key.
		return wrongUsage(stderr, fmt.Errorf("%d unexpected argument(s) after the options", fs.NArg()))
	case o.Log == "" && (o.LogAll || o.Flat):
		return wrongUsage(stderr, errors.New("-log-all and -flat have no meaning without -log"))
	}
	if err := errors.Join(o.Modem.check(), o.Forward.check(&o.Config), o.checkPage()); err != nil {
		return wrongUsage(stderr, err)
	}
	o.Decode = decode
	if err := errors.Join(o.readKeys(), o.Forward.read(&o.Config)); err != nil {
		return failed(stderr, err)
	}
	if _, err := New(o.Config); err != nil {
		return wrongUsage(stderr, err)
	}
	if err := run(ctx, o, stdout, stderr); err != nil {
		return failed(stderr, err)
	}
	return exitDone
}

func wrongUsage(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintf(stderr, "emulator: %v\nemulator: -help lists the options\n", err)
	return exitUsage
}

func failed(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintf(stderr, "emulator: %v\n", err)
	return exitFailure
}

func usage(fs *flag.FlagSet, w io.Writer) {
	_, _ = io.WriteString(w, "Usage: emulator [options]\n\nThe Hologram cloud's Socket API on this machine. With -modem, an AT modem as well. Stop it with Ctrl-C.\n\n")
	fs.SetOutput(w)
	fs.PrintDefaults()
	_, _ = io.WriteString(w, "\nCommands to a modem that runs, each with -modem LINK (and -help):\n\n"+modem.CommandUsage())
}

// run serves until ctx ends, or an event cannot be written: a message that is
// answered but missing from the log would mislead whoever compares.
func run(ctx context.Context, o *Options, stdout, stderr io.Writer) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout, stderr = &lockedWriter{to: stdout}, &lockedWriter{to: stderr}
	look := newLook(o)
	if o.Modem.Alone {
		m, err := startModem(ctx, o, nil, look, stdout, stderr)
		if err != nil {
			return err
		}
		m.describe(o.Modem.Link, stderr)
		if err := look.start(ctx, o, m, "", cancel); err != nil {
			return errors.Join(err, m.close())
		}
		look.announce(stderr)
		<-ctx.Done()
		return errors.Join(look.close(), m.close())
	}
	var log *Log
	if o.Log != "" {
		if log, err = OpenLog(o.Log, o.Flat); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, log.Close()) }()
	}
	var failure error // written by OnEvent, which runs one at a time; read when Serve is over
	o.OnEvent = func(e Event) {
		if failure != nil {
			return
		}
		if log != nil && (e.Taken || o.LogAll) {
			failure = log.Write(e)
		}
		if failure == nil && !o.Quiet {
			if _, err := fmt.Fprintln(stdout, e); err != nil {
				failure = fmt.Errorf("cannot print: %w", err)
			}
		}
		if failure != nil {
			cancel(failure)
			return
		}
		look.event(e)
	}
	if !o.Quiet {
		o.Webhooks.OnDelivery = func(d Delivery) {
			if d.Err != nil {
				_, _ = fmt.Fprintln(stdout, d)
			}
		}
	}
	s, err := New(o.Config)
	if err != nil {
		return err
	}
	if err := o.Forward.load(s, stderr); err != nil {
		return err
	}
	m, err := startModem(ctx, o, s, look, stdout, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	ln, err := s.listen(ctx, s.cfg.Address)
	if err != nil {
		return err
	}
	if err := s.listenAPI(ctx); err != nil {
		return errors.Join(err, ln.Close())
	}
	if err := look.start(ctx, o, m, ln.Addr().String(), cancel); err != nil {
		return errors.Join(err, ln.Close())
	}
	// Before the modem, which it asks.
	defer func() { err = errors.Join(err, look.close()) }()
	start := time.Now()
	_, _ = fmt.Fprintf(stderr, "listening on %s\n", ln.Addr())
	_, _ = fmt.Fprintln(stderr, s.summary())
	m.describe(o.Modem.Link, stderr)
	s.announce(stderr)
	look.announce(stderr)
	err = s.Serve(ctx, ln)
	// Before the log is closed: what the modem sends goes there, too.
	err = errors.Join(err, look.close(), m.close())
	_, _ = fmt.Fprintf(stderr, "%s in %s\n", s.Counters(), time.Since(start).Round(100*time.Millisecond))
	if s.webhooks != nil {
		_, _ = fmt.Fprintln(stderr, s.Counters().Webhooks)
	}
	return errors.Join(err, failure)
}

// summary says in a line how the server is set up.
func (s *Server) summary() string {
	text := "accepting every device key of 8 characters"
	if n := len(s.cfg.DeviceKeys); n > 0 {
		text = "accepting " + plural(int64(n), "device key")
	}
	return text + s.failing(s.cfg.Faults.String(), s.cfg.Faults.random())
}

// String returns the counters in a line for people.
func (c Counters) String() string {
	text := fmt.Sprintf("%s taken with %s, %d SMS, %d refused, %d lost, %s received, %s answered",
		plural(c.Messages, "message"), plural(c.Metrics, "metric"), c.SMS, c.Refused, c.Lost, plural(c.BytesIn, "byte"), plural(c.BytesOut, "byte"))
	if c.ModemSMS > 0 {
		text += fmt.Sprintf(", %d SMS of the modem", c.ModemSMS)
	}
	if c.Undecoded > 0 {
		text += fmt.Sprintf(" (%s without metrics)", plural(c.Undecoded, "message"))
	}
	return text
}

func plural(n int64, noun string) string { return pluralOf(n, noun, noun+"s") }

func pluralOf(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
