package queue

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func records(from, n int) [][]byte {
	var out [][]byte
	for i := range n {
		out = append(out, fmt.Appendf(nil, "%06d", from+i))
	}
	return out
}

func data(recs []Record) []string {
	var out []string
	for _, r := range recs {
		out = append(out, string(r.Data))
	}
	return out
}

const recordSize = 6 + Overhead

func TestMemoryFirstInFirstOut(t *testing.T) {
	q := NewMemory(Limits{Bytes: 1 << 20})
	at := time.Now()
	require.NoError(t, q.Append(records(0, 3), at))
	require.NoError(t, q.Append(records(3, 2), at.Add(time.Second)))
	require.Equal(t, 5, q.Len())
	require.EqualValues(t, 5*recordSize, q.Bytes())

	first, err := q.Next(2, OldestFirst)
	require.NoError(t, err)
	require.Equal(t, []string{"000000", "000001"}, data(first))
	second, err := q.Next(10, OldestFirst)
	require.NoError(t, err)
	require.Equal(t, []string{"000002", "000003", "000004"}, data(second))
	require.Equal(t, at.Add(time.Second), second[2].At)
	none, err := q.Next(10, OldestFirst)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Equal(t, 5, q.Len(), "records in flight count until they are acknowledged")

	require.NoError(t, q.Ack(2))
	require.Equal(t, 3, q.Len())
	require.NoError(t, q.Ack(4), "more than is in flight is all of it")
	require.Zero(t, q.Len())
	require.Zero(t, q.Bytes())
	require.Equal(t, Stats{Appended: 5, Acked: 5}, q.Stats())
}

func TestMemoryCopiesRecords(t *testing.T) {
	q := NewMemory(Limits{Bytes: 1 << 20})
	r := []byte("before")
	require.NoError(t, q.Append([][]byte{r}, time.Now()))
	copy(r, "after!")
	got, err := q.Next(1, OldestFirst)
	require.NoError(t, err)
	require.Equal(t, []string{"before"}, data(got))
}

func TestMemoryFull(t *testing.T) {
	limits := Limits{Bytes: 4 * recordSize}
	t.Run("drop_oldest", func(t *testing.T) {
		q := NewMemory(limits)
		require.NoError(t, q.Append(records(0, 6), time.Now()))
		got, err := q.Next(10, OldestFirst)
		require.NoError(t, err)
		require.Equal(t, []string{"000002", "000003", "000004", "000005"}, data(got))
		require.Equal(t, Stats{Appended: 6, DroppedFull: 2}, q.Stats())
	})
	t.Run("drop_newest", func(t *testing.T) {
		limits := limits
		limits.Full = DropNewest
		q := NewMemory(limits)
		require.NoError(t, q.Append(records(0, 6), time.Now()))
		got, err := q.Next(10, OldestFirst)
		require.NoError(t, err)
		require.Equal(t, []string{"000000", "000001", "000002", "000003"}, data(got))
		require.Equal(t, Stats{Appended: 6, DroppedFull: 2}, q.Stats())
	})
	t.Run("in_flight_stays", func(t *testing.T) {
		q := NewMemory(limits)
		require.NoError(t, q.Append(records(0, 4), time.Now()))
		_, err := q.Next(2, OldestFirst)
		require.NoError(t, err)
		require.NoError(t, q.Append(records(4, 2), time.Now()))
		second, err := q.Next(10, OldestFirst)
		require.NoError(t, err)
		require.Equal(t, []string{"000004", "000005"}, data(second))
		require.NoError(t, q.Append(records(6, 1), time.Now()), "all in flight: the arrival has to go")
		require.NoError(t, q.Ack(2))
		require.Equal(t, 2, q.Len())
		require.Equal(t, Stats{Appended: 7, Acked: 2, DroppedFull: 3}, q.Stats())
	})
	t.Run("larger_than_all", func(t *testing.T) {
		q := NewMemory(limits)
		require.NoError(t, q.Append(records(0, 4), time.Now()))
		require.NoError(t, q.Append([][]byte{make([]byte, 1000)}, time.Now()))
		require.Equal(t, 4, q.Len(), "a record that can never fit does not empty the queue")
		require.EqualValues(t, 1, q.Stats().DroppedFull)
	})
}

func TestMemoryAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewMemory(Limits{Bytes: 1 << 20, MaxAge: time.Minute})
		require.NoError(t, q.Append(records(0, 3), time.Now()))
		inFlight, err := q.Next(1, OldestFirst)
		require.NoError(t, err)
		time.Sleep(40 * time.Second)
		require.NoError(t, q.Append(records(3, 1), time.Now()))
		time.Sleep(40 * time.Second)
		got, err := q.Next(10, OldestFirst)
		require.NoError(t, err)
		require.Equal(t, []string{"000003"}, data(got))
		require.Equal(t, Stats{Appended: 4, DroppedAge: 2}, q.Stats())
		require.NoError(t, q.Ack(len(inFlight)), "what is in flight does not age")
		require.Equal(t, 1, q.Len())
	})
}

func TestMemoryClosed(t *testing.T) {
	q := NewMemory(Limits{Bytes: 1 << 20})
	require.NoError(t, q.Append(records(0, 3), time.Now()))
	require.NoError(t, q.Close())
	require.Equal(t, 3, q.Len())
	require.ErrorIs(t, q.Append(records(0, 1), time.Now()), ErrClosed)
	require.ErrorIs(t, q.Ack(1), ErrClosed)
	require.ErrorIs(t, q.Close(), ErrClosed)
	_, err := q.Next(1, OldestFirst)
	require.ErrorIs(t, err, ErrClosed)
}

// TestMemoryModel drives a queue and a plain list with the same random calls.
func TestMemoryModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.SampledFrom([]Policy{DropOldest, DropNewest}).Draw(t, "policy")
		limit := rapid.Int64Range(0, 40).Draw(t, "records") * recordSize
		q := NewMemory(Limits{Bytes: limit, Full: policy})
		var inFlight, waiting []string
		next := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				n := rapid.IntRange(0, 30).Draw(t, "append")
				require.NoError(t, q.Append(records(next, n), time.Now()))
				for _, r := range records(next, n) {
					held := int64(len(inFlight)+len(waiting)+1) * recordSize
					switch {
					case held <= limit:
						waiting = append(waiting, string(r))
					case policy == DropOldest && len(waiting) > 0 && recordSize <= limit:
						waiting = append(waiting[1:len(waiting):len(waiting)], string(r))
					}
				}
				next += n
			case 1:
				order := rapid.SampledFrom([]Order{OldestFirst, NewestFirst}).Draw(t, "order")
				n := rapid.IntRange(0, 20).Draw(t, "next")
				got, err := q.Next(n, order)
				require.NoError(t, err)
				n = min(n, len(waiting))
				want := waiting[:n:n]
				if waiting = waiting[n:]; order == NewestFirst {
					all := append(want, waiting...)
					waiting, want = all[:len(all)-n:len(all)-n], all[len(all)-n:]
				}
				require.Equal(t, append([]string(nil), want...), data(got))
				inFlight = append(inFlight, want...)
			case 2:
				n := rapid.IntRange(0, len(inFlight)).Draw(t, "ack")
				require.NoError(t, q.Ack(n))
				inFlight = inFlight[n:]
			}
			held := len(inFlight) + len(waiting)
			require.Equal(t, held, q.Len())
			require.Equal(t, int64(held)*recordSize, q.Bytes())
			s := q.Stats()
			require.Equal(t, s.Appended, s.Acked+s.Dropped()+uint64(held))
		}
	})
}

func BenchmarkMemory(b *testing.B) {
	chunk := make([][]byte, 40)
	for i := range chunk {
		chunk[i] = make([]byte, 100)
	}
	q := NewMemory(Limits{Bytes: 64 << 20})
	b.SetBytes(40 * 100)
	b.ReportAllocs()
	for b.Loop() {
		_ = q.Append(chunk, time.Now())
		recs, _ := q.Next(1000, OldestFirst)
		_ = q.Ack(len(recs))
	}
}
