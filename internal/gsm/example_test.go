package gsm_test

import (
	"fmt"
	"time"

	"telegraf-hologram/internal/gsm"
)

// The two parts of a message are listed in the wrong order.
func ExampleAssembler() {
	a := gsm.NewAssembler(gsm.DefaultTimeout, gsm.DefaultMaxParts)
	records := map[int]string{
		4: "07919730071111F1400B919746121611F10000811170021232230F06080412340202A0FB5BCE268700",
		7: "07919730071111F1400B919746121611F10000811170021222230E06080412340201C8329BFD6601",
	}
	for _, index := range []int{4, 7} {
		m := gsm.Decode(records[index], 0)
		for _, j := range a.Add(m, gsm.Location{Storage: "SM", Index: index}, time.Now()) {
			fmt.Println(j.Message.Text, j.Parts, j.Locations)
		}
	}
	// Output: Hello, world! 2 [{SM 7} {SM 4}]
}
