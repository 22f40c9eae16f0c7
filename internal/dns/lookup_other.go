//go:build !linux

package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

const counts = false

func (*Resolver) lookup(ctx context.Context, k recordType, host string) ([]netip.Addr, error) {
	network := "ip4"
	if k == typeAAAA {
		network = "ip6"
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	var ae *net.AddrError // from a hosts file that has only the other kind
	if de, ok := errors.AsType[*net.DNSError](err); ok && de.IsNotFound || errors.As(err, &ae) {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return addrs, err
}
