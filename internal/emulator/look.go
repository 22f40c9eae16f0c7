package emulator

import (
	"context"
	"fmt"
	"io"
	"net"

	"telegraf-hologram/internal/emulator/modem"
	"telegraf-hologram/internal/emulator/page"
)

// look is the page with what happens. A nil one is none.
type look struct {
	feed *page.Feed
	ln   net.Listener
	stop context.CancelFunc
	done chan struct{}
	err  error // of serving; read after done
}

// checkPage says what is wrong with the address of the page.
func (o *Options) checkPage() error {
	if o.HTTP == "" {
		return nil
	}
	if err := o.checkAddress(o.HTTP); err != nil {
		return fmt.Errorf("-http: %w", err)
	}
	return nil
}

// newLook returns nil if there is to be no page.
func newLook(o *Options) *look {
	if o.HTTP == "" {
		return nil
	}
	return &look{feed: page.NewFeed()}
}

// start serves the page. cloud is where the Socket API is; empty is nowhere. failed is called
// if serving fails.
func (l *look) start(ctx context.Context, o *Options, m *runningModem, cloud string, failed context.CancelCauseFunc) error {
	if l == nil {
		return nil
	}
	host, _, _ := net.SplitHostPort(o.HTTP) // checked
	cfg := page.Config{Host: host, AllowRemote: o.AllowRemote, Cloud: cloud}
	if m != nil {
		cfg.Modem, cfg.ModemPort = m.Modem, o.Modem.Link
	}
	p, err := page.New(l.feed, cfg)
	if err != nil {
		return err
	}
	if l.ln, err = (&net.ListenConfig{}).Listen(ctx, "tcp", o.HTTP); err != nil {
		return fmt.Errorf("page: cannot listen on %s: %w", o.HTTP, err)
	}
	ctx, l.stop = context.WithCancel(ctx)
	l.done = make(chan struct{})
	go func() {
		defer close(l.done)
		if l.err = p.Serve(ctx, l.ln); l.err != nil {
			failed(l.err)
		}
	}()
	return nil
}

// announce says where the page is.
func (l *look) announce(w io.Writer) {
	if l != nil {
		fmt.Fprintf(w, "page on http://%s/\n", l.ln.Addr())
	}
}

// close ends it, the first time.
func (l *look) close() error {
	if l == nil || l.done == nil {
		return nil
	}
	l.stop()
	<-l.done
	l.done = nil
	return l.err
}

// event shows a message.
func (l *look) event(e Event) {
	if l == nil {
		return
	}
	m := page.Message{
		Received: e.Received, Kind: "message", Device: e.DeviceName, Status: e.status(), Reason: e.Reason, Fault: e.Fault,
		To: e.To, Topics: e.UserTopics(), Data: e.Data, Metrics: e.Metrics, DecodeErr: e.DecodeErr,
		BytesIn: e.BytesIn, BytesOut: e.BytesOut, NoConnection: e.Kind == KindModemSMS,
	}
	switch e.Kind {
	case KindSMS:
		m.Kind = "SMS over IP"
	case KindModemSMS:
		m.Kind = "SMS of the modem"
	case KindUnknown:
		m.Kind = "something unknown"
	}
	switch {
	case e.Taken:
	case e.Code > 0:
		m.Outcome = page.Refused
	default:
		m.Outcome = page.Lost
	}
	l.feed.AddMessage(m)
}

// sent shows an SMS that the modem has sent.
func (l *look) sent(s modem.Sent) {
	if l != nil {
		l.feed.AddSMS(page.SMS{
			Time: s.Time, Sent: true, Peer: s.To, Text: string(s.Body()), Part: s.Part, Parts: s.Parts,
			Reference: s.Reference, WantsReport: s.Report,
		})
	}
}

// received shows an SMS that the modem has received.
func (l *look) received(r modem.Received) {
	if l == nil {
		return
	}
	m := page.SMS{
		Time: r.Time, Peer: r.From, Text: r.Text, Part: r.Part, Parts: r.Parts,
		Report: r.Report, Reference: int(r.Reference), Status: int(r.Status),
	}
	if r.Data != nil {
		m.Text = string(r.Data)
	}
	l.feed.AddSMS(m)
}
