//go:build linux

package wire_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// namespace is a network namespace without a name, with a TUN device that is
// its only way out. All its sockets are opened by the function that is given
// to run.
type namespace struct {
	self    *os.File // for another thread to enter it
	tun     *os.File
	control int // a socket of the namespace, for ioctl from any thread
	work    chan func()
}

// newNamespace makes a namespace whose TUN device has the address, in a
// network of 24 bits. The error says what is missing on this machine.
func newNamespace(t *testing.T, addr netip.Addr) (*namespace, error) {
	t.Helper()
	n := &namespace{control: -1, work: make(chan func())}
	made := make(chan error)
	var thread sync.WaitGroup
	thread.Go(func() {
		// Never unlocked: the thread ends with this function, and with it the
		// namespace when its sockets are closed.
		runtime.LockOSThread()
		err := n.enter(addr)
		defer func() {
			_ = unix.Close(n.control)
			_ = n.self.Close()
		}()
		made <- err
		if err != nil {
			return
		}
		for f := range n.work {
			f()
		}
	})
	if err := <-made; err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		close(n.work)
		thread.Wait()
	})
	return n, nil
}

// enter moves the calling thread into a new namespace and makes its device.
func (n *namespace) enter(addr netip.Addr) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("cannot make a network namespace (are you root?): %w", err)
	}
	var err error
	if n.self, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		return err
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("cannot open /dev/net/tun: %w", err)
	}
	ifr, err := unix.NewIfreq("tun0")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("cannot make a TUN device: %w", err)
	}
	n.tun = os.NewFile(uintptr(fd), "tun0") // nonblocking, so Close ends a Read
	if err := n.configure(addr); err != nil {
		_ = n.tun.Close()
		return fmt.Errorf("cannot configure the TUN device: %w", err)
	}
	return nil
}

// configure gives tun0 of the calling thread's namespace its address and brings
// it up.
func (n *namespace) configure(addr netip.Addr) error {
	var err error
	if n.control, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := n.loopback(); err != nil {
		return err
	}
	if err := n.setAddress(addr); err != nil {
		return err
	}
	if err := n.set("MTU", unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(1500); return nil }); err != nil {
		return err
	}
	return n.set("up", unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil })
}

// setAddress gives tun0 another address, as when a modem attaches anew.
func (n *namespace) setAddress(addr netip.Addr) error {
	ip := addr.As4()
	if err := n.set("address", unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(ip[:]) }); err != nil {
		return err
	}
	return n.set("netmask", unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 0}) })
}

// addIPv6 gives tun0 an address of IPv6 as well, in a network of 64 bits.
func (n *namespace) addIPv6(addr netip.Addr) error {
	var index int
	err := n.set("index", unix.SIOCGIFINDEX, func(*unix.Ifreq) error { return nil }, func(r *unix.Ifreq) { index = int(r.Uint32()) })
	if err != nil {
		return err
	}
	s := -1
	n.run(func() { s, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) })
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	request := struct {
		addr   [16]byte
		prefix uint32
		index  int32
	}{addr.As16(), 64, int32(index)}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("IPv6 address: %w", errno)
	}
	return nil
}

// awaitSource waits until what goes to the address has the source that it
// should have: for a moment a new address is not used.
func (n *namespace) awaitSource(t *testing.T, source, to netip.Addr) {
	t.Helper()
	for range 500 {
		var got netip.Addr
		n.run(func() {
			if conn, err := net.Dial("udp6", netip.AddrPortFrom(to, 9).String()); err == nil {
				got = conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
				_ = conn.Close()
			}
		})
		if got == source {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("cannot use the address ", source)
}

// set makes a request about tun0.
func (n *namespace) set(name string, request uint, fill func(*unix.Ifreq) error, read ...func(*unix.Ifreq)) error {
	ifr, err := unix.NewIfreq("tun0")
	if err != nil {
		return err
	}
	if err := fill(ifr); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := unix.IoctlIfreq(n.control, request, ifr); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, f := range read {
		f(ifr)
	}
	return nil
}

// loopback brings the loopback interface up, without which package net takes
// it that there is no IPv6.
func (n *namespace) loopback() error {
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(n.control, unix.SIOCSIFFLAGS, ifr)
}

// loopbackCount is what the loopback interface has carried so far.
func (n *namespace) loopbackCount(t *testing.T) count {
	t.Helper()
	var table []byte
	var err error
	n.run(func() { table, err = os.ReadFile("/proc/thread-self/net/dev") })
	require.NoError(t, err)
	_, row, _ := strings.Cut(string(table), "lo:")
	var c count
	_, err = fmt.Sscan(row, &c.bytes, &c.packets)
	require.NoError(t, err)
	return c // without the headers of Ethernet that it has
}

// run calls f on the namespace's thread and waits for it. What f does in other
// goroutines does not happen in the namespace, but a socket stays where it was
// opened.
func (n *namespace) run(f func()) {
	done := make(chan struct{})
	n.work <- func() { defer close(done); f() }
	<-done
}

// beside calls f on another thread of the namespace, while run may be at work,
// and waits for it.
func (n *namespace) beside(f func()) error {
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends
		err := unix.Setns(int(n.self.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		entered <- err
	}()
	return <-entered
}

// count is traffic at the level of IP.
type count struct{ packets, bytes int }

// link carries packets between two namespaces, late, and counts those of TCP
// and UDP at the device's end, as the device's interface would: what the
// device has sent counts even if the link loses it, what the link loses on the
// way to the device does not.
type link struct {
	delay time.Duration // each way

	mu       sync.Mutex
	up, down count                // from the device, to the device
	last     time.Time            // when the last packet was counted
	lose     func(s segment) bool // which segments to lose; nil is none. mu is held
	trace    []string
}

// segment is a packet of TCP, or of UDP without flags.
type segment struct {
	up    bool // from the device
	flags byte
	data  int // bytes
}

const (
	fin = 1 << 0
	syn = 1 << 1
)

// join starts carrying packets until the test ends.
func (l *link) join(t *testing.T, device, cloud *os.File) {
	t.Helper()
	var pumps sync.WaitGroup
	pumps.Go(func() { l.pump(device, cloud, true) })
	pumps.Go(func() { l.pump(cloud, device, false) })
	t.Cleanup(func() {
		_ = device.Close()
		_ = cloud.Close()
		pumps.Wait()
	})
}

// pump carries packets one way, in their order.
func (l *link) pump(from, to *os.File, up bool) {
	type late struct {
		packet []byte
		due    time.Time
	}
	queue := make(chan late, 1000)
	var writer sync.WaitGroup
	writer.Go(func() {
		for p := range queue {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.packet)
		}
	})
	defer writer.Wait()
	defer close(queue)
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return // closed
		}
		if l.take(buf[:n], up) {
			queue <- late{append([]byte(nil), buf[:n]...), time.Now().Add(l.delay)}
		}
	}
}

// take counts a packet and tells whether it is to be carried.
func (l *link) take(p []byte, up bool) bool {
	s, header, ok := parse(p)
	if !ok {
		return true
	}
	s.up = up
	l.mu.Lock()
	defer l.mu.Unlock()
	c, arrow := &l.down, "<"
	if up {
		c, arrow = &l.up, ">"
	}
	lost := l.lose != nil && l.lose(s)
	note := fmt.Sprintf("%s%s %d+%d", arrow, flags(s.flags), header, s.data)
	if lost {
		note += " lost"
	}
	l.trace = append(l.trace, note)
	if up || !lost {
		c.packets++
		c.bytes += header + s.data
		l.last = time.Now()
	}
	return !lost
}

// parse reads the headers of a packet of TCP or UDP.
func parse(p []byte) (s segment, header int, ok bool) {
	const protocolTCP, protocolUDP = 6, 17
	var protocol byte
	switch {
	case len(p) >= 20 && p[0]>>4 == 4:
		protocol, header = p[9], int(p[0]&15)*4
		p = p[:binary.BigEndian.Uint16(p[2:])]
	case len(p) >= 40 && p[0]>>4 == 6:
		protocol, header = p[6], 40
	}
	switch {
	case protocol == protocolTCP && len(p) >= header+20:
		s.flags = p[header+13]
		header += int(p[header+12]>>4) * 4
	case protocol == protocolUDP && len(p) >= header+8:
		header += 8
	default:
		return s, 0, false
	}
	s.data = len(p) - header
	return s, header, true
}

// flags names the flags of a segment as tcpdump does.
func flags(b byte) string {
	s := ""
	for i, name := range "FSRP." {
		if b>>i&1 == 1 {
			s += string(name)
		}
	}
	return s
}

// loses sets which segments are lost from now on.
func (l *link) loses(f func(segment) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose = f
}

// reset begins a new count.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.down, l.trace, l.last = count{}, count{}, nil, time.Now()
}

// settled waits until no packet has come for a while, several round trips, and
// returns what was counted since reset.
func (l *link) settled() (up, down count, trace []string) {
	start := time.Now() // what was sent just now has not come here yet
	for {
		l.mu.Lock()
		quiet := min(time.Since(l.last), time.Since(start))
		up, down, trace = l.up, l.down, l.trace
		l.mu.Unlock()
		if quiet > 5*l.delay {
			return up, down, trace
		}
		time.Sleep(l.delay)
	}
}
