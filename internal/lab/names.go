//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// Name makes a name that programs on all hosts find this host by, at its
// addresses of IPv4 and IPv6, as the DNS would; programs that run already do
// not see it. A lab has no name server: each program that starts sees a file of
// the lab in place of /etc/hosts.
func (n *Network) Name(name string, h *Host) {
	n.t.Helper()
	if n.names == "" {
		n.names = filepath.Join(n.dir, "hosts")
		n.must(os.WriteFile(n.names, []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644))
	}
	f, err := os.OpenFile(n.names, os.O_APPEND|os.O_WRONLY, 0)
	n.must(err)
	for _, addr := range []netip.Addr{h.Addr(), h.Addr6()} {
		if addr.IsValid() {
			_, err := fmt.Fprintf(f, "%s %s\n", addr, name)
			n.must(err)
		}
	}
	n.must(f.Close())
}

// Name makes a name that programs in all homes find a host by; see
// [Network.Name].
func (i *Internet) Name(name string, h *Host) {
	i.net.t.Helper()
	i.net.Name(name, h)
}
