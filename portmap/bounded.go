package portmap

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"

	"kith"
)

const (
	maxBody   = 256 << 10 // of a description; real ones have 10 KB
	maxHeader = 8 << 10
)

// errElsewhere means that a router sends us to another host.
var errElsewhere = kith.Errorf(kith.BadPeer, "the router sends us to another host")

// boundedClient is an HTTP client that reaches one address only, by no proxy,
// follows no redirect, and reads no more than a router has to say.
func boundedClient(host netip.Addr) *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			to, err := netip.ParseAddrPort(address)
			if err != nil || to.Addr() != host {
				return nil, errElsewhere
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		// Routers close idle connections without a word.
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
	return &http.Client{
		Transport:     boundedBody{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errElsewhere },
		Timeout:       callWithin,
	}
}

// boundedBody ends each body after maxBody.
type boundedBody struct{ inner http.RoundTripper }

func (b boundedBody) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.inner.RoundTrip(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxBody), resp.Body}
	}
	return resp, err
}
