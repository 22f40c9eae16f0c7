package hologram

import (
	"net/netip"
	"sync"
	"time"
)

// rateSources is how many sources have a rate of their own; those that come when all are in use share one.
const rateSources = 4096

// sourceOf returns what counts as one source: an IPv4 address, or the network of an IPv6 address, of which anyone has
// 2^64.
func sourceOf(a netip.Addr) netip.Addr {
	if a = a.Unmap().WithZone(""); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// rates limit how often each source may come: a number of times each second, and the same again at once.
type rates struct {
	perSecond float64

	mu      sync.Mutex
	sources map[netip.Addr]*bucket
	others  bucket
}

// bucket has what a source has left.
type bucket struct {
	left float64
	at   time.Time
}

// allow tells whether a source may come now, and if not, when it may again.
func (r *rates) allow(source netip.Addr, now time.Time) (after time.Duration, ok bool) {
	if r.perSecond <= 0 {
		return 0, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bucket(source, now)
	burst := max(2*r.perSecond, 2)
	b.left = min(burst, b.left+max(now.Sub(b.at).Seconds(), 0)*r.perSecond)
	b.at = now
	if b.left < 1 {
		return time.Duration((1 - b.left) / r.perSecond * float64(time.Second)), false
	}
	b.left--
	return 0, true
}

func (r *rates) bucket(source netip.Addr, now time.Time) *bucket {
	if b, ok := r.sources[source]; ok {
		return b
	}
	if r.sources == nil {
		r.sources = make(map[netip.Addr]*bucket)
	}
	if len(r.sources) >= rateSources {
		// One that has not come for so long that it has all again is as good as new.
		seen := 0
		for a, b := range r.sources {
			if now.Sub(b.at) > 2*time.Second {
				delete(r.sources, a)
			}
			if seen++; seen == 64 {
				break
			}
		}
	}
	if len(r.sources) >= rateSources {
		return &r.others
	}
	b := &bucket{left: max(2*r.perSecond, 2), at: now}
	r.sources[source] = b
	return b
}
