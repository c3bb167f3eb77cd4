package portmap

import (
	"net"
	"net/netip"

	"kith"
)

// A route is the way out of this device.
type route struct {
	gateway netip.Addr // the router
	local   netip.Addr // our address, as the router sees it
}

// errNoGateway and the others say why no router can be asked.
var (
	errNoGateway = kith.Errorf(kith.Unreachable, "finding the router: this device has none for IPv4")
	errPublic    = kith.Errorf(kith.Unreachable, "finding the router: its address is not private, so it is not at home")
)

// findRoute finds the router of this device.
func findRoute() (route, error) {
	gateway, err := defaultGateway()
	if err != nil {
		return route{}, err
	}
	return routeTo(gateway)
}

// routeTo checks that a gateway is one that may be asked: whoever has a public
// address has no business with our ports.
func routeTo(gateway netip.Addr) (route, error) {
	if !gateway.Is4() || !gateway.IsPrivate() && !gateway.IsLinkLocalUnicast() && !carrier.Contains(gateway) {
		return route{}, errPublic
	}
	// Connecting a UDP socket sends nothing; the system chooses our address.
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(gateway, pcpPort)))
	if err != nil {
		return route{}, kith.Errorf(kith.Unreachable, "finding the way to the router: %w", err)
	}
	defer conn.Close()
	return route{gateway, conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()}, nil
}
