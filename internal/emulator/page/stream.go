package page

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// eventID names a place in the feed: the run of the emulator, and a number.
func (p *Page) eventID(seq uint64) string { return p.feed.run + "-" + strconv.FormatUint(seq, 10) }

// place reads an event ID. It is not ok for one of another run.
func (p *Page) place(id string) (seq uint64, ok bool) {
	run, number, _ := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	return seq, err == nil && run == p.feed.run
}

// events streams what is new as server-sent events: message, sms, summary and modem, each with
// the HTML to show; restart where the page is of an earlier run.
//
// A client has no queue: it reads from the feed, and what has left that in the
// meantime it misses. One that takes nothing for ten seconds is dropped.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		p.refuse(w, http.StatusServiceUnavailable, "Too many pages are open.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	out := stream{page: p, to: w, control: http.NewResponseController(w), filter: filterOf(r.URL.Query())}
	after := r.URL.Query().Get("after")
	if last := r.Header.Get("Last-Event-Id"); last != "" { // the browser has connected again
		after = last
	}
	seq, ok := p.place(after)
	if !ok {
		out.event("restart", "", "")
		_ = out.flush()
		return
	}
	// The server's timeout is for the request.
	if out.control.SetReadDeadline(time.Time{}) != nil {
		return
	}
	out.buf.WriteString("retry: 1000\n\n")
	if out.flush() != nil {
		return
	}
	beat := time.NewTicker(p.timing.heartbeat)
	defer beat.Stop()
	for {
		snap := p.feed.since(seq)
		if snap.seq > seq {
			if out.send(snap) != nil {
				return
			}
			seq = snap.seq
			select { // many that come at a time are one step
			case <-time.After(p.timing.breath):
			case <-r.Context().Done():
				return
			}
			continue
		}
		select {
		case <-snap.changed:
		case <-beat.C:
			out.modem(out.page.eventID(seq)) // whose state changes without an SMS, too
			out.buf.WriteString(":\n\n")
			if out.flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// stream is one client of the event stream.
type stream struct {
	page    *Page
	to      http.ResponseWriter
	control *http.ResponseController
	filter  filter
	buf     bytes.Buffer // what flush writes
	html    bytes.Buffer
}

// send writes what is new.
func (s *stream) send(snap snapshot) error {
	// Two lists: only behind both is a place to go on from. What comes twice
	// therefore, the page knows by its number.
	for _, e := range snap.messages {
		if s.filter.matches(e.Message) {
			s.render("message", "", e)
		}
	}
	for _, e := range snap.sms {
		s.render("sms", "", e)
	}
	if len(snap.sms) > 0 {
		s.modem("")
	}
	s.render("summary", s.page.eventID(snap.seq), summary(snap))
	return s.flush()
}

func (s *stream) modem(id string) {
	if m := s.page.modem(); m != nil {
		s.render("modem", id, m)
	}
}

// render adds an event with what the template of its name makes.
func (s *stream) render(name, id string, data any) {
	s.html.Reset()
	if s.page.template.ExecuteTemplate(&s.html, name, data) == nil {
		s.event(name, id, s.html.String())
	}
}

// event adds an event (HTML Standard, 9.2.6).
func (s *stream) event(name, id, data string) {
	s.buf.WriteString("event: " + name + "\n")
	if id != "" {
		s.buf.WriteString("id: " + id + "\n")
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(data, "\r", "&#13;"), "\n") {
		s.buf.WriteString("data: " + line + "\n")
	}
	s.buf.WriteString("\n")
}

// flush writes what was added. The client gets some seconds to take it.
func (s *stream) flush() error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.page.timing.write)); err != nil {
		return err
	}
	if _, err := s.to.Write(s.buf.Bytes()); err != nil {
		return err
	}
	s.buf.Reset()
	return s.control.Flush()
}
