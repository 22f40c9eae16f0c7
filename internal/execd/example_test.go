package execd_test

import (
	"fmt"

	"telegraf-hologram/internal/execd"
)

func ExampleSplitter() {
	s := execd.NewSplitter(execd.MaxRecord, nil)
	for _, chunk := range []string{"sms,from=+15551234 te", "xt=\"hello\nworld\" 1\ncpu v", "=1 2\n"} {
		for _, record := range s.Split(nil, []byte(chunk)) {
			fmt.Printf("%q\n", record)
		}
	}
	// Output:
	// "sms,from=+15551234 text=\"hello\nworld\" 1"
	// "cpu v=1 2"
}
