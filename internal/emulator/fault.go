package emulator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"telegraf-hologram/internal/socketapi"
)

const maxFaultDuration = time.Hour

// mode is one way for a server to behave.
type mode uint8

const (
	modeOK                 mode = iota // as the documents say
	modeNeverAnswer                    // reads, then says nothing and keeps the connection open
	modeCloseWithoutAnswer             // reads, then FIN
	modePartialAnswer                  // `[0,`, then FIN
	modeReset                          // reads, then RST
	modePartialAnswerReset             // `[0,`, then RST
	modeAnswerReset                    // whole answer, then RST
	modeAcceptClose                    // RST when data has come, no message read
	modeCloseUnread                    // FIN at once, nothing read by the application
	modeLateAnswer                     // whole answer after a delay
	modeSlow                           // answer byte by byte, each after a delay
	modeCode                           // refuses with a code
	modeJunk                           // answers what is no Socket API answer
	modeIdleLimit                      // a shorter idle limit
	modeRefuse                         // the listener is closed for a time
)

// modeInfo describes a mode for the parser of --fail.
type modeInfo struct {
	name  string
	mode  mode
	code  socketapi.Code // of modeCode
	taken bool           // whether the message counts as taken by the cloud
	both  bool           // whether -taken and -lost variants exist
	delay time.Duration  // default of modes that take =DURATION, 0 for others

	status int // of apiStatus
}

// modeTable lists every mode by the name that a user gives it.
func modeTable() []modeInfo {
	table := []modeInfo{
		{name: "ok", mode: modeOK, taken: true},
		{name: "never-answer", mode: modeNeverAnswer, taken: true, both: true},
		{name: "close-without-answer", mode: modeCloseWithoutAnswer, both: true},
		{name: "partial-answer", mode: modePartialAnswer, taken: true},
		{name: "reset", mode: modeReset, both: true},
		{name: "partial-answer-reset", mode: modePartialAnswerReset, taken: true},
		{name: "answer-reset", mode: modeAnswerReset, taken: true},
		{name: "accept-close", mode: modeAcceptClose},
		{name: "close-unread", mode: modeCloseUnread},
		{name: "late-answer", mode: modeLateAnswer, taken: true, delay: 8 * time.Second},
		{name: "slow", mode: modeSlow, taken: true, delay: 200 * time.Millisecond},
		{name: "junk", mode: modeJunk, both: true},
		{name: "idle-limit", mode: modeIdleLimit, taken: true, delay: 200 * time.Millisecond},
		{name: "refuse", mode: modeRefuse, delay: 5 * time.Second},
	}
	// Code 9 stands for one that nobody has published.
	for code := socketapi.CodeClosedEarly; code <= 9; code++ {
		table = append(table, modeInfo{
			name: "code-" + strconv.Itoa(int(code)),
			mode: modeCode,
			code: code,
			// "Message might be fine", and what an internal error leaves behind nobody knows.
			both: code == socketapi.CodeClosedEarly || code == socketapi.CodeInternal,
		})
	}
	return table
}

// Modes returns the names of all failure modes that [ParseFaults] knows, with
// their variants.
func Modes() []string { return modeNames(modeTable()) }

func modeNames(table []modeInfo) []string {
	var names []string
	for _, m := range table {
		names = append(names, m.name)
		if m.both {
			names = append(names, m.name+"-taken", m.name+"-lost")
		}
	}
	return names
}

// fault is one mode with its parameters.
type fault struct {
	name    string
	mode    mode
	code    socketapi.Code
	taken   bool
	delay   time.Duration
	timed   bool    // the delay was given
	status  int     // of apiStatus
	count   int     // connections; 0 with percent 0 is all of them
	percent float64 // of the connections, at random
}

func (f fault) String() string {
	s := f.name
	if f.timed {
		s += "=" + f.delay.String()
	}
	switch {
	case f.mode == modeRefuse && f.count == 1 && f.timed:
		// once is what it does anyway
	case f.count > 0:
		s += ":" + strconv.Itoa(f.count)
	case f.percent > 0:
		s += ":" + strconv.FormatFloat(f.percent, 'g', -1, 64) + "%"
	}
	return s
}

// label names the fault in an event: nothing for normal work.
func (f fault) label() string {
	if f.mode == modeOK {
		return ""
	}
	return f.name
}

// reason says why a valid message was not taken.
func (f fault) reason() string {
	if f.mode == modeCode {
		return f.code.String()
	}
	return "valid, but lost"
}

// Faults says how the emulator fails, connection by connection. The zero value
// is no failure. A value does not change and may be shared.
type Faults struct {
	list []fault
}

// String returns the text that [ParseFaults] reads back.
func (f Faults) String() string {
	parts := make([]string, len(f.list))
	for i, one := range f.list {
		parts[i] = one.String()
	}
	return strings.Join(parts, ",")
}

// random reports whether chance decides about a connection.
func (f Faults) random() bool {
	return slices.ContainsFunc(f.list, func(one fault) bool { return one.percent > 0 })
}

// ParseFaults reads a comma-separated list of MODE[=DURATION][:N|:P%].
//
// Modes with a count come first, in their order, one connection after another:
// "reset:3,code-6:2" resets three connections and answers code 6 to the two
// after them. Then either one mode without a count stays for good, or the modes
// with a percentage are drawn at random for each connection; without either the
// emulator works normally. Durations are Go's ("8s", "200ms"), up to an hour,
// for the modes that wait. The error of a wrong name lists the right ones.
func ParseFaults(s string) (Faults, error) { return parseFaults(s, modeTable()) }

// parseFaults reads a list of which one mode applies at a time.
func parseFaults(s string, table []modeInfo) (Faults, error) {
	var faults Faults
	if strings.TrimSpace(s) == "" {
		return faults, nil
	}
	var always string
	var percent float64
	for part := range strings.SplitSeq(s, ",") {
		one, err := parseFault(strings.TrimSpace(part), table)
		if err != nil {
			return Faults{}, err
		}
		percent += one.percent
		if one.count == 0 && one.percent == 0 {
			if always != "" {
				return Faults{}, fmt.Errorf("failure modes %q and %q both have neither a count nor a percentage: only one mode can stay for good", always, one)
			}
			always = one.String()
		}
		faults.list = append(faults.list, one)
	}
	if always != "" && percent > 0 {
		return Faults{}, fmt.Errorf("failure mode %q stays for good, which leaves nothing for the modes with a percentage: give it a count or a percentage", always)
	}
	if percent > 100 {
		return Faults{}, fmt.Errorf("percentages of the failure modes sum up to %g, more than 100", percent)
	}
	return faults, nil
}

func parseFault(s string, table []modeInfo) (fault, error) {
	spec, amount, hasAmount := strings.Cut(s, ":")
	name, delay, hasDelay := strings.Cut(spec, "=")
	f, err := lookUpMode(name, table)
	if err != nil {
		return f, err
	}
	if hasDelay {
		if f.delay == 0 {
			return f, fmt.Errorf("failure mode %q takes no duration", name)
		}
		d, err := time.ParseDuration(delay)
		if err != nil || d <= 0 || d > maxFaultDuration {
			return f, fmt.Errorf("duration %q of failure mode %q is not one like 200ms or 8s, above 0 and up to %s", delay, name, maxFaultDuration)
		}
		f.delay, f.timed = d, true
	}
	if hasAmount {
		if err := f.parseAmount(amount); err != nil {
			return f, err
		}
	}
	if f.mode == modeRefuse {
		if f.count > 1 {
			return f, errors.New("failure mode \"refuse\" is measured in time, not in connections: use refuse=DURATION")
		}
		if f.timed && !hasAmount {
			f.count = 1
		}
	}
	return f, nil
}

func (f *fault) parseAmount(s string) error {
	if p, isPercent := strings.CutSuffix(s, "%"); isPercent {
		v, err := strconv.ParseFloat(p, 64)
		// The form of the comparison also refuses NaN.
		if err != nil || !(v > 0 && v <= 100) {
			return fmt.Errorf("percentage %q of failure mode %q is not above 0%% and up to 100%%", s, f.name)
		}
		f.percent = v
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return fmt.Errorf("count %q of failure mode %q is neither a whole number from 1 nor a percentage like 5%%", s, f.name)
	}
	f.count = n
	return nil
}

func lookUpMode(name string, table []modeInfo) (fault, error) {
	for _, m := range table {
		f := fault{name: name, mode: m.mode, code: m.code, taken: m.taken, delay: m.delay, status: m.status}
		switch {
		case name == m.name:
			return f, nil
		case m.both && name == m.name+"-taken":
			f.taken = true
			return f, nil
		case m.both && name == m.name+"-lost":
			f.taken = false
			return f, nil
		}
	}
	return fault{}, fmt.Errorf("unknown failure mode %q, want one of %s", name, strings.Join(modeNames(table), ", "))
}

// plan hands out the faults to the connections in the order of their arrival.
type plan struct {
	mu      sync.Mutex
	queue   []fault // with counts, in their order
	always  fault   // when the queue is empty; modeOK if nothing else
	random  []fault // when the queue is empty
	rng     *rand.Rand
	refusal time.Duration // drawn at random for after the connection just accepted
	changed chan struct{} // closed when set is called
}

func newPlan(seed uint64) *plan {
	return &plan{
		rng:     rand.New(rand.NewPCG(seed, 0)), // reproducible on purpose, protects nothing
		changed: make(chan struct{}),
	}
}

func (p *plan) set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue, p.random, p.always, p.refusal = nil, nil, fault{taken: true}, 0
	for _, one := range f.list {
		switch {
		case one.count > 0:
			p.queue = append(p.queue, one)
		case one.percent > 0:
			p.random = append(p.random, one)
		default:
			p.always = one
		}
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// wantsRefusal reports whether refusing would say yes, without taking its turn.
func (p *plan) wantsRefusal() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) > 0 {
		return p.queue[0].mode == modeRefuse
	}
	return p.refusal > 0 || p.always.mode == modeRefuse
}

// next returns the fault of a connection that has just been accepted.
func (p *plan) next() fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	normal := fault{taken: true}
	if len(p.queue) > 0 {
		f := &p.queue[0]
		if f.mode == modeRefuse {
			// Set while this connection was being accepted: it is for the time after it.
			return normal
		}
		one := *f
		if f.count--; f.count == 0 {
			p.queue = p.queue[1:]
		}
		return one
	}
	if len(p.random) > 0 {
		at := p.rng.Float64() * 100
		for _, f := range p.random {
			if at -= f.percent; at >= 0 {
				continue
			}
			if f.mode == modeRefuse {
				p.refusal = f.delay
				return normal
			}
			return f
		}
		return normal
	}
	if p.always.mode == modeRefuse {
		return normal
	}
	return p.always
}

// refusing reports whether the listener is to be closed now: for how long (0 is
// until the faults are changed), and a channel that tells of a change.
func (p *plan) refusing() (d time.Duration, changed <-chan struct{}, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.refusal > 0:
		d, yes = p.refusal, true
		p.refusal = 0
	case len(p.queue) > 0 && p.queue[0].mode == modeRefuse:
		d, yes = p.queue[0].delay, true
		p.queue = p.queue[1:]
	case len(p.queue) == 0 && p.always.mode == modeRefuse:
		yes = true
	}
	return d, p.changed, yes
}
