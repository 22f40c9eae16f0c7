//go:build !linux

package inet

import (
	"context"
	"net"
	"net/netip"
)

func (*Dialer) dial(ctx context.Context, network string, to netip.AddrPort) (Conn, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	n := net.Dialer{KeepAlive: -1, FallbackDelay: -1}
	if to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port()); to.Addr().Is4() {
		return n.DialContext(ctx, network+"4", to.String())
	}
	return n.DialContext(ctx, network+"6", to.String())
}
