package hologramsms

import (
	"errors"
	"strings"
	"unicode"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/smsout"
)

var errEmpty = errors.New("the template makes no text of it")

// text returns the text of a metric.
func (h *HologramSMS) text(m telegraf.Metric) (string, error) {
	s, err := h.template.Execute(m)
	if err != nil {
		return "", err
	}
	if s = clean(s); s == "" {
		return "", errEmpty
	}
	return s, nil
}

// clean makes a text one that an SMS can carry: UTF-8, without control characters
// but ends of lines, and without space around it.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.TrimSpace(s)
}

// cutMark is at the end of a text that was cut.
const cutMark = "..."

// fit cuts the text of a message, if it may, so that it needs no more than
// max_parts.
func (h *HologramSMS) fit(m smsout.Message) smsout.Message {
	if h.OnTooLong != tooLongCut || h.fits(m) {
		return m
	}
	// The largest number of characters that fit, between one that does and one
	// that does not.
	runes := []rune(m.Text)
	cut := m
	least, most := 0, len(runes)
	for least+1 < most {
		n := (least + most) / 2
		cut.Text = strings.TrimRightFunc(string(runes[:n]), unicode.IsSpace) + cutMark
		if h.fits(cut) {
			least, m.Text = n, cut.Text
		} else {
			most = n
		}
	}
	return m
}

// fits tells whether a message needs no more than max_parts. One that cannot be
// sent for another reason fits.
func (h *HologramSMS) fits(m smsout.Message) bool {
	_, err := h.outbox.Plan(m)
	_, long := errors.AsType[*smsout.TooLongError](err)
	return !long
}
