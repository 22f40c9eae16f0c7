//go:build linux

// Package link joins two network namespaces, a device and a cloud, by a link
// that carries each packet late and notes it. It is the manner of scripts/wire,
// for programs that run in the namespaces.
package link

import (
	"encoding/binary"
	"os"
	"slices"
	"sync"
	"time"
)

// Packet is a packet of TCP or UDP over IPv4 as the device's interface saw it.
type Packet struct {
	Time  time.Time
	Up    bool   // from the device
	Port  uint16 // of the cloud's end
	Bytes int    // with all headers, from that of IP on
	Data  int    // bytes behind the headers of TCP or UDP
}

// Link carries packets in their order, without loss and at any rate.
type Link struct {
	delay         time.Duration
	device, cloud *Namespace
	pumps         sync.WaitGroup

	mu      sync.Mutex
	packets []Packet
	parts   map[uint16]uint16 // of UDP datagrams in fragments: IP's identification to port
}

// Join starts a link that takes delay each way. Close ends it and the two
// namespaces.
func Join(device, cloud *Namespace, delay time.Duration) *Link {
	l := &Link{delay: delay, device: device, cloud: cloud, parts: map[uint16]uint16{}}
	l.pumps.Go(func() { l.pump(device.tun, cloud.tun, true) })
	l.pumps.Go(func() { l.pump(cloud.tun, device.tun, false) })
	return l
}

// Close ends the link and its namespaces. What runs in them has to be stopped
// before.
func (l *Link) Close() {
	_ = l.device.Close()
	_ = l.cloud.Close()
	l.pumps.Wait()
}

// Packets returns what has passed so far. The caller does not change it.
func (l *Link) Packets() []Packet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.packets)
}

// pump carries packets one way. It ends when a device is closed.
func (l *Link) pump(from, to *os.File, up bool) {
	type late struct {
		packet []byte
		due    time.Time
	}
	waiting := make(chan late, queue)
	var writer sync.WaitGroup
	writer.Go(func() {
		for p := range waiting {
			time.Sleep(time.Until(p.due))
			if !up {
				l.note(p.packet, up)
			}
			_, _ = to.Write(p.packet)
		}
	})
	defer writer.Wait()
	defer close(waiting)
	buf := make([]byte, mtu)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		packet := append([]byte(nil), buf[:n]...)
		if up {
			l.note(packet, up) // at the device's end in both directions
		}
		waiting <- late{packet, time.Now().Add(l.delay)}
	}
}

// note keeps what is to be known of a packet.
func (l *Link) note(b []byte, up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := parse(b, up, l.parts); ok {
		p.Time = time.Now()
		l.packets = append(l.packets, p)
	}
}

// parse reads the headers of an IPv4 packet with TCP or UDP. A fragment behind
// the first has no port; parts knows it from the first.
func parse(b []byte, up bool, parts map[uint16]uint16) (p Packet, ok bool) {
	const tcp, udp = 6, 17
	if len(b) < 20 || b[0]>>4 != 4 {
		return p, false
	}
	size, header := int(binary.BigEndian.Uint16(b[2:])), int(b[0]&15)*4
	id, fragment := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	protocol := b[9]
	if header < 20 || size > len(b) || size < header || (protocol != tcp && protocol != udp) {
		return p, false
	}
	p = Packet{Up: up, Bytes: size}
	b = b[header:size]
	if fragment&0x1fff != 0 {
		p.Port, ok = parts[id]
		p.Data = len(b)
		return p, ok
	}
	transport := 8
	if protocol == tcp {
		if len(b) < 20 {
			return p, false
		}
		transport = max(20, int(b[12]>>4)*4)
	}
	if len(b) < transport {
		return p, false
	}
	p.Port, p.Data = binary.BigEndian.Uint16(b), len(b)-transport
	if up {
		p.Port = binary.BigEndian.Uint16(b[2:])
	}
	if fragment&0x2000 != 0 {
		parts[id] = p.Port
	}
	return p, true
}
