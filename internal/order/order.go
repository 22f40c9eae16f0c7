// Package order sorts. The functions of package slices are faster, but the
// compiler makes them anew for every type of elements, 5 to 13 kB each time, of
// which a device has few: this is for what is short or seldom out of order.
package order

// Strings puts texts into the order of their bytes.
func Strings(s []string) {
	Sort(len(s), func(i, j int) bool { return s[i] < s[j] }, func(i, j int) { s[i], s[j] = s[j], s[i] })
}

// Sort puts n things into ascending order, with Shell's method. Less tells
// whether thing i must come before thing j, swap exchanges them. Equal things may
// change places. It compares each of 100,000 things some 25 times, less often
// where they are in order or few.
func Sort(n int, less func(i, j int) bool, swap func(i, j int)) {
	for gap := n; gap > 1; {
		gap = max(1, gap/9*4+gap%9*4/9) // as Tokuda has it, each 2.25 times the next; without overflow
		for i := gap; i < n; i++ {
			for j := i; j >= gap && less(j, j-gap); j -= gap {
				swap(j, j-gap)
			}
		}
	}
}
