// Package order sorts by package sort, whose functions are there once. Those of
// package slices are faster, but the compiler makes them anew for every type of
// elements, 5 to 13 kB each time, of which a device has few.
package order

import "sort"

// Strings puts texts into the order of their bytes.
func Strings(s []string) {
	Sort(len(s), func(i, j int) bool { return s[i] < s[j] }, func(i, j int) { s[i], s[j] = s[j], s[i] })
}

// Sort puts n things into ascending order. Less tells whether thing i must come
// before thing j, swap exchanges them. Equal things may change places.
func Sort(n int, less func(i, j int) bool, swap func(i, j int)) {
	sort.Sort(&things{n, less, swap})
}

// things implement sort.Interface.
type things struct {
	n    int
	less func(i, j int) bool
	swap func(i, j int)
}

func (t *things) Len() int           { return t.n }
func (t *things) Less(i, j int) bool { return t.less(i, j) }
func (t *things) Swap(i, j int)      { t.swap(i, j) }
