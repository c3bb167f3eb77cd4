//go:build !linux && !windows && !darwin && !freebsd && !openbsd && !netbsd && !dragonfly

package portmap

import "net/netip"

// defaultGateway cannot be known here.
func defaultGateway() (netip.Addr, error) { return netip.Addr{}, errNoGateway }
