package queue

import (
	"errors"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// openSpill opens a queue whose disk fails as f says.
func openSpill(t require.TestingT, dir string, f *failing) *Spill {
	disk, err := openDisk(dir, Limits{Bytes: large}, f.calls())
	require.NoError(t, err)
	return NewSpill(disk, Limits{Bytes: 1 << 20})
}

func TestSpill(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var f failing
		q := openSpill(t, dir, &f)
		at := time.Now()
		require.NoError(t, q.Append(records(0, 2), at))
		f.write = syscall.ENOSPC
		require.ErrorIs(t, q.Append(records(2, 2), at), syscall.ENOSPC)
		require.Equal(t, 2, q.Len(), "a failed Append keeps nothing")
		require.NoError(t, q.Overflow(records(2, 2), at))
		require.Equal(t, 2, q.Volatile())
		require.Equal(t, 4, q.Len())

		require.ErrorIs(t, q.Append(records(4, 2), at), syscall.ENOSPC)
		f.write = nil
		require.ErrorIs(t, q.Append(records(4, 2), at), syscall.ENOSPC, "the disk is left alone for a second")
		require.NoError(t, q.Overflow(records(4, 2), at))
		time.Sleep(settleEvery)
		require.NoError(t, q.Append(records(6, 1), at))
		require.Zero(t, q.Volatile())
		require.Equal(t, Stats{Appended: 7}, q.Stats(), "a record that was moved was appended once")
		require.Equal(t, texts(0, 7), take(t, q))
		require.NoError(t, q.Ack(7))
		balance(t, q)
		require.NoError(t, q.Close())
		require.ErrorIs(t, q.Append(records(0, 1), at), ErrClosed)
		require.ErrorIs(t, q.Close(), ErrClosed)
	})
}

func TestSpillOrder(t *testing.T) {
	var f failing
	q := openSpill(t, t.TempDir(), &f)
	require.NoError(t, q.Append(records(0, 4), time.Now()))
	require.NoError(t, q.Overflow(records(4, 4), time.Now()))
	got, err := q.Next(5, NewestFirst)
	require.NoError(t, err)
	require.Equal(t, texts(3, 5), data(got))
	got, err = q.Next(2, OldestFirst)
	require.NoError(t, err)
	require.Equal(t, texts(0, 2), data(got))
	require.Equal(t, 4, q.Volatile(), "what is in flight too")
	require.NoError(t, q.Ack(2))
	require.Equal(t, 3, q.Volatile())
	require.NoError(t, q.Settle())
	require.Equal(t, 3, q.Volatile(), "what is in flight stays")
	require.Positive(t, q.Bytes())
	require.NoError(t, q.Close())

	q = openSpill(t, q.disk.dir, &f)
	require.Equal(t, append(texts(0, 3), texts(5, 3)...), take(t, q), "Close has moved it")
	require.NoError(t, q.Close())
}

func TestSpillClosesOnFullDisk(t *testing.T) {
	var f failing
	q := openSpill(t, t.TempDir(), &f)
	require.NoError(t, q.Append(records(0, 2), time.Now()))
	require.NoError(t, q.Overflow(records(2, 2), time.Now()))
	_, err := q.Next(3, OldestFirst)
	require.NoError(t, err)
	f.write = syscall.ENOSPC
	require.ErrorIs(t, q.Close(), syscall.ENOSPC)
	require.Equal(t, 2, q.Volatile(), "these are lost")
	f.write = nil
	q = openSpill(t, q.disk.dir, &f)
	require.Equal(t, texts(0, 2), take(t, q))
	require.NoError(t, q.Close())
}

// TestSpillModel drives a queue whose disk comes and goes, with restarts, and wants each record to come until it is
// acknowledged, and the oldest first.
func TestSpillModel(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		dir := filepath.Join(root, strconv.Itoa(runs))
		var f failing
		q := openSpill(t, dir, &f)
		defer func() { _ = q.Close() }()
		var inFlight, waiting []string
		next := 0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				n := rapid.IntRange(0, 30).Draw(t, "append")
				chunk := records(next, n)
				if err := q.Append(chunk, time.Now()); err != nil {
					require.ErrorIs(t, err, syscall.ENOSPC)
					require.NoError(t, q.Overflow(chunk, time.Now()))
				}
				waiting = append(waiting, texts(next, n)...)
				next += n
			case 2:
				n := rapid.IntRange(0, 40).Draw(t, "next")
				got, err := q.Next(n, OldestFirst)
				require.NoError(t, err)
				n = min(n, len(waiting))
				require.Equal(t, append([]string(nil), waiting[:n]...), data(got))
				inFlight = append(inFlight, waiting[:n]...)
				waiting = waiting[n:]
			case 3:
				n := rapid.IntRange(0, len(inFlight)).Draw(t, "ack")
				require.NoError(t, q.Ack(n))
				inFlight = inFlight[n:]
			case 4:
				if f.write = nil; rapid.Bool().Draw(t, "full") {
					f.write, f.short = syscall.ENOSPC, rapid.IntRange(0, 100).Draw(t, "short")
				}
				if err := q.Settle(); f.write == nil {
					require.NoError(t, err)
				}
			case 5:
				f.write = nil
				require.NoError(t, errors.Join(q.Settle(), q.Close()))
				q = openSpill(t, dir, &f)
				got := take(t, q)
				require.ElementsMatch(t, append(inFlight, waiting...), got)
				inFlight, waiting = got, nil
			}
			require.Equal(t, len(inFlight)+len(waiting), q.Len())
			balance(t, q)
		}
	})
}
