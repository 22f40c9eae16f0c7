//go:build linux

package wire_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace without a name, with a TUN device that is
// its only way out. All its sockets are opened by the function that is given
// to run.
type namespace struct {
	tun  *os.File
	work chan func()
}

// newNamespace makes a namespace whose TUN device has the address, in a
// network of 24 bits. The error says what is missing on this machine.
func newNamespace(t *testing.T, addr netip.Addr) (*namespace, error) {
	t.Helper()
	n := &namespace{work: make(chan func())}
	made := make(chan error)
	var thread sync.WaitGroup
	thread.Go(func() {
		// Never unlocked: the thread ends with this function, and with it the
		// namespace when its sockets are closed.
		runtime.LockOSThread()
		err := n.enter(addr)
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
	if err := configure(addr); err != nil {
		_ = n.tun.Close()
		return fmt.Errorf("cannot configure the TUN device: %w", err)
	}
	return nil
}

// configure gives tun0 of the calling thread's namespace its address and brings
// it up.
func configure(addr netip.Addr) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	set := func(name string, request uint, fill func(*unix.Ifreq) error) error {
		ifr, err := unix.NewIfreq("tun0")
		if err != nil {
			return err
		}
		if err := fill(ifr); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := unix.IoctlIfreq(s, request, ifr); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	ip := addr.As4()
	if err := set("address", unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(ip[:]) }); err != nil {
		return err
	}
	if err := set("netmask", unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 0}) }); err != nil {
		return err
	}
	if err := set("MTU", unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(1500); return nil }); err != nil {
		return err
	}
	return set("up", unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil })
}

// run calls f on the namespace's thread and waits for it. What f does in other
// goroutines does not happen in the namespace, but a socket stays where it was
// opened.
func (n *namespace) run(f func()) {
	done := make(chan struct{})
	n.work <- func() { defer close(done); f() }
	<-done
}

// count is traffic at the level of IP.
type count struct{ packets, bytes int }

// link carries packets between two namespaces, late, and counts those of TCP
// over IPv4 at the device's end. IPv6 finds its neighbours there as well.
type link struct {
	delay time.Duration // each way

	mu       sync.Mutex
	up, down count     // from the device, to the device
	last     time.Time // when the last packet was counted
	loseData bool      // drop packets with data from the device
	trace    []string
}

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
	const ipv4, tcp = 4, 6
	if len(p) < 40 || p[0]>>4 != ipv4 || p[9] != tcp {
		return true
	}
	header := int(p[0]&15) * 4
	segment := p[header:]
	data := len(segment) - int(segment[12]>>4)*4
	l.mu.Lock()
	defer l.mu.Unlock()
	c, arrow := &l.down, "<"
	if up {
		c, arrow = &l.up, ">"
	}
	c.packets++
	c.bytes += int(binary.BigEndian.Uint16(p[2:]))
	l.last = time.Now()
	l.trace = append(l.trace, fmt.Sprintf("%s%s %d+%d", arrow, flags(segment[13]), len(p)-data, data))
	return !up || !l.loseData || data == 0
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

// reset begins a new count.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.down, l.trace, l.last = count{}, count{}, nil, time.Now()
}

// settled waits until no packet has come for a while, several round trips, and
// returns what was counted since reset.
func (l *link) settled() (up, down count, trace []string) {
	for {
		l.mu.Lock()
		quiet := time.Since(l.last)
		up, down, trace = l.up, l.down, l.trace
		l.mu.Unlock()
		if quiet > 5*l.delay {
			return up, down, trace
		}
		time.Sleep(l.delay)
	}
}
