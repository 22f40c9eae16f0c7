package hologram

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/metric"
	"telegraf-hologram/internal/payload"
)

// deviceMeasurement is the name of the metrics of devices.
const deviceMeasurement = "hologram_device"

const (
	// maxDevices is how many devices are followed, each on each of its paths.
	maxDevices = 10_000
	// evictOf is of how many the one that was not heard of for longest makes room for another.
	evictOf = 16
	// sequences is how many sequence numbers there are besides 0, which is only that of a sender without memory.
	sequences = payload.SequenceLimit - 1
)

// The paths, each with sequence numbers of its own.
const (
	pathSocket = "socket"
	pathSMS    = "sms"
)

// heard is what is known of a message for the device that it is from.
type heard struct {
	device         id
	deviceID, name string
	path           string
	metrics, bytes int
	received       time.Time // by the cloud, zero if that is not known
	newest         time.Time // of the metrics, zero if there is none with a time of its own
	undecodable    bool
	numbered       bool // it has a sequence number
	sequence       payload.Sequence
}

// device is what is known of a device on one of its paths.
type device struct {
	id, name, path string

	messages, metrics, bytes, repeats, undecodable int64
	gaps, late, restarts                           int64

	known   bool // there was a sequence number
	last    payload.Sequence
	missing *[payload.SequenceLimit / 8]byte // the numbers that gaps counts and that may still come; nil: none

	delay, transit time.Duration
	timed, sent    bool // delay, transit is known
	lastSeen       time.Time
	changed        bool // since it was told
}

// devices are the devices that messages are from. They are safe for concurrent use.
type devices struct {
	memory *memory // for the numbers before a restart

	mu  sync.Mutex
	all map[id]*device
}

// note counts a message that is taken.
func (d *devices) note(h *heard, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dev := d.get(h, now)
	dev.messages++
	dev.metrics += int64(h.metrics)
	dev.bytes += int64(h.bytes)
	if h.undecodable {
		dev.undecodable++
	}
	if h.numbered {
		dev.count(h.sequence)
	}
	if dev.sent = !h.received.IsZero(); dev.sent {
		dev.transit = now.Sub(h.received)
		if dev.timed = !h.newest.IsZero(); dev.timed {
			dev.delay = h.received.Sub(h.newest)
		}
	}
}

// noteRepeat counts a message that was taken before.
func (d *devices) noteRepeat(h *heard, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.get(h, now).repeats++
}

// get returns the device of a message.
func (d *devices) get(h *heard, now time.Time) *device {
	dev, ok := d.all[h.device]
	if !ok {
		if len(d.all) >= maxDevices {
			d.evict()
		}
		dev = &device{id: h.deviceID, path: h.path}
		dev.last, dev.known = d.memory.sequence(h.device)
		if d.all == nil {
			d.all = make(map[id]*device)
		}
		d.all[h.device] = dev
	}
	if h.name != "" {
		dev.name = h.name
	}
	dev.lastSeen, dev.changed = now, true
	return dev
}

// evict makes room for a device.
func (d *devices) evict() {
	var oldest id
	n := 0
	for key, dev := range d.all {
		if n == 0 || dev.lastSeen.Before(d.all[oldest].lastSeen) {
			oldest = key
		}
		if n++; n == evictOf {
			break
		}
	}
	delete(d.all, oldest)
}

// latest returns the last sequence number of a device that has one.
func (d *devices) latest(key id) (payload.Sequence, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dev, ok := d.all[key]
	if !ok || !dev.known {
		return 0, false
	}
	return dev.last, true
}

// count takes a sequence number into account. A number that is ahead by less than half of all is the next, or one behind
// a gap; any other is late.
func (dev *device) count(s payload.Sequence) {
	switch {
	case !dev.known:
		dev.known, dev.last = true, s
		return
	case s == 0:
		// The sender has no memory of its last number; what was missing can no longer be told from what is new.
		if dev.last != 0 {
			dev.restarts++
		}
		dev.last, dev.missing = 0, nil
		return
	}
	ahead := (int(s) - int(dev.last) + sequences) % sequences
	if dev.last == 0 {
		ahead = int(s)
	}
	switch {
	case ahead == 0:
		// Another message with the last number: of a sender that has counted around.
	case ahead <= sequences/2 || dev.last == 0:
		for x := dev.last.Next(); x != s; x = x.Next() {
			dev.gaps++
			dev.miss(x, true)
		}
		dev.miss(s, false)
		dev.last = s
	case dev.missing != nil && dev.missing[s/8]&(1<<(s%8)) != 0:
		dev.miss(s, false)
		dev.gaps--
		dev.late++
	default:
		dev.late++
	}
}

// miss notes whether a number is missing.
func (dev *device) miss(s payload.Sequence, missing bool) {
	switch {
	case missing:
		if dev.missing == nil {
			dev.missing = new([payload.SequenceLimit / 8]byte)
		}
		dev.missing[s/8] |= 1 << (s % 8)
	case dev.missing != nil:
		dev.missing[s/8] &^= 1 << (s % 8)
	}
}

// metrics returns the metrics of the devices that were heard of since they were returned last.
func (d *devices) metrics(prefix string, now time.Time) []telegraf.Metric {
	d.mu.Lock()
	defer d.mu.Unlock()
	var changed []*device
	for _, dev := range d.all {
		if dev.changed {
			dev.changed = false
			changed = append(changed, dev)
		}
	}
	slices.SortFunc(changed, func(a, b *device) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.name, b.name), cmp.Compare(a.path, b.path))
	})
	metrics := make([]telegraf.Metric, 0, len(changed)+1)
	for _, dev := range changed {
		metrics = append(metrics, dev.metric(prefix, now))
	}
	return metrics
}

func (dev *device) metric(prefix string, now time.Time) *metric.Metric {
	m := metric.New(deviceMeasurement, []telegraf.Tag{{Key: "path", Value: dev.path}}, nil, now)
	if dev.id != "" {
		m.AddTag(prefix+"device_id", tagValue(dev.id))
	}
	if dev.name != "" {
		m.AddTag(prefix+"device_name", tagValue(dev.name))
	}
	for _, c := range []struct {
		name  string
		value int64
	}{
		{"messages", dev.messages},
		{"metrics", dev.metrics},
		{"bytes", dev.bytes},
		{"gaps", dev.gaps},
		{"late", dev.late},
		{"repeats", dev.repeats},
		{"restarts", dev.restarts},
		{"undecodable", dev.undecodable},
		{"last_seen", dev.lastSeen.Unix()},
	} {
		m.AddField(c.name, c.value)
	}
	if dev.timed {
		m.AddField("delay", dev.delay.Seconds())
	}
	if dev.sent {
		m.AddField("transit", dev.transit.Seconds())
	}
	return m
}
