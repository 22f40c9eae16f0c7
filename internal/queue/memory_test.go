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

	first, err := q.Next(2)
	require.NoError(t, err)
	require.Equal(t, []string{"000000", "000001"}, data(first))
	second, err := q.Next(10)
	require.NoError(t, err)
	require.Equal(t, []string{"000002", "000003", "000004"}, data(second))
	require.Equal(t, at.Add(time.Second), second[2].At)
	none, err := q.Next(10)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Equal(t, 5, q.Len(), "records in flight count until they are acknowledged")

	require.NoError(t, q.Ack(first[1].Seq))
	require.NoError(t, q.Ack(first[1].Seq), "a second Ack changes nothing")
	require.Equal(t, 3, q.Len())
	require.NoError(t, q.Ack(second[2].Seq))
	require.Zero(t, q.Len())
	require.Zero(t, q.Bytes())
	require.Equal(t, Stats{Appended: 5, Acked: 5}, q.Stats())
}

func TestMemoryCopiesRecords(t *testing.T) {
	q := NewMemory(Limits{Bytes: 1 << 20})
	r := []byte("before")
	require.NoError(t, q.Append([][]byte{r}, time.Now()))
	copy(r, "after!")
	got, err := q.Next(1)
	require.NoError(t, err)
	require.Equal(t, []string{"before"}, data(got))
}

func TestMemoryFull(t *testing.T) {
	limits := Limits{Bytes: 4 * recordSize}
	t.Run("drop_oldest", func(t *testing.T) {
		q := NewMemory(limits)
		require.NoError(t, q.Append(records(0, 6), time.Now()))
		got, err := q.Next(10)
		require.NoError(t, err)
		require.Equal(t, []string{"000002", "000003", "000004", "000005"}, data(got))
		require.Equal(t, Stats{Appended: 6, DroppedFull: 2}, q.Stats())
	})
	t.Run("drop_newest", func(t *testing.T) {
		limits := limits
		limits.Full = DropNewest
		q := NewMemory(limits)
		require.NoError(t, q.Append(records(0, 6), time.Now()))
		got, err := q.Next(10)
		require.NoError(t, err)
		require.Equal(t, []string{"000000", "000001", "000002", "000003"}, data(got))
		require.Equal(t, Stats{Appended: 6, DroppedFull: 2}, q.Stats())
	})
	t.Run("in_flight_stays", func(t *testing.T) {
		q := NewMemory(limits)
		require.NoError(t, q.Append(records(0, 4), time.Now()))
		first, err := q.Next(2)
		require.NoError(t, err)
		require.NoError(t, q.Append(records(4, 2), time.Now()))
		second, err := q.Next(10)
		require.NoError(t, err)
		require.Equal(t, []string{"000004", "000005"}, data(second))
		require.NoError(t, q.Append(records(6, 1), time.Now()), "all in flight: the arrival has to go")
		require.NoError(t, q.Ack(first[1].Seq))
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
		inFlight, err := q.Next(1)
		require.NoError(t, err)
		time.Sleep(40 * time.Second)
		require.NoError(t, q.Append(records(3, 1), time.Now()))
		time.Sleep(40 * time.Second)
		got, err := q.Next(10)
		require.NoError(t, err)
		require.Equal(t, []string{"000003"}, data(got))
		require.Equal(t, Stats{Appended: 4, DroppedAge: 2}, q.Stats())
		require.NoError(t, q.Ack(inFlight[0].Seq), "what is in flight does not age")
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
	_, err := q.Next(1)
	require.ErrorIs(t, err, ErrClosed)
}

// TestMemoryModel drives a queue and a plain list with the same random calls.
func TestMemoryModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.SampledFrom([]Policy{DropOldest, DropNewest}).Draw(t, "policy")
		limit := rapid.Int64Range(0, 40).Draw(t, "records") * recordSize
		q := NewMemory(Limits{Bytes: limit, Full: policy})
		var model []string // in flight and waiting
		inFlight, next := 0, 0
		var handed []Record
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				n := rapid.IntRange(0, 30).Draw(t, "append")
				require.NoError(t, q.Append(records(next, n), time.Now()))
				for _, r := range records(next, n) {
					room := int64(len(model)+1)*recordSize <= limit
					switch {
					case room:
						model = append(model, string(r))
					case policy == DropOldest && len(model) > inFlight && recordSize <= limit:
						model = append(append(model[:inFlight:inFlight], model[inFlight+1:]...), string(r))
					}
				}
				next += n
			case 1:
				got, err := q.Next(rapid.IntRange(0, 20).Draw(t, "next"))
				require.NoError(t, err)
				require.Equal(t, append([]string(nil), model[inFlight:inFlight+len(got)]...), data(got))
				inFlight += len(got)
				handed = append(handed, got...)
			case 2:
				n := rapid.IntRange(0, inFlight).Draw(t, "ack")
				if n == 0 {
					continue
				}
				require.NoError(t, q.Ack(handed[n-1].Seq))
				handed, model, inFlight = handed[n:], model[n:], inFlight-n
			}
			require.Equal(t, len(model), q.Len())
			require.Equal(t, int64(len(model))*recordSize, q.Bytes())
			s := q.Stats()
			require.Equal(t, s.Appended, s.Acked+s.Dropped()+uint64(len(model)))
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
		recs, _ := q.Next(1000)
		_ = q.Ack(recs[len(recs)-1].Seq)
	}
}
