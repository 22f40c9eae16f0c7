package slot

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func Example() {
	dir, _ := os.MkdirTemp("", "")
	defer func() { _ = os.RemoveAll(dir) }()
	name := filepath.Join(dir, "position")

	f, value, _ := Open(name, 100)
	fmt.Println(value == nil)
	_ = f.Write([]byte("12"))
	_ = f.Write([]byte("345"))
	_ = f.Sync()
	_ = f.Close()

	f, value, _ = Open(name, 100)
	fmt.Println(string(value))
	_ = f.Close()
	// Output:
	// true
	// 345
}

func open(t testing.TB, name string, size int) (*File, []byte) {
	t.Helper()
	f, value, err := Open(name, size)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f, value
}

func TestTooLong(t *testing.T) {
	f, _ := open(t, filepath.Join(t.TempDir(), "slot"), 10)
	require.NoError(t, f.Write(make([]byte, 10)))
	require.ErrorIs(t, f.Write(make([]byte, 11)), errTooLong)
}

func TestEmptyValue(t *testing.T) {
	name := filepath.Join(t.TempDir(), "slot")
	f, _ := open(t, name, 10)
	require.NoError(t, f.Write([]byte("before")))
	require.NoError(t, f.Write(nil))
	_, value := open(t, name, 10)
	require.NotNil(t, value)
	require.Empty(t, value)
}

func TestNoFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "slot")
	_, err := Read(name, 10)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = Open(filepath.Join(name, "below"), 10)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestFileGrowsOnce shows that room for all slots is taken at once, so that later writes need none.
func TestFileGrowsOnce(t *testing.T) {
	for _, size := range []int{1, blockSize - headSize, blockSize} {
		name := filepath.Join(t.TempDir(), "slot")
		f, _ := open(t, name, size)
		before, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, slots*stride(size), before.Size())
		for range 10 {
			require.NoError(t, f.Write(make([]byte, size)))
		}
		after, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, before.Size(), after.Size())
	}
}

// TestUnfinished opens files that a full disk or a cut in the power left shorter than they should be.
func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	f, _ := open(t, whole, 100)
	for i := range 3 {
		require.NoError(t, f.Write(fmt.Appendf(nil, "value %d", i)))
	}
	contents, err := os.ReadFile(whole)
	require.NoError(t, err)
	for n := 0; n <= len(contents); n += 97 {
		name := filepath.Join(dir, "cut")
		require.NoError(t, os.WriteFile(name, contents[:n], 0o600))
		f, _ := open(t, name, 100)
		require.NoError(t, f.Write([]byte("after")))
		require.NoError(t, f.Close())
		_, value := open(t, name, 100)
		require.Equal(t, "after", string(value))
	}
}

// TestDamage spoils the file in any one slot, after any number of writes and syncs, and wants a value that is not
// older than the newest but one, nor than the one that was synced if its slot is not the one that is spoilt.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{1, 8, 5000}).Draw(t, "size")
		name := filepath.Join(dir, "slot")
		_ = os.Remove(name)
		f, value, err := Open(name, size)
		require.NoError(t, err)
		require.Nil(t, value)
		n := rapid.IntRange(1, 12).Draw(t, "writes")
		synced := -1
		for i := range n {
			require.NoError(t, f.Write(bytes.Repeat([]byte{byte(i)}, size)))
			if rapid.Bool().Draw(t, "sync") {
				require.NoError(t, f.Sync())
				synced = i
			}
		}
		newest, kept := f.newest, f.synced
		require.NoError(t, f.Close())

		contents, err := os.ReadFile(name)
		require.NoError(t, err)
		spoilt := rapid.IntRange(0, slots-1).Draw(t, "slot")
		b := contents[int64(spoilt)*stride(size):][:headSize+size]
		switch rapid.IntRange(0, 2).Draw(t, "damage") {
		case 0:
			clear(b)
		case 1:
			b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case 2:
			for i := range b {
				b[i] = byte(rand.Uint32())
			}
		}
		require.NoError(t, os.WriteFile(name, contents, 0o600))

		read, err := Read(name, size)
		require.NoError(t, err)
		f, value, err = Open(name, size)
		require.NoError(t, err)
		defer func() { _ = f.Close() }()
		require.Equal(t, read, value)
		switch {
		case spoilt != newest:
			require.EqualValues(t, n-1, value[0])
		case n == 1:
			require.Nil(t, value)
		default:
			require.EqualValues(t, n-2, value[0])
		}
		if synced >= 0 && spoilt != kept {
			require.GreaterOrEqual(t, int(value[0]), synced)
		}
	})
}

// TestTornByPowerCut spoils all that was not synced.
func TestTornByPowerCut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "slot")
	f, _ := open(t, name, 8)
	for i := range byte(20) {
		require.NoError(t, f.Write([]byte{i}))
		if i%7 == 0 {
			require.NoError(t, f.Sync())
		}
		contents, err := os.ReadFile(name)
		require.NoError(t, err)
		for n := range slots {
			if n != f.synced {
				contents[int64(n)*stride(8)] ^= 1
			}
		}
		value, _, _ := newest(contents, 8)
		require.Equal(t, []byte{i / 7 * 7}, value)
	}
}

// TestReadWhileWritten reads as `status` does, beside a writer.
func TestReadWhileWritten(t *testing.T) {
	const size = 9000
	name := filepath.Join(t.TempDir(), "slot")
	f, _ := open(t, name, size)
	require.NoError(t, f.Write(make([]byte, size)))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for i := byte(1); ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = f.Write(bytes.Repeat([]byte{i}, size))
			}
		}
	})
	for range 200 {
		value, err := Read(name, size)
		require.NoError(t, err)
		if value != nil { // all slots can be written anew during one read
			require.Equal(t, bytes.Repeat(value[:1], size), value)
		}
	}
	close(stop)
	wg.Wait()
}

// TestFileOnFullDevice opens and writes where no byte is left.
func TestFileOnFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	f, value, err := Open("/dev/full", 8)
	require.NoError(t, err, "a file that exists can be opened")
	require.Nil(t, value)
	require.Error(t, f.Write([]byte("a")))
	require.NoError(t, f.Close())
	require.Error(t, f.Write([]byte("a")), "it is closed")
	require.Error(t, f.Sync())
}

// FuzzOpen wants no panic, and no value without its checksum.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{}, 8)
	f.Add(make([]byte, slots*blockSize), 8)
	f.Add(appendSlot(nil, 7, []byte("value")), 8)
	f.Add(append(appendSlot(make([]byte, blockSize), 8, []byte("newer")), appendSlot(nil, 7, []byte("old"))...), 5000)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, contents []byte, size int) {
		size = max(1, size%(3*blockSize))
		name := filepath.Join(dir, "slot")
		require.NoError(t, os.WriteFile(name, contents, 0o600))
		file, value, err := Open(name, size)
		require.NoError(t, err)
		if value != nil {
			require.LessOrEqual(t, len(value), size)
			require.True(t, bytes.Contains(contents, appendSlot(nil, file.seq, value)))
		}
		require.NoError(t, file.Write([]byte("x")))
		require.NoError(t, file.Close())
		read, err := Read(name, size)
		require.NoError(t, err)
		require.Equal(t, "x", string(read))
	})
}

func BenchmarkWrite(b *testing.B) {
	f, _ := open(b, filepath.Join(b.TempDir(), "slot"), 4000)
	p := make([]byte, 100)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		_ = f.Write(p)
	}
}
