package build_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"telegraf-hologram/internal/payload/dictionary/build"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseList(t *testing.T) {
	got, err := build.ParseList("cpu|cpu|cpu,host|usage_idle,usage_user\nmodbus|modbus|name|\nswap|swap||free\n")
	require.NoError(t, err)
	assert.Equal(t, []build.Schema{
		{Plugin: "cpu", Name: "cpu", Tags: []string{"cpu", "host"}, Fields: []string{"usage_idle", "usage_user"}},
		{Plugin: "modbus", Name: "modbus", Tags: []string{"name"}},
		{Plugin: "swap", Name: "swap", Fields: []string{"free"}},
	}, got)

	_, err = build.ParseList("a|a|b|c\na|b|c\n")
	assert.EqualError(t, err, "line 2 has 3 parts, want 4")
}

func TestFromLineProtocol(t *testing.T) {
	got, err := build.FromLineProtocol([]byte("gps,truck=1 lon=1,lat=2 1\nengine rpm=5i 2\nthis is not it\ngps,driver=x,truck=2 alt=3 3\n"))
	require.NoError(t, err)
	assert.Equal(t, []build.Schema{
		{Name: "engine", Fields: []string{"rpm"}},
		{Name: "gps", Tags: []string{"driver", "truck"}, Fields: []string{"alt", "lat", "lon"}},
	}, got)

	_, err = build.FromLineProtocol([]byte("nothing, of that kind\n"))
	assert.ErrorContains(t, err, "without a line of line protocol")
}

func TestBuild(t *testing.T) {
	plugins := []build.Schema{
		{Plugin: "cpu", Name: "cpu", Tags: []string{"cpu"}, Fields: []string{"usage_idle"}},
		{Plugin: "docker", Name: "docker", Fields: []string{"n_containers"}},
		{Plugin: "rare", Name: "rarity", Fields: []string{"xyz", "rare_field", "usage_idle"}},
	}
	corpora := []build.Schema{{Name: "gps", Tags: []string{"truck"}, Fields: []string{"lat"}}}
	got := build.Build(plugins, corpora)
	// The commonest last, with the tag host that every metric of Telegraf has;
	// of rare plugins only long words that are new.
	assert.Equal(t, "rarity\x00rare_field\x00"+
		"docker\x00host\x00\x00n_containers\x00\x00"+
		"gps\x00truck\x00\x00lat\x00\x00"+
		"cpu\x00cpu\x00host\x00\x00usage_idle\x00\x00", string(got))
	assert.Equal(t, []string{"cpu"}, plugins[0].Tags, "what was given is not changed")
}

func TestBuildOrderOfSourcesDoesNotMatter(t *testing.T) {
	sources, err := build.ReadSources("../../../..")
	require.NoError(t, err)
	corpora := sources.Corpora["host"]
	corpora = append(corpora, sources.Corpora["gps"]...)
	want := build.Build(sources.Plugins, corpora)
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(corpora), func(i, j int) { corpora[i], corpora[j] = corpora[j], corpora[i] })
	random.Shuffle(len(sources.Plugins), func(i, j int) {
		sources.Plugins[i], sources.Plugins[j] = sources.Plugins[j], sources.Plugins[i]
	})
	assert.Equal(t, string(want), string(build.Build(sources.Plugins, corpora)))
}

func TestBuildKeepsToLimit(t *testing.T) {
	var plugins []build.Schema
	for i := range 5000 {
		plugins = append(plugins, build.Schema{Plugin: "rare", Name: fmt.Sprintf("measurement%d", i), Fields: []string{"field"}})
	}
	got := build.Build(plugins, nil)
	assert.LessOrEqual(t, len(got), build.Limit)
	assert.Greater(t, len(got), build.Limit-20)
}

func TestDictionaryLeavesOut(t *testing.T) {
	sources, err := build.ReadSources("../../../..")
	require.NoError(t, err)
	assert.Contains(t, string(sources.Dictionary("gps")), "readings\x00")
	for name := range sources.Corpora {
		assert.NotEqual(t, string(sources.Dictionary("")), string(sources.Dictionary(name)), name)
	}
	assert.Equal(t, string(sources.Dictionary("")), string(sources.Dictionary("tgreal")), "Telegraf's examples are not learnt from")
}

func TestReadSourcesErrors(t *testing.T) {
	_, err := build.ReadSources(t.TempDir())
	assert.ErrorContains(t, err, "no sources below")

	root := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	const list, corpus = "internal/payload/dictionary/sources/a.txt", "testdata/corpora/c.lp"
	write(list, "a|b\n")
	write(corpus, "m f=1 1\n")
	_, err = build.ReadSources(root)
	assert.ErrorContains(t, err, "a.txt")
	assert.ErrorContains(t, err, "line 1 has 2 parts")

	write(list, "a|b|c|d\n")
	write(corpus, strings.Repeat(" ", 10))
	_, err = build.ReadSources(root)
	assert.ErrorContains(t, err, "c.lp")

	write(corpus, "m f=1 1\n")
	_, err = build.ReadSources(root)
	assert.NoError(t, err)
}
