package customer

import (
	"net/netip"
	"testing"
)

func TestOf(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7/32",
		"::ffff:192.0.2.7":     "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1:2%eth0":       "fe80::/64",
	} {
		if got := Of(netip.MustParseAddr(ip)).String(); got != want {
			t.Errorf("%s is %s, want %s", ip, got, want)
		}
	}
	if Of(netip.Addr{}) != (netip.Prefix{}) {
		t.Error("no address is somebody")
	}
}
