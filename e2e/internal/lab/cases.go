package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Choose returns those of all cases that a comma-separated list names, in the order of the list, and all of them for an
// empty one. name is the name of a case.
func Choose[C any](all []C, list string, name func(C) string) ([]C, error) {
	if list == "" {
		return all, nil
	}
	var chosen []C
	for wanted := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(c C) bool { return name(c) == wanted })
		if i < 0 {
			return nil, fmt.Errorf("there is no case %q; there are %s", wanted, Names(all, name))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// Names lists the names of cases.
func Names[C any](all []C, name func(C) string) string {
	var list []string
	for _, c := range all {
		list = append(list, name(c))
	}
	return strings.Join(list, ", ")
}

// InTurns calls do with 0 to n-1, so many at a time, and returns when all have returned.
func InTurns(n, atATime int, do func(i int)) {
	var group sync.WaitGroup
	turns := make(chan struct{}, atATime)
	for i := range n {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			do(i)
		})
	}
	group.Wait()
}

// Folder returns the folder for what runs leave behind, as an absolute path: keep, or, if that is empty, a temporary
// one with the pattern in its name, which remove removes.
func Folder(keep, pattern string) (dir string, remove func(), err error) {
	dir, remove = keep, func() {}
	if keep == "" {
		if dir, err = os.MkdirTemp("", pattern); err == nil {
			remove = func() { _ = os.RemoveAll(dir) }
		}
	}
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return "", remove, fmt.Errorf("cannot make a folder for the runs: %w", err)
	}
	return dir, remove, nil
}

// Quoted returns words as the elements of a list in TOML.
func Quoted(words []string) string {
	var list []string
	for _, word := range words {
		list = append(list, strconv.Quote(word))
	}
	return strings.Join(list, ", ")
}

// Pause waits for d.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
