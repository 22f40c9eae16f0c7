package gsm_test

import (
	"fmt"

	"telegraf-hologram/internal/gsm"
)

// indications writes the indications of a message as the cases do.
func indications(m *gsm.Message) []string {
	var all []string
	for _, i := range m.Indications {
		all = append(all, fmt.Sprintf("%v active=%t count=%d store=%t", i.Waiting, i.Active, i.Count, i.Store))
	}
	return all
}
