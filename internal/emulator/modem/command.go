package modem

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/cli"
)

// action is a command of the command line that makes something happen to a
// modem that runs in another process.
type action struct {
	name, args, help string
	// flags defines its options, and request makes the request of them and of the
	// other arguments.
	flags func(fs *flag.FlagSet) (request func(args []string) (Request, error))
}

// simple is an action without options and arguments.
func simple(name, help string) action {
	return action{name: name, help: help, flags: func(*flag.FlagSet) func([]string) (Request, error) {
		return func(args []string) (Request, error) {
			if len(args) > 0 {
				return Request{}, errors.New("unexpected argument")
			}
			return Request{Do: name}, nil
		}
	}}
}

// numbered is an action with a number.
func numbered(name, arg, help string) action {
	return action{name: name, args: arg, help: help, flags: func(*flag.FlagSet) func([]string) (Request, error) {
		return func(args []string) (Request, error) {
			if len(args) != 1 {
				return Request{}, fmt.Errorf("want one %s", arg)
			}
			n, err := strconv.Atoi(args[0])
			if err != nil {
				return Request{}, fmt.Errorf("%s is not a number", arg)
			}
			return Request{Do: name, Number: n}, nil
		}
	}}
}

func actions() []action {
	return []action{
		{"send-sms", "TEXT", "have the network deliver an SMS, split where it is long", sendFlags},
		simple("unplug", "take the modem out: the port hangs up and the link is gone"),
		simple("replug", "put it in again"),
		simple("freeze", "say and do nothing until unfreeze"),
		simple("unfreeze", "go on, with what has come meanwhile"),
		simple("reset", "restart the modem, while its port stays"),
		{"fill", "", "fill a store with messages", fillFlags},
		simple("clear", "empty all stores"),
		{"noise", "HEX", "write bytes to the port", noiseFlags},
		{"urc", "LINE", "say a line of the modem's own accord", urcFlags},
		numbered("register", "STAT", "set the registration: 0 off, 1 home, 2 searching, 3 denied, 5 roaming"),
		numbered("signal", "RSSI", "set the signal: 0 to 31, or 99 for unknown"),
		{"fail-sending", "MODE", "fail to send: " + strings.Join(SendFaults(), ", "), failFlags},
		numbered("reports", "STATUS", "TP-ST of the status reports: 0 delivered, 70 expired; -1 is none"),
		simple("status", "print how the modem is doing, as JSON"),
		simple("sent", "print what was sent through the modem"),
	}
}

// Encodings and classes by their names on the command line.
func encodingByName(name string) (Encoding, error) {
	i := slices.Index([]string{"auto", "gsm7", "ucs2", "data"}, name)
	if i < 0 {
		return Auto, fmt.Errorf("unknown encoding %q, want auto, gsm7, ucs2 or data", name)
	}
	return Encoding(i), nil
}

func sendFlags(fs *flag.FlagSet) func([]string) (Request, error) {
	from := fs.String("from", "+15550100", "`NUMBER` of the sender, or its name")
	pdu := fs.String("pdu", "", "deliver this PDU as it is, SMSC address and TPDU in `HEX`, in place of a text")
	encoding := fs.String("encoding", "auto", "auto, gsm7, ucs2 or data (8-bit)")
	class := fs.Int("class", -1, "message class, 0 to 3; -1 is none")
	ref16 := fs.Bool("ref16", false, "number parts with a reference of 16 bits")
	center := fs.String("service-center", "", "`NUMBER` of the service center")
	at := fs.String("time", "", "time stamp as 2006-01-02T15:04:05+01:00; empty is now")
	return func(args []string) (Request, error) {
		if *pdu != "" {
			if len(args) > 0 {
				return Request{}, errors.New("either a text or -pdu")
			}
			return Request{Do: "send-sms", PDU: *pdu}, nil
		}
		if len(args) != 1 {
			return Request{}, errors.New("want one text, in quotes")
		}
		as, err := encodingByName(*encoding)
		if err != nil {
			return Request{}, err
		}
		if *class < -1 || *class > 3 {
			return Request{}, fmt.Errorf("class %d is not from 0 to 3", *class)
		}
		m := Message{From: *from, Text: args[0], Encoding: as, Class: Class(*class + 1), Ref16: *ref16, ServiceCenter: *center}
		if *at != "" {
			if m.Time, err = time.Parse(time.RFC3339, *at); err != nil {
				return Request{}, fmt.Errorf("time %q is not as 2006-01-02T15:04:05+01:00", *at)
			}
		}
		return Request{Do: "send-sms", Message: &m}, nil
	}
}

func fillFlags(fs *flag.FlagSet) func([]string) (Request, error) {
	store := fs.String("store", "", "`NAME` of the store; empty is the first one")
	free := fs.Int("free", 0, "places to leave free")
	return func(args []string) (Request, error) {
		if len(args) > 0 {
			return Request{}, errors.New("unexpected argument")
		}
		return Request{Do: "fill", Store: *store, Number: *free}, nil
	}
}

func noiseFlags(*flag.FlagSet) func([]string) (Request, error) {
	return func(args []string) (Request, error) {
		if len(args) != 1 {
			return Request{}, errors.New("want the bytes in hexadecimal")
		}
		data, err := hex.DecodeString(args[0])
		if err != nil {
			return Request{}, errors.New("want the bytes in hexadecimal")
		}
		return Request{Do: "noise", Data: data}, nil
	}
}

func urcFlags(fs *flag.FlagSet) func([]string) (Request, error) {
	inAnswer := fs.Bool("in-answer", false, "in the middle of the next answer")
	return func(args []string) (Request, error) {
		if len(args) != 1 {
			return Request{}, errors.New("want one line, in quotes")
		}
		return Request{Do: "urc", Line: args[0], InAnswer: *inAnswer}, nil
	}
}

func failFlags(fs *flag.FlagSet) func([]string) (Request, error) {
	code := fs.Int("code", 38, "the `N` of +CMS ERROR, for cms-error and refuse; -1 is ERROR alone")
	times := fs.Int("times", 1, "for how many SMS; -1 is all")
	after := fs.Duration("after", 5*time.Second, "the delay of slow and late")
	return func(args []string) (Request, error) {
		if len(args) != 1 {
			return Request{}, errors.New("want one MODE")
		}
		return Request{Do: "fail-sending", Fault: SendFault{Mode: args[0], Code: *code, Times: *times, After: *after}}, nil
	}
}

// IsCommand tells whether name is one of the commands of [Command].
func IsCommand(name string) bool {
	return slices.ContainsFunc(actions(), func(a action) bool { return a.name == name })
}

// Commands describes the commands of [Command], as commands of the emulator.
func Commands() []cli.Command {
	var all []cli.Command
	for _, a := range actions() {
		all = append(all, cli.Command{Name: "emulator " + a.name, Args: a.args, Summary: a.help, Detail: true})
	}
	return all
}

// CommandUsage is the list of the commands for people.
func CommandUsage() string {
	var b strings.Builder
	for _, a := range actions() {
		fmt.Fprintf(&b, "  emulator %-18s %s\n", strings.TrimSpace(a.name+" "+a.args), a.help)
	}
	return b.String()
}

// Command makes something happen to a modem that runs elsewhere: args are the
// command's name, options and arguments. It returns the exit code: 0 when it is
// done, 1 for a failure, 2 for wrong usage.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	all := actions()
	i := slices.IndexFunc(all, func(a action) bool { return len(args) > 0 && a.name == args[0] })
	if i < 0 {
		fmt.Fprintf(stderr, "emulator: unknown command; these are known:\n%s", CommandUsage())
		return 2
	}
	a := all[i]
	fs := flag.NewFlagSet(a.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	link := fs.String("modem", "", "`LINK` of the modem, whose control socket is LINK.control")
	control := fs.String("control", "", "`SOCKET` of the modem, if it is elsewhere")
	request := a.flags(fs)
	if err := fs.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stdout, "Usage: emulator %s [options] %s\n\n%s.\n\n", a.name, a.args, a.help)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return 0
	} else if err != nil {
		return wrongUsage(stderr, a, err)
	}
	path := *control
	if path == "" && *link != "" {
		path = ControlPath(*link)
	}
	r, err := request(fs.Args())
	switch {
	case err != nil:
		return wrongUsage(stderr, a, err)
	case path == "":
		return wrongUsage(stderr, a, errors.New("which modem? -modem LINK or -control SOCKET says it"))
	}
	text, err := Ask(ctx, path, r)
	if err != nil {
		fmt.Fprintf(stderr, "emulator %s: %v\n", a.name, err)
		return 1
	}
	if text != "" {
		fmt.Fprintln(stdout, text)
	}
	return 0
}

func wrongUsage(stderr io.Writer, a action, err error) int {
	fmt.Fprintf(stderr, "emulator %s: %v\nemulator %s -help lists the options\n", a.name, err, a.name)
	return 2
}

// ParseStores reads sizes of stores, as "SM=10,ME=50".
func ParseStores(text string) (map[string]int, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no sizes are no error
	}
	sizes := make(map[string]int)
	for item := range strings.SplitSeq(text, ",") {
		name, size, ok := strings.Cut(item, "=")
		n, err := strconv.Atoi(size)
		if !ok || err != nil || name == "" {
			return nil, fmt.Errorf("stores %q are not as SM=10,ME=50", text)
		}
		sizes[strings.ToUpper(name)] = n
	}
	return sizes, nil
}
