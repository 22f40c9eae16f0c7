package hologram

import (
	"errors"
	"hash/crc32"
	"slices"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

// State is what the plugin remembers over a restart.
type State struct {
	// Sequence is the number of the next message.
	Sequence uint16 `json:"sequence"`
	// Sending describes the message that was out, or whose fate was unknown.
	Sending *trace `json:"sending,omitempty"`
	// Addresses are those of the cloud, as they were looked up last.
	Addresses []socketapi.CachedAddress `json:"addresses,omitempty"`
}

// trace is enough of a message to make the same again from the same metrics.
type trace struct {
	Sequence uint16 `json:"sequence"`
	Metrics  int    `json:"metrics"`
	Checksum uint32 `json:"checksum"` // of data and topics
}

// errState says that a state is not one of this plugin.
var errState = errors.New("restoring the state: not a state of this plugin")

// GetState returns a [*State]. It implements telegraf.StatefulPlugin.
func (h *Hologram) GetState() any {
	s := &State{Sequence: uint16(h.sequence), Sending: h.sending, Addresses: h.addresses}
	if h.client != nil {
		s.Addresses = h.client.Addresses()
	}
	return s
}

// SetState takes over what an earlier run remembered, before Connect. It
// implements telegraf.StatefulPlugin.
func (h *Hologram) SetState(state any) error {
	s, ok := state.(*State)
	if !ok || s.Sequence >= payload.SequenceLimit {
		return errState
	}
	h.sequence, h.resume, h.addresses = payload.Sequence(s.Sequence), s.Sending, s.Addresses
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

// recall makes the message again that was out when the process ended, so that
// the cloud gets the very same if it gets it twice. That needs the same metrics
// first, in the same order; where they are not, it is not needed either.
func (h *Hologram) recall(metrics []telegraf.Metric) {
	r := h.resume
	h.resume = nil
	if r == nil || r.Metrics < 1 || r.Metrics > len(metrics) || h.inflight != nil {
		return
	}
	seq := payload.Sequence(r.Sequence)
	m, err := h.packer.exactly(metrics, r.Metrics, seq)
	if err != nil {
		return
	}
	f := &inflight{metrics: slices.Clone(metrics[:r.Metrics]), message: m, sequence: seq, tries: 1, doubts: 1}
	if f.checksum() != r.Checksum {
		return
	}
	h.inflight = f
	if h.sequence == seq {
		h.sequence = seq.Next()
	}
}
