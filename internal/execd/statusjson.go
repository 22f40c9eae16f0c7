package execd

import (
	"fmt"
	"time"

	"telegraf-hologram/internal/jsonwrite"
)

// json is the status for a program. What cannot be read is null; a time that there was not, an error that there is not
// and a data budget that is not set are left out.
func (s *status) json() []byte {
	w := jsonwrite.NewIndented("  ")
	w.BeginObject()
	w.Name("plugin").String(s.Plugin)
	w.Name("source").String(s.Source)
	w.Name("time").Time(s.Time)
	w.Name("buffer")
	s.Buffer.json(w)
	if len(s.Details) > 0 {
		w.Name("details").BeginObject()
		for _, d := range s.Details {
			d.json(w.Name(d.name))
		}
		w.EndObject()
	}
	w.Name("dead_letter_bytes").Int(s.DeadLetters)
	timeJSON(w, "began", s.Began)
	timeJSON(w, "last_delivery", s.LastDelivery)
	w.Name("link")
	s.Link.json(w)
	if u := s.Budget; u != nil {
		w.Name("data_budget").BeginObject()
		w.Name("limit").Int(u.Limit)
		w.Name("used").Int(u.Used)
		w.Name("percent").Int(u.Percent)
		w.Name("action").String(u.Action)
		w.EndObject()
	}
	w.Name("price_per_mb").Float(s.PricePerMB)
	w.Name("today")
	s.Today.json(w)
	w.Name("this_month")
	s.ThisMonth.json(w)
	w.Name("last_month")
	s.LastMonth.json(w)
	w.Name("total")
	s.Total.json(w)
	periodsJSON(w, "days", s.Days)
	periodsJSON(w, "months", s.Months)
	w.EndObject()
	return w.Bytes()
}

// json writes the value.
func (d detail) json(w *jsonwrite.Writer) {
	switch v := d.value.(type) {
	case int:
		w.Int(int64(v))
	case time.Time:
		w.Time(v)
	default:
		if !w.Value(v) {
			w.String(fmt.Sprint(v))
		}
	}
}

// timeJSON writes a member unless the time is zero.
func timeJSON(w *jsonwrite.Writer, name string, t time.Time) {
	if !t.IsZero() {
		w.Name(name).Time(t)
	}
}

func (u *bufferStatus) json(w *jsonwrite.Writer) {
	if u == nil {
		w.Null()
		return
	}
	w.BeginObject()
	w.Name("directory").String(u.Directory)
	w.Name("metrics").Int(int64(u.Metrics))
	w.Name("bytes").Int(u.Bytes)
	w.Name("limit").Int(u.Limit)
	timeJSON(w, "oldest", u.Oldest)
	w.Name("damaged").Int(int64(u.Damaged))
	w.Name("bad_files").Int(int64(u.Bad))
	if u.HasUrgent {
		w.Name("urgent_metrics").Int(int64(u.Urgent))
	}
	w.EndObject()
}

func (l *linkStatus) json(w *jsonwrite.Writer) {
	if l == nil {
		w.Null()
		return
	}
	w.BeginObject()
	w.Name("works").Bool(l.Works)
	timeJSON(w, "failing_since", l.FailingSince)
	w.Name("failures").Int(l.Failures)
	if l.Error != "" {
		w.Name("error").String(l.Error)
	}
	timeJSON(w, "next_try", l.NextTry)
	w.EndObject()
}

// periodsJSON writes a member unless the list is empty.
func periodsJSON(w *jsonwrite.Writer, name string, periods []periodStatus) {
	if len(periods) == 0 {
		return
	}
	w.Name(name).BeginArray()
	for i := range periods {
		periods[i].json(w)
	}
	w.EndArray()
}

func (p *periodStatus) json(w *jsonwrite.Writer) {
	if p == nil {
		w.Null()
		return
	}
	w.BeginObject()
	timeJSON(w, "start", p.Start)
	for i, v := range p.Values() {
		w.Name(rows[i].name).Int(v)
	}
	w.Name("cost").Float(p.Cost)
	w.EndObject()
}
