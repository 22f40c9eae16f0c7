package emulator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// What can happen to a webhook on its way.
const (
	hookDrop      mode = iota + 128 // it is never sent
	hookDuplicate                   // it is sent twice
	hookDelay                       // it is sent later
	hookReorder                     // it is sent later by a time at random
)

func hookModeTable() []modeInfo {
	return []modeInfo{
		{name: "drop", mode: hookDrop},
		{name: "duplicate", mode: hookDuplicate},
		{name: "delay", mode: hookDelay, delay: 2 * time.Second},
		{name: "reorder", mode: hookReorder, delay: time.Second},
	}
}

// WebhookModes returns the names that [ParseWebhookFaults] knows.
func WebhookModes() []string { return modeNames(hookModeTable()) }

// WebhookFaults says what happens to webhooks on their way. The zero value is
// nothing. A value does not change and may be shared.
type WebhookFaults struct {
	list []fault
}

// String returns the text that [ParseWebhookFaults] reads back.
func (f WebhookFaults) String() string { return Faults(f).String() }

func (f WebhookFaults) random() bool {
	for _, one := range f.list {
		if one.percent > 0 || one.mode == hookReorder {
			return true
		}
	}
	return false
}

// ParseWebhookFaults reads a comma-separated list of MODE[=DURATION][:N|:P%].
// Unlike those of [ParseFaults], the modes are independent of each other: each
// meets the first N webhooks, or P percent of them at random, or all of them.
func ParseWebhookFaults(s string) (WebhookFaults, error) {
	var faults WebhookFaults
	if strings.TrimSpace(s) == "" {
		return faults, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		one, err := parseFault(strings.TrimSpace(part), hookModeTable())
		if err != nil {
			return WebhookFaults{}, err
		}
		for _, other := range faults.list {
			if other.mode == one.mode {
				return WebhookFaults{}, fmt.Errorf("failure mode %q is given twice", one.name)
			}
		}
		faults.list = append(faults.list, one)
	}
	return faults, nil
}

// hookFaults applies faults to the webhooks of one URL.
type hookFaults struct {
	mu   sync.Mutex
	list []fault // a count goes down to -1, which is used up
	rng  *rand.Rand
}

func newHookFaults(f WebhookFaults, seed, stream uint64) *hookFaults {
	return &hookFaults{
		list: append([]fault(nil), f.list...),
		rng:  rand.New(rand.NewPCG(seed, stream)), // reproducible on purpose, protects nothing
	}
}

// next says after which delays the next webhook is sent: one for each time that
// it is, none if it is dropped.
func (h *hookFaults) next() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var dropped bool
	var fixed, spread time.Duration
	copies := 1
	for i := range h.list {
		f := &h.list[i]
		if !h.meets(f) {
			continue
		}
		switch f.mode {
		case hookDrop:
			dropped = true
		case hookDuplicate:
			copies = 2
		case hookDelay:
			fixed = f.delay
		case hookReorder:
			spread = f.delay
		}
	}
	if dropped {
		return nil
	}
	delays := make([]time.Duration, copies)
	for i := range delays {
		delays[i] = fixed
		if spread > 0 {
			delays[i] += time.Duration(h.rng.Int64N(int64(spread)))
		}
	}
	return delays
}

// meets decides whether a mode applies.
func (h *hookFaults) meets(f *fault) bool {
	switch {
	case f.count < 0:
		return false
	case f.count > 0:
		if f.count--; f.count == 0 {
			f.count = -1
		}
		return true
	case f.percent > 0:
		return h.rng.Float64()*100 < f.percent
	}
	return true
}
