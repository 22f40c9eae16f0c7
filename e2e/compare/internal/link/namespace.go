//go:build linux

package link

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	mtu = 1500
	// queue is how many packets wait for the link: a burst is late, not lost.
	queue = 10000
)

// Namespace is a network namespace without a name, with a TUN device that is its
// only way out. It goes with the process, however that ends.
type Namespace struct {
	Addr netip.Addr // of the TUN device, in a network of 24 bits

	tun    *os.File
	work   chan func()
	thread sync.WaitGroup
}

// New makes a namespace. The error says what is missing on this machine: it
// needs root and /dev/net/tun. The caller closes the namespace.
func New(addr netip.Addr) (*Namespace, error) {
	n := &Namespace{Addr: addr, work: make(chan func())}
	made := make(chan error)
	n.thread.Go(func() {
		// Never unlocked: the thread ends with this function, and with it the
		// namespace when its sockets and processes are gone.
		runtime.LockOSThread()
		err := n.enter()
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
	return n, nil
}

// Close ends the namespace's thread and takes its device away.
func (n *Namespace) Close() error {
	close(n.work)
	n.thread.Wait()
	return n.tun.Close()
}

// Run calls f on the namespace's thread and waits for it. What f does in other
// goroutines does not happen in the namespace, but a socket stays where it was
// opened.
func (n *Namespace) Run(f func()) {
	done := make(chan struct{})
	n.work <- func() { defer close(done); f() }
	<-done
}

// Start starts cmd in the namespace. It is killed if this process dies.
func (n *Namespace) Start(cmd *exec.Cmd) error {
	// In a group of its own, so that Ctrl-C reaches us alone.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	var err error
	n.Run(func() { err = cmd.Start() })
	return err
}

// enter moves the calling thread into a new namespace and makes its device.
func (n *Namespace) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("cannot make a network namespace (are you root?): %w", err)
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("cannot open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq("tun0")
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err == nil {
		err = n.configure()
	}
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("cannot make a TUN device: %w", err)
	}
	// Nonblocking, so that Close ends a Read; and not before there is a device,
	// because a file without one is never ready.
	n.tun = os.NewFile(uintptr(fd), "tun0")
	return nil
}

// configure gives tun0 its address and brings it and the loopback interface up.
func (n *Namespace) configure() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	ip := n.Addr.As4()
	for _, r := range []struct {
		device  string
		request uint
		fill    func(*unix.Ifreq) error
	}{
		{"lo", unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }},
		{"tun0", unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(ip[:]) }},
		{"tun0", unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 0}) }},
		{"tun0", unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(mtu); return nil }},
		{"tun0", unix.SIOCSIFTXQLEN, func(r *unix.Ifreq) error { r.SetUint32(queue); return nil }},
		{"tun0", unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }},
	} {
		ifr, err := unix.NewIfreq(r.device)
		if err == nil {
			err = r.fill(ifr)
		}
		if err == nil {
			err = unix.IoctlIfreq(s, r.request, ifr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
