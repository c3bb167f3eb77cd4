//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package portmap

import (
	"net/netip"
	"syscall"

	rib "golang.org/x/net/route"

	"kith"
)

// defaultGateway reads the kernel's table of IPv4 routes.
func defaultGateway() (netip.Addr, error) {
	table, err := rib.FetchRIB(syscall.AF_INET, rib.RIBTypeRoute, 0)
	if err != nil {
		return netip.Addr{}, kith.Errorf(kith.Unreachable, "reading the routes of this device: %w", err)
	}
	messages, err := rib.ParseRIB(rib.RIBTypeRoute, table)
	if err != nil {
		return netip.Addr{}, kith.Errorf(kith.Unreachable, "reading the routes of this device: %w", err)
	}
	for _, message := range messages {
		m, ok := message.(*rib.RouteMessage)
		if !ok || m.Flags&(syscall.RTF_UP|syscall.RTF_GATEWAY) != syscall.RTF_UP|syscall.RTF_GATEWAY || len(m.Addrs) <= syscall.RTAX_GATEWAY {
			continue
		}
		to, ok := m.Addrs[syscall.RTAX_DST].(*rib.Inet4Addr)
		via, ok2 := m.Addrs[syscall.RTAX_GATEWAY].(*rib.Inet4Addr)
		if ok && ok2 && to.IP == [4]byte{} {
			return netip.AddrFrom4(via.IP), nil
		}
	}
	return netip.Addr{}, errNoGateway
}
