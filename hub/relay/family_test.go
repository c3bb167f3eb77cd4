package relay

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/turn/v5"
)

// Who comes by IPv6 and names no family gets IPv4 (RFC 8656, section 7.2), and
// so reaches those who have nothing else; where the relay has no IPv4, IPv6.
func TestFamilies(t *testing.T) {
	six := netip.IPv6Loopback()
	for _, c := range []struct {
		name   string
		public []netip.Addr
		is4    bool
	}{{"both", []netip.Addr{loopback, six}, true}, {"IPv6 only", []netip.Addr{six}, false}} {
		t.Run(c.name, func(t *testing.T) {
			sock, err := net.ListenPacket("udp6", "[::1]:0")
			if err != nil {
				t.Skip("this machine has no IPv6:", err)
			}
			cfg := lab()
			cfg.Listen, cfg.Public = "[::1]:0", c.public
			s := start(t, cfg)
			user := s.Credentials(time.Now(), "")
			t.Cleanup(func() { sock.Close() })
			client, err := turn.NewClient(&turn.ClientConfig{
				TURNServerAddr: netip.AddrPortFrom(six, s.Port()).String(), Conn: sock,
				Username: user.Username, Password: user.Password, Realm: s.cfg.Realm,
				RequestedAddressFamily: turn.RequestedAddressFamilyIPv4, // which it says by saying nothing
			})
			if err == nil {
				t.Cleanup(client.Close)
				err = client.Listen()
			}
			if err != nil {
				t.Fatal(err)
			}
			relayed := allocate(t, client)
			if at, _ := addrPort(relayed.LocalAddr()); at.Addr().Is4() != c.is4 {
				t.Errorf("the relayed address is %v", at)
			}
		})
	}
}
