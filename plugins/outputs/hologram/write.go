package hologram

import (
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/payload"
	"telegraf-hologram/internal/socketapi"
)

const (
	// closedEarlyTries is how often a message is sent of which the cloud says
	// that it may be fine (code 1) before it counts as delivered.
	closedEarlyTries = 3
	// suspectTries is how often in a row a message stays without a usable
	// answer, though the cloud's system has all of it, before others go first.
	suspectTries = 3
	// aloneTries is how often such a message then may fail while others pass.
	aloneTries = 8
	// credentialsRetry is how long refused credentials are left alone at least,
	// doubled up to credentialsLast: every try costs a message and only a person
	// can mend it.
	credentialsRetry = 15 * time.Minute
	credentialsLast  = time.Hour
	// noRoutePoll is how often to look whether there is a network again, which
	// costs no byte.
	noRoutePoll = 12 * time.Second
	// quickRetry is the least wait, and half of the longest, after a message that
	// certainly was not read: within it the radio is still up.
	quickRetry = 2 * time.Second
)

// inflight is a message that is sent again as it is until its fate is known.
type inflight struct {
	metrics []telegraf.Metric
	message
	sequence    payload.Sequence
	tries       int
	doubts      int // tries that may have been taken
	swallowed   int // of the last tries, those that the cloud's system had all of
	alone       int // tries that failed while other messages passed
	closedEarly int // times that the cloud answered code 1
}

// Write sends the metrics in as few messages as they fit in. It returns nil
// when the cloud has taken all of them, and otherwise a partial write error
// that says which it has taken, and which it or the plugin has refused for
// good; the others are to be written again, the same ones first.
func (h *Hologram) Write(metrics []telegraf.Metric) error {
	_, err := h.write(metrics, false)
	return err
}

// WriteBacklog is Write for metrics behind which more wait. It leaves those at
// the end out that would make a message with room for more.
func (h *Hologram) WriteBacklog(metrics []telegraf.Metric) (left int, err error) {
	return h.write(metrics, true)
}

func (h *Hologram) write(metrics []telegraf.Metric, hold bool) (left int, err error) {
	if h.client == nil {
		return 0, errors.New("writing metrics: not connected")
	}
	if h.reload {
		credentials, err := h.Credentials()
		if err != nil {
			return 0, fmt.Errorf("writing metrics: %w", err)
		}
		h.client.Credentials, h.packer.credentials, h.reload = credentials, credentials, false
	}
	var done outcome
	left, err = h.sendAll(metrics, hold, &done)
	switch {
	case err != nil:
		return left, done.partial(err)
	case len(done.reject) > 0:
		return left, done.partial(fmt.Errorf("refused %d of %d metrics for good: %w", len(done.reject), len(metrics), done.reasons[0]))
	}
	return left, nil
}

// sendAll sends what is in flight, packs and sends the rest, and at last sends
// what is suspect.
func (h *Hologram) sendAll(metrics []telegraf.Metric, hold bool, done *outcome) (left int, err error) {
	h.recall(metrics)
	todo := indicesOf(metrics)
	var suspects []int
	if h.suspect != nil {
		if suspects = h.suspect.find(metrics); suspects == nil {
			h.suspect = nil // the host has given up on some of them
		}
		todo = without(todo, suspects)
	}
	if h.inflight != nil {
		switch indices := h.inflight.find(metrics); {
		case indices == nil:
			h.inflight = nil
		case h.inflight.swallowed >= suspectTries && h.suspect == nil:
			h.inflight, h.suspect, suspects = nil, h.inflight, indices
			todo = without(todo, indices)
		default:
			if err := h.send(h.inflight, indices, done); err != nil {
				return 0, err
			}
			todo = without(todo, indices)
		}
	}
	if f := h.ready; f != nil {
		h.ready = nil
		if indices := f.find(metrics); indices != nil && f.sequence == h.sequence {
			if err := h.send(f, indices, done); err != nil {
				return 0, err
			}
			todo = without(todo, indices)
		}
	}
	left, err = h.packer.pack(metrics, todo, h.sequence, hold, done.refuse, func(m message, indices []int) (payload.Sequence, error) {
		f := &inflight{message: m, sequence: h.sequence}
		for _, i := range indices {
			f.metrics = append(f.metrics, metrics[i])
		}
		err := h.send(f, indices, done)
		return h.sequence, err
	})
	if err == nil && h.suspect != nil {
		err = h.sendSuspect(suspects, done)
	}
	return left, err
}

// sendSuspect tries the suspect message once more. One that fails while others
// pass is given up in the end: it would hold up all that comes after it.
func (h *Hologram) sendSuspect(indices []int, done *outcome) error {
	f, passed := h.suspect, len(done.accept) > 0
	err := h.send(f, indices, done)
	if err == nil || !passed || f.swallowed == 0 {
		return err
	}
	if f.alone++; f.alone < aloneTries {
		return err
	}
	h.suspect = nil
	reason := &givenUpError{fmt.Errorf("%d times while others passed: %w", f.alone, err)}
	for _, i := range indices {
		done.refuse(i, reason)
	}
	return nil
}

// givenUpError is the reason for metrics that may have been delivered.
type givenUpError struct{ error }

func (e *givenUpError) Unwrap() []error { return []error{execd.ErrSetAside, e.error} }

// indicesOf returns the indices of all metrics.
func indicesOf(metrics []telegraf.Metric) []int {
	indices := make([]int, len(metrics))
	for i := range indices {
		indices[i] = i
	}
	return indices
}

// find returns where the metrics of the message are, or nil if one is missing.
func (f *inflight) find(metrics []telegraf.Metric) []int {
	at := make(map[telegraf.Metric]int, len(metrics))
	for i, m := range metrics {
		at[m] = i
	}
	indices := make([]int, len(f.metrics))
	for i, m := range f.metrics {
		j, ok := at[m]
		if !ok {
			return nil
		}
		indices[i] = j
	}
	return indices
}

// without returns the indices that are not among those to remove.
func without(indices, remove []int) []int {
	gone := make(map[int]bool, len(remove))
	for _, i := range remove {
		gone[i] = true
	}
	rest := indices[:0]
	for _, i := range indices {
		if !gone[i] {
			rest = append(rest, i)
		}
	}
	return rest
}

// send makes one try to send a message. It returns an error when the message,
// and with it all after it, has to wait.
func (h *Hologram) send(f *inflight, indices []int, done *outcome) error {
	isNew := f != h.inflight && f != h.suspect
	h.sending = f.trace()
	if h.begin != nil {
		h.begin()
	}
	receipt, err := h.client.Send(h.ctx, socketapi.Message{Data: f.data, Topics: f.topics})
	failure, _ := errors.AsType[*socketapi.Error](err)
	verdict := h.verdict(f, failure, err)
	f.tries++
	// A number counts as used unless the cloud certainly has not seen it.
	if isNew && verdict != socketapi.NotDelivered && verdict != socketapi.RefusedCredentials {
		h.sequence = h.sequence.Next()
	}
	x := execd.Exchange{
		Metrics: len(indices), Sent: receipt.Sent, Received: receipt.Received,
		Delivered: verdict == socketapi.Delivered, Again: f.tries > 1, Doubtful: f.doubts > 0,
	}
	switch verdict {
	case socketapi.Delivered:
		x.Accepted = indices
		done.accept = append(done.accept, indices...)
		h.settled(f)
		h.Log.Debugf("Sent %d metrics in a message of %d bytes", len(indices), receipt.Written)
	case socketapi.Refused:
		h.settled(f)
		err = fmt.Errorf("message of %d metrics and %d bytes: %w", len(indices), f.size, err)
		for _, i := range indices {
			done.refuse(i, err)
		}
	case socketapi.Unknown:
		h.doubt(f, isNew, failure)
	case socketapi.RefusedCredentials, socketapi.NotDelivered:
		if f.doubts == 0 {
			h.sending = nil
		}
		if isNew && f.full {
			h.ready = f
		}
	}
	if h.end != nil {
		h.end(x)
	}
	if verdict == socketapi.Delivered || verdict == socketapi.Refused {
		h.refusals = 0
		return nil
	}
	return &sendError{fmt.Errorf("sending a message of %d metrics: %w", len(indices), err), h.hint(verdict, failure)}
}

// verdict is what became of the message.
func (h *Hologram) verdict(f *inflight, failure *socketapi.Error, err error) socketapi.Verdict {
	switch {
	case err == nil:
		return socketapi.Delivered
	case failure == nil:
		return socketapi.Unknown
	case failure.Code == socketapi.CodeClosedEarly:
		if f.closedEarly++; f.closedEarly >= closedEarlyTries {
			h.Log.Warnf("Counting a message of %d metrics as delivered: the cloud answered %d times that it may be fine", len(f.metrics), f.closedEarly)
			return socketapi.Delivered
		}
	}
	return failure.Verdict
}

// settled forgets a message that needs no more work.
func (h *Hologram) settled(f *inflight) {
	h.sending = nil
	if h.inflight == f {
		h.inflight = nil
	}
	if h.suspect == f {
		h.suspect = nil
	}
}

// doubt keeps a message that may have been taken.
func (h *Hologram) doubt(f *inflight, isNew bool, failure *socketapi.Error) {
	f.doubts++
	if failure != nil && failure.Unacked == 0 {
		f.swallowed++
	} else {
		f.swallowed = 0 // the link's fault, or nobody can tell
	}
	if isNew {
		h.inflight = f
	}
}

// hint is what is known about the next try.
func (h *Hologram) hint(verdict socketapi.Verdict, failure *socketapi.Error) execd.RetryHint {
	if verdict == socketapi.RefusedCredentials {
		h.reload = true
		wait := min(credentialsRetry<<min(h.refusals, 2), credentialsLast)
		h.refusals++
		return execd.RetryHint{After: wait}
	}
	switch {
	case failure == nil:
		return execd.RetryHint{}
	case failure.NoRoute():
		return execd.RetryHint{Poll: noRoutePoll}
	case verdict == socketapi.NotDelivered && failure.Phase >= socketapi.PhaseWrite:
		return execd.RetryHint{Quick: quickRetry}
	}
	return execd.RetryHint{Waited: failure.Waited}
}

// sendError is a failure with what is known about the next try.
type sendError struct {
	error
	hint execd.RetryHint
}

func (e *sendError) Unwrap() error { return e.error }

// RetryHint implements execd.Hinter.
func (e *sendError) RetryHint() execd.RetryHint { return e.hint }

// outcome collects what became of the metrics of a Write.
type outcome struct {
	accept, reject []int
	reasons        []error
}

func (o *outcome) refuse(index int, err error) {
	o.reject = append(o.reject, index)
	o.reasons = append(o.reasons, err)
}

func (o *outcome) partial(err error) error {
	if len(o.accept) == 0 && len(o.reject) == 0 {
		return err
	}
	return &execd.PartialWriteError{Err: err, MetricsAccept: o.accept, MetricsReject: o.reject, MetricsRejectErrors: o.reasons}
}
