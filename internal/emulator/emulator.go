// Package emulator is the Hologram cloud's side of the Socket API on this
// machine: for trying the product without an account, for testing it without
// the cloud, and for making the cloud fail on demand.
//
// It takes JSON messages and SMS over IP, one for each connection, checks them
// as strictly as Hologram's documents put it ("Embedded APIs"), answers with the
// documented codes, closes, and reports each message as an [Event]. [Faults]
// tell it to misbehave in the ways that a server and a network between can.
//
// What it has taken it passes on as webhooks ([WebhookConfig]) and lists as the
// data log of Hologram's REST API does ([APIConfig]).
//
// It does not simulate the timing or the limits of the real cloud, which nobody
// has published; what it does where the documents are silent is said in
// docs/emulator.md.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"
)

// What a Config means with its zero values.
const (
	// DefaultAddress is what [Server.ListenAndServe] listens on. The port is the
	// real one's.
	DefaultAddress = "127.0.0.1:9999"
	// DefaultIdleTimeout stands for the "few seconds of inactivity" after which
	// the cloud closes a connection.
	DefaultIdleTimeout = 5 * time.Second
	// DefaultMaxMessageSize is generous, since the real limit is not published.
	DefaultMaxMessageSize = 1 << 20
	// DefaultMaxSMSLength is the number of characters that Hologram's SDKs allow.
	DefaultMaxSMSLength = 160
	// DefaultMaxConnections bounds the connections served at a time.
	DefaultMaxConnections = 1000
)

const (
	maxBuffered    = 64 << 20 // bytes of unfinished messages in all connections
	maxDevices     = 10_000   // devices learned while any key is accepted
	maxKeptEvents  = 1000     // events that Events returns
	maxKeptBytes   = 4 << 20  // data in these events
	relistenFor    = 10 * time.Second
	relistenEvery  = 20 * time.Millisecond
	acceptRetry    = 50 * time.Millisecond
	maxDeviceKeys  = maxDevices
	minMessageSize = 16
)

// Config says how a [Server] works. The zero value is ready to use: it listens
// on 127.0.0.1:9999 and accepts any key of eight bytes.
type Config struct {
	// Address is where to listen, as host:port. Port 0 is any free one. Empty is
	// DefaultAddress, except for [Start], where it is any free port of 127.0.0.1.
	Address string
	// AllowRemote permits addresses other than loopback. Keys and payloads cross
	// the network in clear text.
	AllowRemote bool
	// DeviceKeys are the accepted device keys, eight bytes each; a Source ID and
	// Source Key joined are the same. The first one belongs to device-1. Empty
	// accepts every key and numbers the devices as they appear. They are secret:
	// nothing in this package prints them.
	DeviceKeys []string
	// IdleTimeout closes a connection on which no byte has come for so long
	// (0 is DefaultIdleTimeout).
	IdleTimeout time.Duration
	// MaxMessageSize bounds a message in bytes with its terminator, from 16
	// (0 is DefaultMaxMessageSize).
	MaxMessageSize int
	// MaxSMSLength bounds the text of an SMS in characters (0 is
	// DefaultMaxSMSLength, negative is no bound).
	MaxSMSLength int
	// MaxConnections bounds the connections served at a time; others wait to be
	// accepted (0 is DefaultMaxConnections).
	MaxConnections int
	// Faults says how to fail, until [Server.SetFaults] says otherwise.
	Faults Faults
	// Seed makes faults with a percentage repeatable (0 is a random seed).
	Seed uint64
	// Decode turns the data of a message into metrics. It is called for several
	// messages at a time. Nil decodes nothing.
	Decode func(data string) ([]telegraf.Metric, error)
	// OnEvent is told of every message before its client is answered, in order,
	// one at a time: a slow one delays the answers. It may use the server's
	// methods except Close. Nil is fine.
	OnEvent func(Event)
	// Webhooks says where to pass on what is taken.
	Webhooks WebhookConfig
	// API says how to list what was taken.
	API APIConfig
}

// validated returns the config with its defaults filled in.
func (c Config) validated() (Config, error) {
	if c.Address == "" {
		c.Address = DefaultAddress
	}
	if err := c.checkAddress(c.Address); err != nil {
		return c, err
	}
	if c.API.Address != "" {
		if err := c.checkAddress(c.API.Address); err != nil {
			return c, fmt.Errorf("API: %w", err)
		}
	}
	if err := checkKeys(c.DeviceKeys); err != nil {
		return c, err
	}
	switch {
	case c.IdleTimeout < 0:
		return c, fmt.Errorf("idle timeout %s is negative", c.IdleTimeout)
	case c.MaxMessageSize < 0 || c.MaxMessageSize > 0 && c.MaxMessageSize < minMessageSize || c.MaxMessageSize > maxBuffered:
		return c, fmt.Errorf("maximum message size of %d bytes is not from %d to %d", c.MaxMessageSize, minMessageSize, maxBuffered)
	case c.MaxConnections < 0:
		return c, fmt.Errorf("maximum of %d connections is negative", c.MaxConnections)
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = DefaultIdleTimeout
	}
	if c.MaxMessageSize == 0 {
		c.MaxMessageSize = DefaultMaxMessageSize
	}
	if c.MaxSMSLength == 0 {
		c.MaxSMSLength = DefaultMaxSMSLength
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = DefaultMaxConnections
	}
	for c.Seed == 0 {
		c.Seed = rand.Uint64() // seeds faults, protects nothing
	}
	return c, nil
}

func (c Config) checkAddress(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q is not host:port: %w", address, err)
	}
	if c.AllowRemote || host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return nil
	}
	return &NotLoopbackError{Address: address}
}

// NotLoopbackError is the refusal to listen where other machines could connect
// without Config.AllowRemote.
type NotLoopbackError struct {
	Address string
}

func (e *NotLoopbackError) Error() string {
	return fmt.Sprintf("address %q is not on the loopback interface: keys and data would cross the network in clear text; use 127.0.0.1 or allow remote connections explicitly", e.Address)
}

func checkKeys(keys []string) error {
	if len(keys) > maxDeviceKeys {
		return fmt.Errorf("%d device keys are more than %d", len(keys), maxDeviceKeys)
	}
	seen := make(map[string]int, len(keys))
	for i, key := range keys {
		if len(key) != keyLength {
			return fmt.Errorf("device key %d has %d bytes, not %d", i+1, len(key), keyLength)
		}
		if first, twice := seen[key]; twice {
			return fmt.Errorf("device keys %d and %d are the same", first+1, i+1)
		}
		seen[key] = i
	}
	return nil
}

// Counters are what a server has seen so far.
type Counters struct {
	Connections int64 // accepted
	Empty       int64 // connections that ended before a single byte was sent
	Active      int64 // connections open now
	Messages    int64 // JSON messages taken
	SMS         int64 // SMS over IP taken
	ModemSMS    int64 // SMS of the modem taken
	Metrics     int64 // metrics decoded from the messages taken
	Undecoded   int64 // messages taken of which Decode made nothing
	Refused     int64 // messages answered with a code other than 0, and not taken
	Lost        int64 // messages not taken and not answered with a code
	BytesIn     int64 // bytes read, of all events
	BytesOut    int64 // bytes answered, of all events
	Forgotten   int64 // events too old for Events to return
	Webhooks    WebhookCounters
}

// Server is one emulated cloud. Its methods may be called by several goroutines.
type Server struct {
	cfg     Config
	devices devices
	plan    *plan
	started atomic.Bool
	slots   chan struct{} // one element for each connection being served
	served  sync.WaitGroup

	webhooks *webhooks // nil if there are none
	api      *api      // nil if there is none

	buffered atomic.Int64 // bytes of unfinished messages

	delivery sync.Mutex // held while an event is recorded and OnEvent runs: keeps their order

	mu       sync.Mutex
	ln       net.Listener
	conns    map[net.Conn]struct{}
	stopping bool
	events   []Event
	kept     int // bytes of data in events
	counters Counters

	stop context.CancelFunc // of Start
	done chan struct{}      // of Start: closed when Serve has returned
	err  error              // of Start: what Serve returned; read after done
}

// New returns a server that does not listen yet. It fails if the config is not
// valid, with a [NotLoopbackError] if the address is not allowed.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.validated()
	if err != nil {
		return nil, fmt.Errorf("cannot set up the emulator: %w", err)
	}
	hooks, err := newWebhooks(cfg.Webhooks, cfg.Seed)
	if err != nil {
		return nil, fmt.Errorf("cannot set up the emulator: %w", err)
	}
	api, err := newAPI(cfg.API, cfg.Seed)
	if err != nil {
		return nil, fmt.Errorf("cannot set up the emulator: %w", err)
	}
	if hooks != nil && api != nil {
		hooks.tell(api.log.result)
	}
	s := &Server{
		cfg:   cfg,
		api:   api,
		plan:  newPlan(cfg.Seed),
		slots: make(chan struct{}, cfg.MaxConnections),
		conns: make(map[net.Conn]struct{}),

		webhooks: hooks,
	}
	s.devices.init(cfg.DeviceKeys)
	s.plan.set(cfg.Faults)
	return s, nil
}

// Start returns a server that is listening already, on any free port of
// 127.0.0.1 unless the config says otherwise. It runs until ctx ends or Close is
// called, which tests should do:
//
//	srv, err := emulator.Start(t.Context(), emulator.Config{})
//	require.NoError(t, err)
//	t.Cleanup(func() { require.NoError(t, srv.Close()) })
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	ln, err := s.listen(ctx, s.cfg.Address)
	if err != nil {
		return nil, err
	}
	if err := s.listenAPI(ctx); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	s.ln = ln
	ctx, s.stop = context.WithCancel(ctx)
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		s.err = s.Serve(ctx, ln)
	}()
	return s, nil
}

// deadliner is a listener whose Accept can be woken.
type deadliner interface{ SetDeadline(t time.Time) error }

// Close ends a server that [Start] returned, waits for the end of everything
// that it was doing, and returns what went wrong while serving. It may be called
// again. On a server from [New] it does nothing: there the context ends it.
func (s *Server) Close() error {
	if s.stop == nil {
		return nil
	}
	s.stop()
	<-s.done
	return s.err
}

// ListenAndServe listens on Config.Address and serves until ctx ends.
func (s *Server) ListenAndServe(ctx context.Context) error {
	ln, err := s.listen(ctx, s.cfg.Address)
	if err != nil {
		return err
	}
	return s.Serve(ctx, ln)
}

// listen opens a listener that behaves like a plain server's: no keep-alives,
// which would show up when somebody counts the bytes on the wire, and no MPTCP.
func (s *Server) listen(ctx context.Context, address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return ln, nil
}

// listenAPI opens the API's listener, if there is to be one and is none yet.
func (s *Server) listenAPI(ctx context.Context) error {
	if s.api == nil || s.api.listener() != nil {
		return nil
	}
	ln, err := s.listen(ctx, s.cfg.API.Address)
	if err != nil {
		return fmt.Errorf("API: %w", err)
	}
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	s.api.ln = ln
	return nil
}

// Serve accepts connections on ln until ctx ends; then it closes ln and every
// connection, waits for the goroutines that serve them, gives the webhooks that
// wait three seconds, and returns nil. A server serves once. If somebody else
// closes ln, or it cannot be opened again after a fault has closed it, the error
// says so.
func (s *Server) Serve(ctx context.Context, ln net.Listener) (err error) {
	defer func() { _ = ln.Close() }()
	// An own context, so that all ends as well when a listener fails.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.started.Swap(true) {
		return errors.New("emulator serves already")
	}
	defer func() { err = errors.Join(err, s.api.close()) }()
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && !s.cfg.AllowRemote {
		return &NotLoopbackError{Address: tcp.String()}
	}
	if err := s.listenAPI(ctx); err != nil {
		return err
	}
	if tcp, ok := s.APIAddr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && !s.cfg.AllowRemote {
		return &NotLoopbackError{Address: tcp.String()}
	}
	s.api.start(ctx, cancel)
	s.webhooks.start()
	defer s.webhooks.close()
	s.mu.Lock()
	s.ln = ln
	s.mu.Unlock()
	stopped := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.closeAll()
	})

	err = s.acceptAll(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	cancel()
	<-stopped
	s.served.Wait()
	return err
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	_ = s.ln.Close()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// acceptAll is the accept loop. It ends with an error, always.
func (s *Server) acceptAll(ctx context.Context) error {
	for {
		if err := s.refuseWhilePlanned(ctx); err != nil {
			return err
		}
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		conn, err := s.listener().Accept()
		if err != nil {
			<-s.slots
			if err := s.acceptFailed(ctx, err); err != nil {
				return err
			}
			continue
		}
		// Here, not in the goroutine, so that faults meet connections in order.
		f := s.plan.next()
		if !s.track(conn) {
			<-s.slots
			_ = conn.Close()
			continue
		}
		s.served.Go(func() {
			defer func() {
				s.untrack(conn)
				<-s.slots
			}()
			s.serveConn(ctx, conn, f)
		})
	}
}

func (s *Server) acceptFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("cannot accept connections: %w", err)
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		// Woken by SetFaults. Its new plan is in place already, so that nothing is
		// missed by taking the deadline away before looking at it.
		if ln, ok := s.listener().(deadliner); ok {
			_ = ln.SetDeadline(time.Time{})
		}
		return nil
	}
	// Out of file descriptors, or a client gone in the meantime: both pass.
	return sleep(ctx, acceptRetry)
}

// refuseWhilePlanned closes the listener for as long as the faults want it so
// and opens it again on the same address.
func (s *Server) refuseWhilePlanned(ctx context.Context) error {
	for {
		d, changed, yes := s.plan.refusing()
		if !yes {
			return nil
		}
		if err := s.refuse(ctx, d, changed); err != nil {
			return err
		}
	}
}

func (s *Server) refuse(ctx context.Context, d time.Duration, changed <-chan struct{}) error {
	address := s.listener().Addr().String()
	_ = s.listener().Close()
	var timeout <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-timeout:
	case <-changed:
	case <-ctx.Done():
		return ctx.Err()
	}
	// Somebody may have the port in the meantime, if only for a moment.
	for deadline := time.Now().Add(relistenFor); ; {
		ln, err := s.listen(ctx, address)
		if err == nil {
			return s.replaceListener(ctx, ln)
		}
		if time.Now().After(deadline) {
			return err
		}
		if err := sleep(ctx, relistenEvery); err != nil {
			return err
		}
	}
}

func (s *Server) replaceListener(ctx context.Context, ln net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		_ = ln.Close()
		return ctx.Err()
	}
	s.ln = ln
	return nil
}

func (s *Server) listener() net.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ln
}

func (s *Server) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.conns[conn] = struct{}{}
	s.counters.Connections++
	s.counters.Active++
	return true
}

func (s *Server) untrack(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.counters.Active--
}

// SetFaults changes how the server fails, from the next accepted connection on.
// Connections that wait under an earlier fault are not affected.
func (s *Server) SetFaults(f Faults) {
	s.plan.set(f)
	// The accept loop has to look whether it is to stop listening.
	if ln, ok := s.listener().(deadliner); ok && s.plan.wantsRefusal() {
		_ = ln.SetDeadline(time.Now())
	}
}

// Addr returns the address that the server listens on, or nil before it does.
// It stays the same while a fault keeps the listener closed.
func (s *Server) Addr() net.Addr {
	ln := s.listener()
	if ln == nil {
		return nil
	}
	return ln.Addr()
}

// SetAPIFaults changes how the API fails, from the next request on.
func (s *Server) SetAPIFaults(f APIFaults) {
	if s.api != nil {
		s.api.plan.set(f.faults)
	}
}

// APIAddr returns the address that the API listens on, or nil before it does and
// without an API.
func (s *Server) APIAddr() net.Addr {
	if s.api == nil {
		return nil
	}
	ln := s.api.listener()
	if ln == nil {
		return nil
	}
	return ln.Addr()
}

// Seed returns the seed of the faults with a percentage.
func (s *Server) Seed() uint64 { return s.cfg.Seed }

// Counters returns the counters as they are now. An event is counted before its
// client is answered.
func (s *Server) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counters
	c.Webhooks = s.webhooks.counters()
	return c
}

// Events returns the latest events, oldest first: at most 1000, with at most
// 4 MiB of data among them. An event is there before its client is answered.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event(nil), s.events...)
}

// deliver records an event and tells the owner of it.
func (s *Server) deliver(e Event) {
	s.delivery.Lock()
	defer s.delivery.Unlock()
	e.Received = time.Now()
	s.record(e)
	if s.cfg.OnEvent != nil {
		s.cfg.OnEvent(e)
	}
	s.passOn(e)
}

// TakeModemSMS has the cloud take a circuit-switched SMS: body, which may be any
// bytes, to CloudNumber, from device-1, whose SIM is in the modem.
func (s *Server) TakeModemSMS(body []byte) {
	d := device{id: 1, name: deviceName(1)}
	s.deliver(Event{
		Kind: KindModemSMS, DeviceID: d.id, DeviceName: d.name, Topics: systemTags(KindModemSMS, d.id),
		Data: string(body), To: CloudNumber, BytesIn: len(body), Taken: true, Code: NoAnswer, RecordID: newUUID(),
	})
}

func (s *Server) record(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counters
	if e.Kind != KindModemSMS { // which came by no connection
		c.BytesIn += int64(e.BytesIn)
		c.BytesOut += int64(e.BytesOut)
	}
	switch {
	case !e.Taken && e.Code > 0:
		c.Refused++
	case !e.Taken:
		c.Lost++
	case e.Kind == KindSMS:
		c.SMS++
	case e.Kind == KindModemSMS:
		c.ModemSMS++
	default:
		c.Messages++
		c.Metrics += int64(len(e.Metrics))
		if e.DecodeErr != nil {
			c.Undecoded++
		}
	}
	s.events = append(s.events, e)
	s.kept += len(e.Data)
	drop := 0
	for len(s.events)-drop > maxKeptEvents || s.kept > maxKeptBytes && len(s.events)-drop > 1 {
		s.kept -= len(s.events[drop].Data)
		s.events[drop] = Event{} // let go of its data
		drop++
	}
	s.events = s.events[drop:]
	c.Forgotten += int64(drop)
}

func (s *Server) countEmpty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters.Empty++
}

// device is one known device.
type device struct {
	id   int
	name string
}

// devices maps keys to devices.
type devices struct {
	mu    sync.Mutex
	byKey map[string]device
	learn bool // any key is accepted
}

func (d *devices) init(keys []string) {
	d.byKey = make(map[string]device, len(keys))
	d.learn = len(keys) == 0
	for _, key := range keys {
		d.add(key)
	}
}

func (d *devices) add(key string) device {
	id := len(d.byKey) + 1
	dev := device{id: id, name: deviceName(id)}
	d.byKey[key] = dev
	return dev
}

func deviceName(id int) string { return fmt.Sprintf("device-%d", id) }

// lookUp returns the device that a key belongs to.
func (d *devices) lookUp(key string) (device, *refusal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dev, known := d.byKey[key]; known {
		return dev, nil
	}
	switch {
	case !d.learn:
		return device{}, errUnknownKey()
	case len(d.byKey) >= maxDevices:
		return device{}, errTooManyDevices()
	}
	return d.add(key), nil
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
