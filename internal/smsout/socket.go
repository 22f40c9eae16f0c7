package smsout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/socketapi"
)

const (
	// socketMost is how many characters an SMS by the Socket API has at most, as Hologram's SDK has it.
	socketMost = 160
	// socketTexts is how many texts a message becomes at most.
	socketTexts = 99
	// restTries is how often a text that is not the first is tried: without it those before are of little use.
	restTries = 3
)

// restWait is what is between these tries, twice as long the next time.
const restWait = 2 * time.Second

// Socket is the way through the Socket API ("SMS over IP"). Only Client must be set.
//
// An SMS has at most 160 characters there. A longer text goes as several, cut between words, that begin with "1/2 ".
type Socket struct {
	// Client is closed by Close.
	Client *socketapi.Client
	// Begin is called before each exchange and End after it. They may be nil.
	Begin func()
	End   func(r socketapi.Receipt, delivered bool)
}

var _ Way = (*Socket)(nil)

// Name returns "socket".
func (s *Socket) Name() string { return "socket" }

// Plan implements Way. The cloud does not tell how many parts it makes; as many count as 3GPP TS 23.040 has it.
func (s *Socket) Plan(m Message) (int, error) {
	if err := socketapi.ValidNumber(m.To); err != nil {
		return 0, err
	}
	texts, err := socketSplit(m)
	if err != nil {
		return 0, err
	}
	parts := 0
	for _, text := range texts {
		parts += socketParts(text, m.Coding)
	}
	return parts, nil
}

func socketParts(text string, c encode.Coding) int {
	return encode.PlanText(text, c).Parts
}

// Send implements Way.
func (s *Socket) Send(ctx context.Context, m Message) error {
	texts, err := socketSplit(m)
	if err != nil {
		return &WayError{Verdict: Refused, Err: err}
	}
	sent := 0
	for i, text := range texts {
		parts := socketParts(text, m.Coding)
		err := s.sendText(ctx, m, text)
		wait := restWait
		for tries := 1; err != nil && err.Verdict == NotSent && sent > 0 && tries < restTries && sleep(ctx, wait); tries++ {
			err = s.sendText(ctx, m, text)
			wait *= 2
		}
		switch {
		case err == nil:
			sent += parts
			continue
		case err.Verdict == Unsure:
			err.Sent = sent + parts
		case sent > 0:
			err.Verdict, err.Sent = Unsure, sent
		}
		if len(texts) > 1 {
			err.Err = fmt.Errorf("text %d of %d: %w", i+1, len(texts), err.Err)
		}
		return err
	}
	return nil
}

// sendText sends one text.
func (s *Socket) sendText(ctx context.Context, m Message, text string) *WayError {
	if s.Begin != nil {
		s.Begin()
	}
	receipt, err := s.Client.SendSMS(ctx, socketapi.SMS{To: m.To, Text: text, Before: m.Commit})
	if s.End != nil {
		s.End(receipt, err == nil)
	}
	if err == nil {
		return nil
	}
	e := &WayError{Verdict: Unsure, Err: err}
	if failure, ok := errors.AsType[*socketapi.Error](err); ok {
		switch failure.Verdict {
		case socketapi.NotDelivered:
			e.Verdict = NotSent
		case socketapi.Refused:
			e.Verdict = Refused
		case socketapi.RefusedCredentials:
			e.Verdict = Stopped
		}
	}
	return e
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Close closes the client.
func (s *Socket) Close() error { return s.Client.Close() }

var (
	errUTF8    = errors.New("the text is not valid UTF-8")
	errEmpty   = errors.New("the text is empty")
	errTooMany = fmt.Errorf("the text is longer than %d SMS", socketTexts)
)

// socketSplit returns the texts that a message becomes.
func socketSplit(m Message) ([]string, error) {
	if !utf8.ValidString(m.Text) {
		return nil, errUTF8
	}
	text := m.Text
	if m.Coding == encode.GSM7 {
		text = encode.Transliterate(text)
	}
	text = strings.Trim(text, "\r\n")
	switch {
	case text == "":
		return nil, errEmpty
	case utf8.RuneCountInString(text) <= socketMost:
		return []string{text}, nil
	}
	// The more texts, the longer their numbers.
	for _, most := range []int{9, socketTexts} {
		texts := cutText(text, socketMost-len(fmt.Sprintf("%d/%d ", most, most)), most)
		if texts == nil {
			continue
		}
		for i := range texts {
			texts[i] = fmt.Sprintf("%d/%d %s", i+1, len(texts), texts[i])
		}
		return texts, nil
	}
	return nil, errTooMany
}

// cutText cuts a text into pieces of at most room characters, between words where there are such in the second half of
// a piece. It returns nil if they are more than most.
func cutText(text string, room, most int) []string {
	var pieces []string
	for text != "" {
		if len(pieces) == most {
			return nil
		}
		n, end, space := 0, len(text), -1
		for i, c := range text {
			if c == ' ' || c == '\n' {
				if n > room/2 && n <= room {
					space = i
				}
			}
			if n == room {
				end = i
				break
			}
			n++
		}
		next := end
		if end < len(text) && space >= 0 {
			end, next = space, space+1
		}
		pieces = append(pieces, text[:end])
		text = text[next:]
	}
	return pieces
}
