package dns

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// file writes a file for a test.
func file(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func addrs(list ...string) []netip.Addr {
	var a []netip.Addr
	for _, s := range list {
		a = append(a, netip.MustParseAddr(s))
	}
	return a
}

func TestConfig(t *testing.T) {
	local := addrs("127.0.0.1", "::1")
	for _, tt := range []struct {
		name, text string
		want       config
	}{
		{"empty", "", config{servers: local, timeout: 5 * time.Second, rounds: 2}},
		{"usual", "# by the modem's manager\nnameserver 10.0.0.1\nnameserver 2001:db8::1\n",
			config{servers: addrs("10.0.0.1", "2001:db8::1"), timeout: 5 * time.Second, rounds: 2}},
		{"systemd-resolved", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n",
			config{servers: addrs("127.0.0.53"), search: []string{"."}, timeout: 5 * time.Second, rounds: 2}},
		{"zone", "nameserver fe80::1%wwan0\n", config{servers: addrs("fe80::1%wwan0"), timeout: 5 * time.Second, rounds: 2}},
		{"four servers", "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n",
			config{servers: addrs("10.0.0.1", "10.0.0.2", "10.0.0.3"), timeout: 5 * time.Second, rounds: 2}},
		{"options", "options rotate timeout:2 attempts:3\nnameserver 10.0.0.1", config{servers: addrs("10.0.0.1"), timeout: 2 * time.Second, rounds: 3}},
		{"high options", "options timeout:9999999999 attempts:99\noptions timeout:99 ndots:0", config{servers: local, timeout: 30 * time.Second, rounds: 5}},
		{"bad options", "options timeout:0 attempts:-1 timeout: timeout attempts:x", config{servers: local, timeout: 5 * time.Second, rounds: 2}},
		{"the last of search and domain", "domain a.test\nsearch b.test c.test\r\n", config{servers: local, search: []string{"b.test", "c.test"}, timeout: 5 * time.Second, rounds: 2}},
		{"seven domains", "search a b c d e f g", config{servers: local, search: strings.Split("abcdef", ""), timeout: 5 * time.Second, rounds: 2}},
		{"rubbish", "nameserver\nnameserver example.com\n\x00\xff\nnameserver 1.2.3.4.5\n;nameserver 10.0.0.1\n \t nameserver\t10.0.0.2 # comment\nnonsense 1",
			config{servers: addrs("10.0.0.2"), timeout: 5 * time.Second, rounds: 2}},
		{"a long line", "nameserver 10.0.0.1\nsearch " + strings.Repeat("x", 3*maxLine) + " nameserver 10.0.0.9\nnameserver 10.0.0.2\n",
			config{servers: addrs("10.0.0.1", "10.0.0.2"), timeout: 5 * time.Second, rounds: 2}},
		{"a line of just too much", strings.Repeat("x", maxLine-1) + "\nnameserver 10.0.0.1\n" + strings.Repeat("x", maxLine) + "\nnameserver 10.0.0.2",
			config{servers: addrs("10.0.0.1", "10.0.0.2"), timeout: 5 * time.Second, rounds: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, readConfig(file(t, tt.text))) })
	}
	require.Equal(t, local, readConfig(filepath.Join(t.TempDir(), "none")).servers)
	require.Equal(t, local, readConfig(t.TempDir()).servers)
}

func TestNames(t *testing.T) {
	c := config{search: []string{"a.test", ".", ".b.test."}}
	for host, want := range map[string][]string{
		"cloud":       {"cloud.a.test", "cloud.b.test", "cloud"},
		"cloud.":      {"cloud"},
		"cloud.test":  {"cloud.test"},
		"cloud.test.": {"cloud.test"},
	} {
		require.Equal(t, want, c.names(host))
	}
}

func TestHosts(t *testing.T) {
	name := file(t, `127.0.0.1	localhost
::1 localhost ip6-localhost
# 192.0.2.9 cloud.test
192.0.2.1 other.test Cloud.Test cloud # cloud2.test
192.0.2.2 cloud.test.
2001:db8::1 six.test
::ffff:192.0.2.3 mapped.test
300.0.0.1 bad.test
192.0.2.4
`+strings.Repeat("0.0.0.0 blocked.test\n", 1000)+"192.0.2.5 last.test")
	for _, tt := range []struct {
		host  string
		k     recordType
		want  []netip.Addr
		known bool
	}{
		{"localhost", typeA, addrs("127.0.0.1"), true},
		{"LOCALHOST", typeAAAA, addrs("::1"), true},
		{"cloud.test", typeA, addrs("192.0.2.1", "192.0.2.2"), true},
		{"cloud.test.", typeA, addrs("192.0.2.1", "192.0.2.2"), true},
		{"cloud.test", typeAAAA, nil, true},
		{"cloud2.test", typeA, nil, false},
		{"six.test", typeA, nil, true},
		{"mapped.test", typeA, addrs("192.0.2.3"), true},
		{"bad.test", typeA, nil, false},
		{"last.test", typeA, addrs("192.0.2.5"), true},
		{"192.0.2.4", typeA, nil, false},
		{"", typeA, nil, false},
		{".", typeA, nil, false},
	} {
		got, known := readHosts(name, tt.host, tt.k)
		require.Equal(t, tt.want, got, tt.host)
		require.Equal(t, tt.known, known, tt.host)
	}
	got, _ := readHosts(name, "blocked.test", typeA)
	require.Len(t, got, maxAddrs)
	_, known := readHosts("/does/not/exist", "localhost", typeA)
	require.False(t, known)
}

// Memory does not grow with the file.
func TestHostsAllocations(t *testing.T) {
	name := file(t, strings.Repeat("0.0.0.0 some.blocked.test\n", 20_000))
	require.Less(t, testing.AllocsPerRun(1, func() { readHosts(name, host, typeA) }), 50.0)
}

func FuzzConfig(f *testing.F) {
	f.Add("nameserver 10.0.0.1\nsearch a b\noptions timeout:3 attempts:1\n192.0.2.1 cloud.test\n", "cloud.test")
	f.Fuzz(func(t *testing.T, text, host string) {
		name := file(t, text)
		c := readConfig(name)
		require.NotEmpty(t, c.servers)
		require.LessOrEqual(t, len(c.servers), maxServers)
		require.LessOrEqual(t, len(c.search), maxSearch)
		require.True(t, time.Second <= c.timeout && c.timeout <= maxTimeout)
		require.True(t, 1 <= c.rounds && c.rounds <= maxRounds)
		require.NotEmpty(t, c.names(host))
		addrs, known := readHosts(name, host, typeA)
		require.True(t, known || len(addrs) == 0)
	})
}
