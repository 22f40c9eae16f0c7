//go:build unix

package journal

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const childEnv = "JOURNAL_TEST_CHILD"

// childLimit is the limit of the journal of a child.
const childLimit = 4 << 20

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child uses a journal as an input does, until it is killed. Each step is a line on its standard output, in one write:
//
//	print N     entry N is passed on
//	marked N    MarkPrinted has returned
//	kept N      Append has returned
func child(dir string) {
	j, err := Open(dir, childLimit)
	if err != nil {
		panic(err)
	}
	passOn := func() {
		entries, err := j.Unprinted(3)
		if err != nil {
			panic(err)
		}
		for i, n := range numbersOf(entries) {
			fmt.Printf("print %d\n", n)
			if err := j.MarkPrinted(entries[i].ID); err != nil {
				panic(err)
			}
			fmt.Printf("marked %d\n", n)
		}
	}
	passOn()
	for n := 0; ; n++ {
		if j.Has(idOf(n)) {
			continue
		}
		if err := j.Append(numbered(n, 50+n%700)); err != nil {
			panic(err)
		}
		fmt.Printf("kept %d\n", n)
		if n%3 == 0 {
			passOn()
		}
	}
}

// TestKill kills a process that uses a journal again and again: whatever Append had returned for is there, what was
// marked does not come again, what was not does, and nothing is passed on twice but what was passed on at the moment of
// a kill.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const kills = 12
	kept, printed, marked := make(map[int]bool), make(map[int]int), make(map[int]bool)
	for range kills {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		timer := time.AfterFunc(20*time.Millisecond+rand.N(60*time.Millisecond), func() { _ = c.Process.Kill() })
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			word, number, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.Atoi(number)
			require.NoError(t, err, lines.Text())
			switch word {
			case "kept":
				kept[n] = true
			case "print":
				require.False(t, marked[n], "entry %d is marked", n)
				printed[n]++
			case "marked":
				marked[n] = true
			default:
				require.Fail(t, lines.Text())
			}
		}
		timer.Stop()
		require.Error(t, c.Wait())
	}
	j := openTest(t, dir, childLimit)
	require.Zero(t, j.Stats().Damaged)
	require.Zero(t, j.Stats().Dropped)
	left := make(map[int]bool)
	for _, n := range unprinted(t, j) {
		left[n] = true
	}
	twice := 0
	for n := range kept {
		require.True(t, j.Has(idOf(n)), n)
		require.False(t, marked[n] && left[n], n)
		require.True(t, marked[n] || left[n] || printed[n] > 0, n)
		twice += max(printed[n]-1, 0)
	}
	require.LessOrEqual(t, twice, kills)
	t.Logf("%d kills: %d entries, %d marked, %d left, %d printed twice", kills, len(kept), len(marked), len(left), twice)
}
