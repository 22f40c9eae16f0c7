package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/corpus"
)

func TestFormats(t *testing.T) {
	metrics, err := corpus.Parse("cpu,host=a usage=1.5 1767225600000000000\ncpu,host=a usage=2.5 1767225610000000000\n")
	require.NoError(t, err)
	require.Len(t, metrics, 2)
	text, err := lines(metrics)
	require.NoError(t, err)
	assert.Equal(t, "cpu,host=a usage=1.5 1767225600000000000\ncpu,host=a usage=2.5 1767225610000000000", text)
	text, err = jsonText(metrics[:1])
	require.NoError(t, err)
	assert.JSONEq(t, `{"metrics":[{"fields":{"usage":1.5},"name":"cpu","tags":{"host":"a"},"timestamp":1767225600000000000}]}`, text)

	size, err := messageBytes("x", metrics)
	require.NoError(t, err)
	assert.Equal(t, len(`{"k":"ABCDWXYZ","d":"x","t":"cpu"}`)+2, size)

	for _, f := range formats([]byte("cpu")) {
		size, err := measure(f, metrics, 500)
		require.NoError(t, err, f.name)
		assert.Positive(t, size, f.name)
	}
}

func TestTopicOf(t *testing.T) {
	assert.Equal(t, "a-b-c/d", topicOf("a b.c/d"))
	assert.Len(t, topicOf(strings.Repeat("x", 40)), 31)
}

// BenchmarkBytes prints the table, so that whoever runs the benchmarks sees it.
func BenchmarkBytes(b *testing.B) {
	for b.Loop() {
		var table strings.Builder
		require.NoError(b, run(&table, "../../../.."))
		b.Log(table.String())
	}
}
