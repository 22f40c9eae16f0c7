package sms

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/e2e/internal/lab"
)

func TestCount(t *testing.T) {
	sent := []message{
		{SMS: lab.SMS{From: "+1", Text: "a"}},
		{SMS: lab.SMS{From: "+1", Text: "b \"x\" \\ \n y"}},
		{SMS: lab.SMS{From: "+2", Text: "a"}},
		{SMS: lab.SMS{From: "+2", Text: "a"}},
		{SMS: lab.SMS{From: "+3", Text: "c"}},
	}
	metrics, err := lab.ReadMetrics(strings.NewReader(`sms,sender=+1 text="a",complete=true 1
modem,modem=m state="ok" 2
sms,sender=+1 text="b \"x\" \\ ` + "\n" + ` y",complete=true 3
sms,sender=+2 text="a",complete=true 4
sms,sender=+2 text="a",complete=true 5
sms,sender=+2 text="a",complete=true 6
sms,sender=+2 text="a",complete=true 5
sms,sender=+3 text="cc",complete=true 7
sms,sender=+3 text="c",complete=false 8
`))
	require.NoError(t, err)
	came, err := readArrived(metrics)
	require.NoError(t, err)
	require.Len(t, came, 8)
	got, lost := count(sent, came)
	require.Equal(t, Account{Sent: 5, Came: 4, Lost: 1, Twice: 2, Same: 1, Wrong: 2}, got)
	require.Equal(t, sent[4:], lost)
}
