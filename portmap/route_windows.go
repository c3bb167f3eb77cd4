package portmap

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"

	"kith"
)

// defaultGateway finds the gateway of the adapter with the lowest metric.
func defaultGateway() (netip.Addr, error) {
	size := uint32(16 << 10)
	for range 3 { // the list may grow between two calls
		buf := make([]byte, size)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_INET, windows.GAA_FLAG_INCLUDE_GATEWAYS, 0, first, &size)
		if err == windows.ERROR_BUFFER_OVERFLOW && size <= 1<<20 {
			continue
		}
		if err != nil {
			return netip.Addr{}, kith.Errorf(kith.Unreachable, "reading the network adapters of this device: %w", err)
		}
		return gatewayOf(first)
	}
	return netip.Addr{}, errNoGateway
}

func gatewayOf(first *windows.IpAdapterAddresses) (netip.Addr, error) {
	var best netip.Addr
	var least uint32
	for a := first; a != nil; a = a.Next {
		if a.OperStatus != windows.IfOperStatusUp {
			continue
		}
		for g := a.FirstGatewayAddress; g != nil; g = g.Next {
			addr, ok := netip.AddrFromSlice(g.Address.IP())
			if addr = addr.Unmap(); ok && addr.Is4() && (!best.IsValid() || a.Ipv4Metric < least) {
				best, least = addr, a.Ipv4Metric
			}
		}
	}
	if !best.IsValid() {
		return best, errNoGateway
	}
	return best, nil
}
