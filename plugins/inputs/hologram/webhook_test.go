package hologram

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/execd"
)

// webhookOf returns an event of the cloud with data of a device.
func webhookOf(device int, data string) string {
	return fmt.Sprintf(`{"received":"2026-01-02T03:04:05.678","tags":["_SOCKETAPI_"],"device":{"id":%d,"name":"d%d"},"data":%q}`,
		device, device, base64.StdEncoding.EncodeToString([]byte(data)))
}

// dial opens a connection from an address of loopback.
func (r *receiver) dial(from string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	return d.DialContext(r.t.Context(), "tcp", r.addr())
}

// clientFrom returns a client with an address of loopback.
func clientFrom(t testing.TB, from string) *http.Client {
	c := newClient(t)
	c.Transport.(*http.Transport).DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext
	return c
}

func gzipped(t testing.TB, size int64) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.CopyN(w, zeros{}, size)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestGzip(t *testing.T) {
	r := newReceiver(t, nil).run()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(webhookOf(1, "m v=1 1700000000000000000")))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	status, text := r.post(b.String(), "Content-Encoding", "gzip")
	require.Equal(t, 204, status, text)
	require.Len(t, r.out.data(), 1)

	// A bomb: 200 MiB in 200 kB.
	status, _ = r.post(gzipped(t, 200<<20), "Content-Encoding", "gzip")
	require.Equal(t, 413, status)
	status, _ = r.post(b.String()[:b.Len()-9], "Content-Encoding", "gzip")
	require.Equal(t, 400, status)
}

// A body without end is not read to it.
func TestLargeBody(t *testing.T) {
	r := newReceiver(t, nil).run()
	for _, announced := range []int64{100 << 20, -1} {
		c, err := r.dial("127.0.0.1")
		require.NoError(t, err)
		head := "POST /hologram HTTP/1.1\r\nHost: x\r\nX-Hologram-Secret: " + testSecret + "\r\n"
		if announced < 0 {
			head += "Transfer-Encoding: chunked\r\n\r\n"
		} else {
			head += fmt.Sprintf("Content-Length: %d\r\n\r\n", announced)
		}
		_, err = io.WriteString(c, head)
		require.NoError(t, err)
		go func() {
			chunk := make([]byte, 64<<10)
			for sent := 0; sent < 100<<20; sent += len(chunk) {
				if announced < 0 {
					if _, err := fmt.Fprintf(c, "%x\r\n", len(chunk)); err != nil {
						return
					}
				}
				if _, err := c.Write(chunk); err != nil {
					return
				}
				if announced < 0 {
					if _, err := io.WriteString(c, "\r\n"); err != nil {
						return
					}
				}
			}
		}()
		require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.Equal(t, 413, answer.StatusCode)
		require.NoError(t, answer.Body.Close())
		require.NoError(t, c.Close())
	}
	require.Zero(t, r.webhook.bodies.used.Load())
}

// Who sends slowly is cut off, and keeps nobody from being answered.
func TestSlowLoris(t *testing.T) {
	r := newReceiver(t, func(h *Hologram) {
		h.timing.header, h.timing.read = 300*time.Millisecond, 600*time.Millisecond
		h.MaxConnections = 64 // 16 of one source
	}).run()
	const head = "POST /hologram HTTP/1.1\r\nHost: x\r\n"
	for _, begin := range []string{"POST /holo", head + "X: ", head + "X-Hologram-Secret: " + testSecret + "\r\nContent-Length: 1000\r\n\r\n{"} {
		var slow []net.Conn
		for range 20 {
			c, err := r.dial("127.0.0.2")
			if err != nil {
				continue // it was closed in the moment of opening
			}
			_, _ = io.WriteString(c, begin)
			slow = append(slow, c)
		}
		status, text := r.postWith(clientFrom(t, "127.0.0.3"), webhookOf(1, "m v=1 1700000000000000000"))
		require.Equal(t, 204, status, text)
		start := time.Now()
		for _, c := range slow {
			require.NoError(t, c.SetReadDeadline(start.Add(5*time.Second)))
			_, err := io.Copy(io.Discard, c)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection stays open")
			require.NoError(t, c.Close())
		}
	}
	require.Positive(t, r.counters.n[cRefusedConnections].Load())
}

// Many sources that each take all the connections they get leave some to others.
func TestManySources(t *testing.T) {
	r := newReceiver(t, func(h *Hologram) { h.MaxConnections = 64 }).run()
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for i := range 20 * 20 {
		c, err := r.dial(fmt.Sprintf("127.0.1.%d", 1+i%20))
		if err != nil {
			continue // closed in the moment of opening
		}
		_, _ = io.WriteString(c, "POST /holo")
		conns = append(conns, c)
	}
	r.eventually(func() bool { return r.counters.n[cRefusedConnections].Load() >= 300 }, "too few were refused")
	status, text := r.postWith(clientFrom(t, "127.0.0.3"), webhookOf(1, "m v=1 1700000000000000000"))
	require.Equal(t, 204, status, text)
}

// 10,000 connections at once leave room for others, and cost little memory.
func TestManyConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("opens 10,000 connections")
	}
	r := newReceiver(t, nil).run()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for i := range 10_000 {
		c, err := r.dial(fmt.Sprintf("127.0.1.%d", 1+i%2))
		if err != nil {
			if strings.Contains(err.Error(), "too many open files") {
				t.Skipf("only %d files may be open", i)
			}
			continue // closed in the moment of opening
		}
		_, _ = io.WriteString(c, "POST /hologram HTTP/1.1\r\n")
		conns = append(conns, c)
	}
	status, text := r.postWith(clientFrom(t, "127.0.0.3"), webhookOf(1, "m v=1 1700000000000000000"))
	require.Equal(t, 204, status, text)
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapInuse)-int64(before.HeapInuse), int64(64<<20)) // of both sides, here
	r.eventually(func() bool { return r.counters.n[cRefusedConnections].Load() >= 9000 }, "too few were refused")
	t.Logf("%d opened, %d refused", len(conns), r.counters.n[cRefusedConnections].Load())
}

func TestSecrets(t *testing.T) {
	r := newReceiver(t, nil).run()
	body := webhookOf(1, "m v=1 1700000000000000000")
	for _, tt := range []struct {
		secret string
		status int
	}{
		{testSecret, 204},
		{testSecret + " ", 204}, // space around a header is none of it
		{"", 401},
		{testSecret[:len(testSecret)-1], 401},
		{testSecret + "x", 401},
		{strings.ToUpper(testSecret), 401},
		{strings.Repeat("x", 12<<10), 401},
	} {
		status, _ := r.post(body, "X-Hologram-Secret", tt.secret)
		require.Equal(t, tt.status, status, "%.40q", tt.secret)
	}
	// One that is too long for any header is not even read.
	c, err := r.dial("127.0.0.1")
	require.NoError(t, err)
	_, _ = io.WriteString(c, "POST /hologram HTTP/1.1\r\nHost: x\r\nX-Hologram-Secret: "+strings.Repeat("x", 1<<20))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil { // otherwise it was cut off before that could be read
		require.Equal(t, 431, answer.StatusCode)
		require.NoError(t, answer.Body.Close())
	}
	require.NoError(t, c.Close())
	// In a form too, and a right key does not help a wrong header.
	for form, want := range map[string]int{"key=" + testSecret + "&payload=%7B%22data%22%3A%22aGk%3D%22%7D": 204, "key=wrong&payload=x": 401, "payload=x": 401, "key=%zz": 401, "%zz": 401} {
		status, _ := r.post(form, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8", "X-Hologram-Secret", "")
		require.Equal(t, want, status, form)
		status, _ = r.post(form, "Content-Type", "application/x-www-form-urlencoded", "X-Hologram-Secret", "wrong")
		require.Equal(t, 401, status, form)
	}
	r.stop()
	requireNoSecret(t, r)
	require.Contains(t, r.log.String(), "Refuses webhooks: no secret, or a wrong one")
	require.Less(t, strings.Count(r.log.String(), "W! Refuses webhooks"), 3, "the log is flooded")
}

// A comparison takes as long for a secret that is nearly right as for one that is nothing like it: it is one of hashes.
func TestSecretInOneTime(t *testing.T) {
	w := newReceiver(t, nil).run().webhook
	near, far := testSecret[:len(testSecret)-1]+"x", strings.Repeat("z", len(testSecret))
	require.False(t, w.matches(near))
	require.False(t, w.matches(far))
	require.True(t, w.matches(testSecret))
	require.NotContains(t, fmt.Sprintf("%v", w.secret), testSecret)
}

func TestBearer(t *testing.T) {
	r := newReceiver(t, func(h *Hologram) { h.SecretHeader = "Authorization" }).run()
	body := webhookOf(1, "m v=1 1700000000000000000")
	for value, want := range map[string]int{
		"Bearer " + testSecret: 204, testSecret: 204, "Bearer wrong": 401,
		"Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+testSecret)): 204,
		"Basic " + base64.StdEncoding.EncodeToString([]byte("x:wrong")):       401,
	} {
		status, _ := r.post(body, "X-Hologram-Secret", "", "Authorization", value)
		require.Equal(t, want, status, value)
	}
}

func TestSecretFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	start := func() error {
		r := newReceiver(t, func(h *Hologram) { h.Secret, h.SecretFile = "", file })
		err := r.Start(r.out)
		if err == nil {
			defer r.stop()
			status, _ := r.post(webhookOf(1, "m v=1"))
			require.Equal(t, 204, status)
		}
		return err
	}
	require.ErrorContains(t, start(), "no such file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, start(), "the first line is empty")
	require.NoError(t, os.WriteFile(file, []byte("short\n"), 0o600))
	require.EqualError(t, start(), "the secret in secret_file: is too short")
	require.NoError(t, os.WriteFile(file, []byte(testSecret+"\n"), 0o600))
	require.NoError(t, start())
}

func TestRateLimit(t *testing.T) {
	r := newReceiver(t, func(h *Hologram) { h.RateLimit = 1 }).run()
	c := newClient(t)
	var statuses []int
	for range 5 {
		status, _ := r.postWith(c, webhookOf(1, "m v=1"))
		statuses = append(statuses, status)
	}
	require.Equal(t, []int{204, 204, 429}, statuses[:3])
	status, _ := r.postWith(clientFrom(t, "127.0.0.9"), webhookOf(1, "m v=1"))
	require.Equal(t, 204, status, "another source has a rate of its own")
}

func TestRates(t *testing.T) {
	r := rates{perSecond: 10}
	now := time.Unix(1700000000, 0)
	a := netip.MustParseAddr("192.0.2.1")
	for range 20 {
		_, ok := r.allow(a, now)
		require.True(t, ok)
	}
	after, ok := r.allow(a, now)
	require.False(t, ok)
	require.InDelta(t, 0.1, after.Seconds(), 0.001)
	_, ok = r.allow(a, now.Add(101*time.Millisecond))
	require.True(t, ok)
	_, ok = r.allow(a, now.Add(-time.Hour)) // the clock was set back
	require.False(t, ok)

	// Very many sources share what is left, and do not cost memory.
	for i := range 3 * rateSources {
		r.allow(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), now)
	}
	require.Len(t, r.sources, rateSources)
	// Later ones get a place again.
	later := now.Add(time.Minute)
	r.allow(netip.MustParseAddr("192.0.2.2"), later)
	require.Contains(t, r.sources, netip.MustParseAddr("192.0.2.2"))

	require.Equal(t, sourceOf(netip.MustParseAddr("2001:db8::1")), sourceOf(netip.MustParseAddr("2001:db8::ffff:1")))
	require.NotEqual(t, sourceOf(netip.MustParseAddr("2001:db8::1")), sourceOf(netip.MustParseAddr("2001:db8:0:1::1")))
	require.Equal(t, a, sourceOf(netip.MustParseAddr("::ffff:192.0.2.1")))
}

// writeCertificate writes a certificate for loopback with a name.
func writeCertificate(t *testing.T, certFile, keyFile, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	r := newReceiver(t, func(h *Hologram) { h.TLSCert, h.TLSKey = certFile, keyFile })
	require.ErrorContains(t, r.Start(r.out), "reading tls_cert and tls_key")

	writeCertificate(t, certFile, keyFile, "first")
	r.run()
	served := func() (name string, version uint16) {
		c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", r.addr())
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		state := c.(*tls.Conn).ConnectionState()
		return state.PeerCertificates[0].Subject.CommonName, state.Version
	}
	name, version := served()
	require.Equal(t, "first", name)
	require.Equal(t, uint16(tls.VersionTLS13), version)

	pool := x509.NewCertPool()
	text, err := os.ReadFile(certFile)
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(text))
	c := newClient(t)
	c.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+r.addr()+"/hologram", strings.NewReader(webhookOf(1, "m v=1")))
	require.NoError(t, err)
	req.Header.Set("X-Hologram-Secret", testSecret)
	answer, err := c.Do(req)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 204, answer.StatusCode)

	// One that cannot be read is not used, and a renewed one is.
	old := time.Now().Add(-time.Minute)
	require.NoError(t, os.WriteFile(certFile, []byte("nothing"), 0o600))
	require.NoError(t, os.Chtimes(certFile, old, old))
	time.Sleep(certificateCheck)
	name, _ = served()
	require.Equal(t, "first", name)
	require.Contains(t, r.log.String(), "The certificate cannot be renewed, and the one before stays")
	writeCertificate(t, certFile, keyFile, "second")
	r.eventually(func() bool { name, _ := served(); return name == "second" }, "the renewed certificate is not used")

	// Without TLS nothing is taken.
	plain, err := r.dial("127.0.0.1")
	require.NoError(t, err)
	_, _ = io.WriteString(plain, "GET / HTTP/1.1\r\n\r\n")
	reply, _ := io.ReadAll(plain)
	require.NotContains(t, string(reply), "204")
	require.NoError(t, plain.Close())
}

// Hostile data of who has the secret: sizes that are not true, and very many metrics of few bytes.
func TestHostileData(t *testing.T) {
	r := newReceiver(t, nil).run()
	r.out.discard = true
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	many := hostilePayload(t)
	var peak uint64
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for ctx.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	for i := range 6 {
		status, text := r.post(webhookOf(i, many))
		require.Equal(t, 204, status, text)
	}
	status, text := r.post("[" + strings.Repeat(webhookOf(9, ",~~~~~~~~~~~~")+",", 5000) + webhookOf(8, "m v=1") + "]")
	require.Equal(t, 204, status, text)
	status, _ = r.post(strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000))
	require.Equal(t, 400, status)
	status, _ = r.post(webhookOf(1, strings.Repeat(`{"a":`, 9000)+"1"+strings.Repeat("}", 9000)))
	require.Equal(t, 204, status)
	cancel()
	<-watched
	t.Logf("peak of the heap: %d MB; payload of %d bytes", peak/1e6, len(many))
	require.Less(t, peak, uint64(100<<20))
}

// hostilePayload is a small payload with as many metrics as one may have.
func hostilePayload(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for i := range 65000 {
		fmt.Fprintf(&b, "cpu,host=a v=1 %d\n", i)
	}
	return payloadOf(t, b.String())
}

func TestPortInUse(t *testing.T) {
	a := newReceiver(t, nil).run()
	b := newReceiver(t, func(h *Hologram) { h.ServiceAddress = a.addr() })
	require.ErrorContains(t, b.Start(b.out), "opening service_address: ")
	b.Stop()
}

func TestGather(t *testing.T) {
	r := newReceiver(t, func(h *Hologram) { h.DeviceInterval = execd.Duration(time.Hour) }).run()
	status, _ := r.post(webhookOf(1, "m v=1"))
	require.Equal(t, 204, status)
	require.NoError(t, r.Gather(r.out))
	require.Len(t, r.out.named(deviceMeasurement), 1)
	m := r.out.named(receiverMeasurement)
	require.Len(t, m, 1)
	require.Equal(t, int64(1), m[0].Fields()["accepted"])
	require.Equal(t, int64(0), m[0].Fields()["waiting"])
	require.NoError(t, r.Gather(r.out))
	require.Len(t, r.out.named(deviceMeasurement), 1, "a device is told when it was heard of")
}
