package encode_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/gsm/gsm7"
)

// pythonWithGammu returns a Python that has Debian's python3-gammu.
func pythonWithGammu(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import gammu").Run() == nil {
			return python
		}
	}
	t.Skip("python3-gammu is not installed")
	return ""
}

// alphabet is the GSM 7 bit default alphabet, or its extension.
func alphabet(table *gsm7.Table) []rune {
	var all []rune
	for _, c := range table {
		if c != 0 {
			all = append(all, c)
		}
	}
	return all
}

// gammu, which knows nothing of this encoder, reads each text as it was meant.
func TestGammu(t *testing.T) {
	python := pythonWithGammu(t)
	main, extension := alphabet(gsm7.Locking(gsm7.Default)), alphabet(gsm7.Shift(gsm7.Default))
	other := []rune("🎉🌊😀👍🏽é°“”…ЖарΩ中兴µñ a1")
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int, tables ...[]rune) string {
		var b strings.Builder
		for range n {
			table := tables[r.IntN(len(tables))]
			b.WriteRune(table[r.IntN(len(table))])
		}
		return b.String()
	}
	var texts []string
	for i := range 100 {
		texts = append(texts, random(1+r.IntN(150), main, main, main, extension), random(1+r.IntN(69), other, main))
		// At the edges of a part, and in many parts.
		texts = append(texts, random(140+i/2, main, main, main, extension), random(60+i/4, other), random(100+r.IntN(700), main, other[:3], extension))
	}
	type message struct {
		encode.Plan
		pdus []string
		to   string
		ref  int
	}
	var messages []message
	var in, out, errs bytes.Buffer
	parts, long, ucs2 := 0, 0, 0
	for i, text := range texts {
		if encode.PlanText(text, encode.Auto).UCS2 {
			// gammu 1.42 takes it for the sign of what only Nokia's phones know.
			text = strings.ReplaceAll(text, "~", "-")
		}
		m := message{Plan: encode.PlanText(text, encode.Auto), to: []string{"+15125550100", "310000202", "12345"}[i%3], ref: i % 256}
		require.Equal(t, text, m.Text)
		submit := encode.Message{From: m.to, Text: m.Text, UCS2: m.UCS2, Reference: uint16(m.ref), Report: i%2 == 0, Validity: time.Duration(i%4) * time.Hour}
		var err error
		m.pdus, err = submit.Submit()
		require.NoError(t, err)
		require.Len(t, m.pdus, m.Parts)
		require.NoError(t, json.NewEncoder(&in).Encode(m.pdus))
		messages = append(messages, m)
		parts += m.Parts
		if m.Parts > 1 {
			long++
		}
		if m.UCS2 {
			ucs2++
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/decode.py")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &errs
	require.NoError(t, cmd.Run(), errs.String())
	answers := json.NewDecoder(&out)
	for _, m := range messages {
		var got struct {
			Text, Coding, Number string
			Messages             int
			Types                []string
			Sequence             [][3]int
		}
		require.NoError(t, answers.Decode(&got))
		require.Equal(t, m.Text, got.Text)
		require.Equal(t, 1, got.Messages)
		require.Equal(t, m.to, got.Number)
		coding := "Default_No_Compression"
		if m.UCS2 {
			coding = "Unicode_No_Compression"
		}
		require.Equal(t, coding, got.Coding)
		for i, sequence := range got.Sequence {
			require.Equal(t, "Submit", got.Types[i])
			if m.Parts > 1 {
				require.Equal(t, [3]int{m.ref, m.Parts, i + 1}, sequence)
			}
		}
	}
	require.False(t, answers.More())
	t.Logf("gammu read %d texts in %d SMS: %d of more than one part, %d in UCS-2", len(messages), parts, long, ucs2)
}
