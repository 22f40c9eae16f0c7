package dictionary_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"telegraf-hologram/internal/payload/dictionary"
	"telegraf-hologram/internal/payload/dictionary/build"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// frozen is what version 1 is for ever: payloads that were made with it must
// stay readable. Other names need another version.
const frozen = "f11176c943604236ad8bd4a56301ede09c08deb05f54826b8c4f7cf712aaa314"

func TestVersion1IsFrozen(t *testing.T) {
	d := dictionary.Version1()
	sum := sha256.Sum256(d)
	assert.Equal(t, frozen, hex.EncodeToString(sum[:]))
	assert.LessOrEqual(t, len(d), build.Limit)

	spec, err := os.ReadFile("../../../docs/payload.md")
	require.NoError(t, err)
	assert.Contains(t, string(spec), frozen, "docs/payload.md")
}

// What is linked is the file that the specification names.
func TestVersion1IsTheFile(t *testing.T) {
	file, err := os.ReadFile("v1.bin")
	require.NoError(t, err)
	assert.Equal(t, string(file), string(dictionary.Version1()))
}

// gen must make the same from the lists and corpora of the repository.
func TestVersion1IsReproducible(t *testing.T) {
	sources, err := build.ReadSources("../../..")
	require.NoError(t, err)
	assert.Equal(t, string(dictionary.Version1()), string(sources.Dictionary("")))
}
