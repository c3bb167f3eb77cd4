// Package customer says what counts as one customer of an internet provider,
// where a hub bounds what each may have: an IPv4 address, or an IPv6 /64, for
// that many addresses belong to one.
package customer

import "net/netip"

// Of gives the customer of an address. Those of an invalid address are all one.
func Of(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // bits fit
	return p
}
