package hologram

import (
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

// State is what the plugin remembers over a restart. It is an execd.State.
type State struct {
	// Sequence is the number of the next message.
	Sequence uint16
	// Sending describes the message that was out, or whose fate was unknown.
	Sending *trace
	// SMS is the number of the next payload that goes as SMS.
	SMS uint16
	// Addresses are those of the cloud, as they were looked up last.
	Addresses []socketapi.CachedAddress
}

// trace is enough of a message to make the same again from the same metrics.
type trace struct {
	Sequence uint16
	Metrics  int
	Checksum uint32 // of data and topics
}

var _ execd.State = (*State)(nil)

// MarshalText returns the state as lines of words:
//
//	sequence NUMBER
//	sending NUMBER METRICS CHECKSUM
//	sms NUMBER
//	address FAMILY ADDRESS SECONDS HOST
//
// The checksum is hexadecimal, and the seconds are those from 1970 to the lookup.
// The first line is always there, the second and third at most once.
func (s *State) MarshalText() ([]byte, error) {
	b := fmt.Appendf(nil, "sequence %d\n", s.Sequence)
	if t := s.Sending; t != nil {
		b = fmt.Appendf(b, "sending %d %d %08x\n", t.Sequence, t.Metrics, t.Checksum)
	}
	if s.SMS > 0 {
		b = fmt.Appendf(b, "sms %d\n", s.SMS)
	}
	for _, a := range s.Addresses {
		if !a.Address.IsValid() || a.Address.Zone() != "" || strings.Contains(a.Host, "\n") {
			continue // no lookup gives such ones
		}
		b = fmt.Appendf(b, "address %d %s %d %s\n", a.Family, a.Address, a.LookedUp.Unix(), a.Host)
	}
	return b, nil
}

// UnmarshalText reads what MarshalText returns. Lines of other kinds, which a
// later version may have, are passed over.
func (s *State) UnmarshalText(text []byte) error {
	*s = State{}
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		var err error
		switch {
		case (kind == "sequence") != (i == 0):
			return errState
		case kind == "sequence":
			s.Sequence, err = number16(rest)
		case kind == "sending" && s.Sending == nil:
			s.Sending, err = parseTrace(rest)
		case kind == "sending":
			return errState
		case kind == "sms":
			s.SMS, err = number16(rest)
		case kind == "address":
			var a socketapi.CachedAddress
			a, err = parseAddress(rest)
			s.Addresses = append(s.Addresses, a)
		}
		if err != nil {
			return fmt.Errorf("%w: line %d: %w", errState, i+1, err)
		}
	}
	return nil
}

func number16(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err
}

func parseTrace(text string) (*trace, error) {
	words := strings.SplitN(text, " ", 3)
	if len(words) < 3 {
		return nil, errWords
	}
	sequence, err := number16(words[0])
	metrics, err2 := strconv.Atoi(words[1])
	checksum, err3 := strconv.ParseUint(words[2], 16, 32)
	return &trace{sequence, metrics, uint32(checksum)}, errors.Join(err, err2, err3)
}

func parseAddress(text string) (socketapi.CachedAddress, error) {
	words := strings.SplitN(text, " ", 4)
	if len(words) < 4 {
		return socketapi.CachedAddress{}, errWords
	}
	family, err := strconv.Atoi(words[0])
	address, err2 := netip.ParseAddr(words[1])
	seconds, err3 := strconv.ParseInt(words[2], 10, 64)
	a := socketapi.CachedAddress{Host: words[3], Family: family, Address: address, LookedUp: time.Unix(seconds, 0).UTC()}
	return a, errors.Join(err, err2, err3)
}

// errState says that a state is not one of this plugin.
var errState = errors.New("restoring the state: not a state of this plugin")

var errWords = errors.New("words are missing")

// GetState returns a [*State] that is the caller's. It implements
// telegraf.StatefulPlugin.
func (h *Hologram) GetState() any {
	s := &State{Sequence: uint16(h.sequence), Sending: h.sending, SMS: uint16(h.smsSequence), Addresses: h.addresses}
	if h.client != nil {
		s.Addresses = h.client.Addresses()
	}
	return s
}

// SetState takes over what an earlier run remembered, before Connect. It
// implements telegraf.StatefulPlugin.
func (h *Hologram) SetState(state any) error {
	s, ok := state.(*State)
	if !ok || s.Sequence >= payload.SequenceLimit || s.SMS >= payload.SequenceLimit {
		return errState
	}
	h.sequence, h.resume, h.addresses = payload.Sequence(s.Sequence), s.Sending, s.Addresses
	h.smsSequence = payload.Sequence(s.SMS)
	return nil
}

// OnExchange sets the functions to call before and after each exchange with
// the cloud. It implements execd.ExchangeReporter.
func (h *Hologram) OnExchange(begin func(), end func(execd.Exchange)) {
	h.begin, h.end = begin, end
}

// trace describes the message while it is out.
func (f *inflight) trace() *trace {
	return &trace{Sequence: uint16(f.sequence), Metrics: len(f.metrics), Checksum: f.checksum()}
}

func (f *inflight) checksum() uint32 {
	sum := crc32.ChecksumIEEE([]byte(f.data))
	for _, t := range f.topics {
		sum = crc32.Update(sum, crc32.IEEETable, append([]byte{0}, t...))
	}
	return sum
}

// recallOffsets is how many metrics may be before those of a message that is
// made again.
const recallOffsets = 64

// recall makes the message again that was out when the process ended, so that
// the cloud gets the very same if it gets it twice. That needs the same metrics
// one behind the other, in the same order. Urgent ones may be before them, which
// came later or which the cloud has taken in a message after it. Where they are
// not there, it is not needed either.
func (h *Hologram) recall(metrics []telegraf.Metric) {
	r := h.resume
	h.resume = nil
	if r == nil || r.Metrics < 1 || r.Metrics > len(metrics) || h.inflight != nil {
		return
	}
	seq := payload.Sequence(r.Sequence)
	for from := range min(recallOffsets, len(metrics)-r.Metrics) + 1 {
		m, err := h.packer.exactly(metrics[from:], r.Metrics, seq)
		if err != nil {
			continue
		}
		f := &inflight{metrics: slices.Clone(metrics[from : from+r.Metrics]), message: m, sequence: seq, tries: 1, doubts: 1}
		if f.checksum() != r.Checksum {
			continue
		}
		h.inflight = f
		if h.sequence == seq {
			h.sequence = seq.Next()
		}
		return
	}
}
