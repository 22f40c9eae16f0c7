//go:build linux

// Package cloud is what devices send metrics to: nginx and a broker of MQTT as
// Debian has them, and servers of our own for what is not in Debian. Each notes
// what it was sent, so that nothing counts that did not arrive.
package cloud

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"telegraf-hologram/e2e/compare/internal/link"
)

// Where the servers listen.
const (
	Hologram      = 9001 // the Socket API
	HologramBatch = 9002
	HologramEach  = 9003
	HTTP          = 8001 // nginx
	HTTPS         = 8002
	Influx        = 8086 // the write API of InfluxDB 2
	InfluxTLS     = 8087
	MQTTBatch     = 1883 // the broker
	MQTTEach      = 1884
	TCP           = 8094
	UDP           = 8095

	backend = 7000 // behind nginx, on the loopback interface
)

// Topics of MQTT: which of its sinks a message is for.
const (
	TopicBatch = "gw/1/batch"
	TopicEach  = "gw/1/each"
)

// Broker is the broker of MQTT, as program and as package of Debian; its clients
// have its name and more behind.
const Broker = "mosquitto" //nolint:misspell // that is its name

// Cloud is the running servers.
type Cloud struct {
	// CA is the file with the certificate that TLS clients trust.
	CA string

	sinks   map[int]*Sink
	ns      *link.Namespace
	dir     string
	servers sync.WaitGroup
	closers []func()
}

// Start starts all servers in a namespace, with their files in dir. Close ends
// them.
func Start(ctx context.Context, ns *link.Namespace, dir string) (*Cloud, error) {
	c := &Cloud{ns: ns, dir: dir, sinks: map[int]*Sink{}}
	for _, port := range []int{Hologram, HologramBatch, HologramEach, HTTP, HTTPS, Influx, InfluxTLS, MQTTBatch, MQTTEach, TCP, UDP} {
		c.sinks[port] = &Sink{}
	}
	if err := c.start(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("cannot start the servers: %w", err)
	}
	return c, nil
}

// Sink is what the server of a port was sent.
func (c *Cloud) Sink(port int) *Sink { return c.sinks[port] }

// Close ends the servers.
func (c *Cloud) Close() {
	for _, end := range slices.Backward(c.closers) {
		end()
	}
	c.servers.Wait()
}

func (c *Cloud) start(ctx context.Context) error {
	ca, cert, err := makeCertificates(c.dir, c.ns.Addr)
	if err != nil {
		return err
	}
	c.CA = ca
	for _, port := range []int{Hologram, HologramBatch, HologramEach} {
		// The front end of Hologram does not probe; that of ours does not either.
		if err := c.accept(ctx, port, -1, takeMessage); err != nil {
			return err
		}
	}
	if err := c.accept(ctx, TCP, 0, func(conn net.Conn, s *Sink) { _, _ = io.Copy(s, conn) }); err != nil {
		return err
	}
	if err := c.datagrams(ctx); err != nil {
		return err
	}
	if err := c.http(ctx, backend, nil, "", func(r *http.Request) *Sink {
		port, _ := strconv.Atoi(r.Header.Get("X-Port"))
		return c.sinks[port]
	}); err != nil {
		return err
	}
	if err := c.http(ctx, Influx, nil, "2.7.11", func(*http.Request) *Sink { return c.sinks[Influx] }); err != nil {
		return err
	}
	if err := c.http(ctx, InfluxTLS, cert, "2.7.11", func(*http.Request) *Sink { return c.sinks[InfluxTLS] }); err != nil {
		return err
	}
	if err := c.nginx(ctx); err != nil {
		return err
	}
	return c.broker(ctx)
}

// listen opens a listener in the namespace. keepAlive is that of
// [net.ListenConfig].
func (c *Cloud) listen(ctx context.Context, port int, keepAlive time.Duration) (l net.Listener, err error) {
	c.ns.Run(func() {
		lc := net.ListenConfig{KeepAlive: keepAlive}
		l, err = lc.Listen(ctx, "tcp4", ":"+strconv.Itoa(port))
	})
	return l, err
}

// accept hands each connection to handle, and closes it behind it.
func (c *Cloud) accept(ctx context.Context, port int, keepAlive time.Duration, handle func(net.Conn, *Sink)) error {
	l, err := c.listen(ctx, port, keepAlive)
	if err != nil {
		return err
	}
	stopped := make(chan struct{})
	c.closers = append(c.closers, func() { close(stopped); _ = l.Close() })
	c.servers.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done := make(chan struct{})
			c.servers.Go(func() {
				select {
				case <-stopped:
					_ = conn.SetDeadline(time.Unix(1, 0))
				case <-done:
				}
			})
			c.servers.Go(func() {
				defer close(done)
				defer func() { _ = conn.Close() }()
				handle(conn, c.sinks[port])
			})
		}
	})
	return nil
}

// takeMessage reads a message of the Socket API and answers that it has it.
func takeMessage(conn net.Conn, s *Sink) {
	end := []byte("\n\n")
	var message []byte
	buf := make([]byte, 64<<10)
	for !bytes.HasSuffix(message, end) {
		n, err := conn.Read(buf)
		message = append(message, buf[:n]...)
		if err != nil {
			return
		}
	}
	s.add(message[:len(message)-1])
	_, _ = io.WriteString(conn, "[0,0]")
}

// datagrams takes UDP.
func (c *Cloud) datagrams(ctx context.Context) error {
	var conn net.PacketConn
	var err error
	c.ns.Run(func() {
		// A burst must not be lost because this machine is busy.
		lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
			var inner error
			err := raw.Control(func(fd uintptr) {
				inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
			})
			return errors.Join(err, inner)
		}}
		conn, err = lc.ListenPacket(ctx, "udp4", ":"+strconv.Itoa(UDP))
	})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, func() { _ = conn.Close() })
	c.servers.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			c.sinks[UDP].add(buf[:n])
		}
	})
	return nil
}

// http serves writes of line protocol, and answers as InfluxDB does if version
// is one of InfluxDB.
func (c *Cloud) http(ctx context.Context, port int, cert *tls.Config, version string, sink func(*http.Request) *Sink) error {
	l, err := c.listen(ctx, port, 0)
	if err != nil {
		return err
	}
	server := &http.Server{
		// That of influxd. nginx keeps no connection to what is behind it.
		IdleTimeout:       3 * time.Minute,
		ReadHeaderTimeout: time.Minute,
		TLSConfig:         cert,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := readBody(r)
			s := sink(r)
			if err != nil || s == nil {
				http.Error(w, "not understood", http.StatusBadRequest)
				return
			}
			if version != "" {
				w.Header().Set("X-Influxdb-Build", "OSS")
				w.Header().Set("X-Influxdb-Version", "v"+version)
			}
			w.WriteHeader(http.StatusNoContent)
			s.add(text)
		}),
	}
	c.closers = append(c.closers, func() { _ = server.Close() })
	c.servers.Go(func() {
		if cert == nil {
			_ = server.Serve(l)
		} else {
			_ = server.ServeTLS(l, "", "")
		}
	})
	return nil
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// nginx runs Debian's nginx as it is installed (connections are kept for 75 s)
// before a server that keeps what comes.
func (c *Cloud) nginx(ctx context.Context) error {
	conf := fmt.Sprintf(`daemon off; worker_processes 1; user root; pid %[1]s/nginx.pid; error_log stderr;
events {}
http {
  access_log off; sendfile on; tcp_nopush on; ssl_protocols TLSv1.2 TLSv1.3; client_max_body_size 64m;
  client_body_temp_path %[1]s/nginx; proxy_temp_path %[1]s/nginx; fastcgi_temp_path %[1]s/nginx; uwsgi_temp_path %[1]s/nginx; scgi_temp_path %[1]s/nginx;
  ssl_certificate %[1]s/server.pem; ssl_certificate_key %[1]s/server.key;
  server {
    listen %[2]d; listen %[3]d ssl;
    location / { proxy_pass http://127.0.0.1:%[4]d; proxy_set_header X-Port $server_port; }
  }
}
`, c.dir, HTTP, HTTPS, backend)
	file := filepath.Join(c.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	// It logs to a folder of its own before it reads where to.
	if err := c.process(exec.CommandContext(ctx, "nginx", "-e", "stderr", "-p", c.dir, "-c", file), nil); err != nil {
		return err
	}
	return c.await(ctx, HTTPS)
}

// broker runs the broker of MQTT and two subscribers.
func (c *Cloud) broker(ctx context.Context) error {
	file := filepath.Join(c.dir, "broker.conf")
	conf := fmt.Sprintf("listener %d\nlistener %d\nallow_anonymous true\nuser root\nmax_queued_messages 0\n", MQTTBatch, MQTTEach)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	if err := c.process(exec.CommandContext(ctx, Broker, "-c", file), nil); err != nil {
		return err
	}
	if err := c.await(ctx, MQTTEach); err != nil {
		return err
	}
	for port, topic := range map[int]string{MQTTBatch: TopicBatch, MQTTEach: TopicEach} {
		cmd := exec.CommandContext(ctx, Broker+"_sub", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-t", topic, "-q", "1", "-F", "%p")
		if err := c.process(cmd, c.sinks[port]); err != nil {
			return err
		}
	}
	return nil
}

// process runs cmd in the namespace until Close.
func (c *Cloud) process(cmd *exec.Cmd, stdout io.Writer) error {
	log, err := os.Create(filepath.Join(c.dir, filepath.Base(cmd.Path)+".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd.Stderr, cmd.Stdout = log, log
	if stdout != nil {
		cmd.Stdout = stdout
	}
	if err := c.ns.Start(cmd); err != nil {
		return fmt.Errorf("cannot start %s: %w", filepath.Base(cmd.Path), err)
	}
	c.closers = append(c.closers, func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGTERM)
		timer := time.AfterFunc(5*time.Second, func() { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
		defer timer.Stop()
		_ = cmd.Wait()
	})
	return nil
}

// await waits until a server of another process listens.
func (c *Cloud) await(ctx context.Context, port int) error {
	for range 200 {
		var conn net.Conn
		var err error
		c.ns.Run(func() {
			conn, err = (&net.Dialer{}).DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		})
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("nothing listens on port %d; see the logs in %s", port, c.dir)
}
