package swarm

import (
	"errors"
	"net"
	"strconv"

	"github.com/anacrolix/dht/v2"
	"github.com/anacrolix/torrent"

	"kith"
	"kith/meet/dht/guard"
)

// startDHT joins the Mainline DHT (BEP 5), over IPv4 and IPv6 as far as there
// are both. The library would share a uTP socket with it, and there is none.
func startDHT(client *torrent.Client, c *torrent.ClientConfig) ([]*dht.Server, error) {
	var servers []*dht.Server
	var failed []error
	for _, family := range []struct {
		network string
		off     bool
	}{{"udp4", c.DisableIPv4}, {"udp6", c.DisableIPv6}} {
		if family.off {
			continue
		}
		conn, err := listenUDP(family.network, c.ListenHost(family.network), client.LocalPort())
		if err != nil {
			failed = append(failed, err)
			continue
		}
		server, err := client.NewAnacrolixDhtServer(guard.Wrap(conn, true)) // its library can be crashed by a packet
		if err != nil {
			conn.Close()
			failed = append(failed, err)
			continue
		}
		client.AddDhtServer(torrent.AnacrolixDhtServerWrapper{Server: server})
		servers = append(servers, server)
	}
	if len(servers) == 0 {
		return nil, kith.Errorf(kith.Internal, "join the DHT: %w", errors.Join(failed...))
	}
	return servers, nil
}

// listenUDP takes the port at which TCP connections are taken too, as is usual,
// or any other if somebody has it.
func listenUDP(network, host string, port int) (net.PacketConn, error) {
	conn, err := net.ListenPacket(network, net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return net.ListenPacket(network, net.JoinHostPort(host, "0"))
	}
	return conn, nil
}
