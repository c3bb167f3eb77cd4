package portmap

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"kith"
)

// SSDP finds devices that speak UPnP: a request to a group, and answers over
// UDP in the form of HTTP (UPnP Device Architecture 1.1, section 1.3).
const ssdpPort = 1900

var ssdpGroup = netip.AddrFrom4([4]byte{239, 255, 255, 250})

// ssdpTargets are what a router calls itself.
var ssdpTargets = []string{
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
}

const (
	ssdpAgain   = 700 * time.Millisecond // the request may be lost
	ssdpMaxSize = 2 << 10
)

// discover asks for internet gateways and returns where our router, and nobody
// else, says that its description is.
func (u *upnp) discover(ctx context.Context) (*url.URL, error) {
	fail := func(err error) (*url.URL, error) {
		return nil, kith.Errorf(kith.Unreachable, "searching for the router by UPnP: %w", err)
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(u.route.local, 0)))
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for {
		if err := u.shout(conn); err != nil {
			return fail(err)
		}
		conn.SetReadDeadline(time.Now().Add(ssdpAgain))
		for {
			buf := make([]byte, ssdpMaxSize)
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				break
			}
			if err != nil {
				return fail(err)
			}
			if location := parseSSDP(buf[:n]); from.Addr().Unmap() == u.route.gateway && location != nil && location.Hostname() == u.route.gateway.String() {
				return location, nil
			}
		}
	}
}

// shout sends the requests. One that does not go out is an error only if none
// does.
func (u *upnp) shout(conn *net.UDPConn) error {
	sent, last := false, error(nil)
	for _, to := range u.search {
		for _, target := range ssdpTargets {
			request := fmt.Sprintf("M-SEARCH * HTTP/1.1\r\nHOST: %s:%d\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: %s\r\n\r\n", ssdpGroup, ssdpPort, target)
			if _, err := conn.WriteToUDPAddrPort([]byte(request), to); err != nil {
				last = err
			} else {
				sent = true
			}
		}
	}
	if sent {
		return nil
	}
	return last
}

// parseSSDP gives the location in an answer, or nil.
func parseSSDP(b []byte) *url.URL {
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return nil
	}
	resp.Body.Close()
	location, err := resp.Location()
	if err != nil || resp.StatusCode != http.StatusOK || location.Scheme != "http" {
		return nil
	}
	return location
}
