package gsm_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/gsm/encode"
)

// listing is what a modem keeps: PDUs by location.
type listing map[gsm.Location]string

// After a restart the parts that are still in the modem make the same messages,
// whichever part the process ended after.
func TestRestart(t *testing.T) {
	at := time.Date(2026, 3, 14, 14, 10, 0, 0, time.UTC)
	var pdus []string
	want := map[string]bool{}
	for i, text := range []string{strings.Repeat("first ", 60), strings.Repeat("second 😀 ", 30), "third", strings.Repeat("fourth ", 50)} {
		m := encode.Message{From: "+49151" + strconv.Itoa(i%2), Text: text, Reference: uint16(i / 2), Time: at.Add(time.Duration(i) * time.Second)}
		p, err := m.Deliver()
		require.NoError(t, err)
		pdus = append(pdus, p...)
		want[text] = true
	}
	slices.Reverse(pdus)
	for crash := range len(pdus) + 1 {
		stored := listing{}
		got := map[string]bool{}
		take := func(a *gsm.Assembler, loc gsm.Location, pdu string) {
			for _, j := range a.Add(gsm.Decode(pdu, 0), loc, at) {
				require.True(t, j.Complete())
				require.False(t, got[j.Message.Text], "twice")
				got[j.Message.Text] = true
				for _, l := range j.Locations {
					require.Contains(t, stored, l)
					delete(stored, l)
				}
			}
		}
		a := gsm.NewAssembler(0, 0)
		for i, pdu := range pdus {
			loc := gsm.Location{Storage: "SM", Index: i}
			stored[loc] = pdu
			take(a, loc, pdu)
			if i == crash {
				a = gsm.NewAssembler(0, 0)
				for l, pdu := range stored {
					take(a, l, pdu)
				}
			}
		}
		require.Equal(t, want, got)
		require.Empty(t, stored)
		require.Zero(t, a.Waiting())
	}
}

// A sender that sends nothing but first parts takes no more than the limit.
func TestBounded(t *testing.T) {
	a := gsm.NewAssembler(time.Minute, 16)
	now := time.Date(2026, 3, 14, 14, 10, 0, 0, time.UTC)
	out := 0
	for i := range 2000 {
		m := encode.Message{From: "+49151", Text: "xxxxxxxx" + strconv.Itoa(i), Reference: uint16(i), Wide: true, PartSize: 6, Time: now}
		pdus, err := m.Deliver()
		require.NoError(t, err)
		part := gsm.Decode(pdus[0], 0)
		// The limit on what is remembered of the past holds too.
		out += len(a.Add(part, gsm.Location{Storage: "ME", Index: i % 20}, now))
		require.LessOrEqual(t, a.Waiting(), 16)
	}
	require.Equal(t, 2000-16, out)
	require.Len(t, a.Expire(now.Add(time.Minute)), 16)
	require.Zero(t, a.Waiting())
	_, ok := a.Evict(now)
	require.False(t, ok)
}

// Of an operation the low bits say which part comes where, the others how much
// later.
func FuzzAssembler(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 8)
	f.Add([]byte{0, 0, 64, 1, 65, 2, 128, 3, 200, 11, 10, 9, 8, 7, 6, 5}, 3)
	f.Add([]byte("a series of parts, in no order, with some of them again"), 5)
	pool := fuzzPool(f)
	f.Fuzz(func(t *testing.T, ops []byte, limit int) {
		if limit < 1 || limit > 64 || len(ops) > 500 {
			t.Skip()
		}
		a, again := gsm.NewAssembler(time.Minute, limit), gsm.NewAssembler(time.Minute, limit)
		now := time.Date(2026, 3, 14, 14, 10, 0, 0, time.UTC)
		added, given := map[gsm.ID]bool{}, map[gsm.ID]bool{}
		occupied := map[gsm.Location]gsm.ID{}
		take := func(joined, same []*gsm.Joined) {
			require.Equal(t, joined, same, "its state follows from the calls")
			for _, j := range joined {
				if !j.Repeated {
					require.Len(t, slices.Compact(slices.Clone(j.Missing)), len(j.Missing))
					require.Less(t, len(j.Missing), j.Parts)
				}
				require.NotEmpty(t, j.IDs)
				for _, id := range j.IDs {
					given[id] = true
				}
				for _, l := range j.Locations {
					require.Contains(t, j.IDs, occupied[l], "only what is there may be deleted there")
					delete(occupied, l)
				}
			}
		}
		for i, op := range ops {
			now = now.Add(time.Duration(op>>5) * 3 * time.Second)
			m := pool[int(op)%len(pool)]
			at := gsm.Location{Storage: "SM", Index: (int(op) + i) % 7}
			added[m.ID] = true
			occupied[at] = m.ID
			take(a.Add(m, at, now), again.Add(m, at, now))
			require.LessOrEqual(t, a.Waiting(), limit)
			if op%16 == 15 {
				take(a.Expire(now), again.Expire(now))
			}
		}
		for a.Waiting() > 0 {
			deadline, ok := a.Deadline()
			require.True(t, ok)
			out := a.Expire(deadline)
			require.NotEmpty(t, out)
			take(out, again.Expire(deadline))
		}
		require.Equal(t, added, given, "every part comes out")
		require.Empty(t, occupied, "every record can be deleted")
	})
}

// fuzzPool returns parts of messages with few senders, references and times.
func fuzzPool(tb testing.TB) []*gsm.Message {
	at := time.Date(2026, 3, 14, 14, 10, 0, 0, time.UTC)
	var pool []*gsm.Message
	for i := range 12 {
		m := encode.Message{
			From: []string{"+49151", "Alarm"}[i%2], Reference: uint16(i / 4), Wide: i%3 == 0, PartSize: 4, CutAnywhere: true,
			Text: []string{"one € two €", "😀😀😀x", "short"}[i%3] + strconv.Itoa(i), Time: at.Add(time.Duration(i*i) * time.Second),
		}
		pdus, err := m.Deliver()
		require.NoError(tb, err)
		for _, p := range pdus {
			pool = append(pool, gsm.Decode(p, 0))
		}
	}
	return pool
}

// The PDUs come with the message, those of copies left out, and are never printed.
func TestJoinedPDUs(t *testing.T) {
	m := encode.Message{From: "+491511", Text: strings.Repeat("text ", 60), Reference: 7, Time: time.Unix(1e9, 0)}
	pdus, err := m.Deliver()
	require.NoError(t, err)
	require.Len(t, pdus, 2)
	a := gsm.NewAssembler(0, 0)
	now := time.Now()
	require.Empty(t, a.Add(gsm.Decode(pdus[1], 0), gsm.Location{Storage: "SM", Index: 1}, now))
	require.Empty(t, a.Add(gsm.Decode(pdus[1], 0), gsm.Location{Storage: "SM", Index: 2}, now))
	out := a.Add(gsm.Decode(pdus[0], 0), gsm.Location{Storage: "SM", Index: 3}, now)
	require.Len(t, out, 1)
	require.Equal(t, pdus, out[0].PDUs)
	for _, printed := range []string{fmt.Sprint(*out[0]), fmt.Sprintf("%#v", *out[0]), fmt.Sprintf("%+v", out[0])} {
		require.Equal(t, "deliver gsm7 of 2 parts", printed)
	}
}
