package portmap

import (
	"context"
	"encoding/xml"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
	"github.com/huin/goupnp/soap"

	"kith"
)

// upnp speaks UPnP-IGD, versions 1 and 2, with one router.
type upnp struct {
	route   route
	http    *http.Client
	search  []netip.AddrPort // where the router is searched
	conn    connection       // nil until it was found
	outside netip.Addr       // as of the last look
}

// A connection is a service WANIPConnection or WANPPPConnection of a router.
type connection interface {
	GetExternalIPAddressCtx(context.Context) (string, error)
	GetStatusInfoCtx(context.Context) (status, lastError string, uptime uint32, err error)
	AddPortMappingCtx(ctx context.Context, remote string, outside uint16, protocol string, inside uint16, client string, enabled bool, description string, lease uint32) error
	DeletePortMappingCtx(ctx context.Context, remote string, outside uint16, protocol string) error
}

func newUPnP(r route) *upnp {
	// Most answer to the group only, but a firewall on this device may let in
	// only the answer of an address that was asked itself.
	search := []netip.AddrPort{netip.AddrPortFrom(ssdpGroup, ssdpPort), netip.AddrPortFrom(r.gateway, ssdpPort)}
	return &upnp{route: r, http: boundedClient(r.gateway), search: search}
}

func (*upnp) name() string { return "upnp" }

func (u *upnp) look(ctx context.Context) (view, error) {
	if u.conn == nil {
		location, err := u.discover(ctx)
		if err != nil {
			return view{}, err
		}
		return u.connect(ctx, location)
	}
	v, err := u.ask(ctx, u.conn)
	if err != nil {
		u.conn = nil // its address may be another one after a reboot
	}
	return v, err
}

// maxConnections is how many connections of a router are tried.
const maxConnections = 4

// connect reads what the router says of itself, and picks the first of its
// connections that is connected.
func (u *upnp) connect(ctx context.Context, location *url.URL) (view, error) {
	root, err := u.describe(ctx, location)
	if err != nil {
		return view{}, err
	}
	last := error(kith.Errorf(kith.Unreachable, "asking the router by UPnP: it is no internet gateway"))
	for i, conn := range u.connections(root, location) {
		if i == maxConnections {
			break
		}
		v, err := u.ask(ctx, conn)
		if err == nil {
			u.conn = conn
			return v, nil
		}
		last = err
	}
	return view{}, last
}

// describe fetches the router's description of itself.
func (u *upnp) describe(ctx context.Context, location *url.URL) (*goupnp.RootDevice, error) {
	fail := func(err error) (*goupnp.RootDevice, error) {
		return nil, kith.Errorf(kith.Unreachable, "reading the router's description by UPnP: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location.String(), nil)
	if err != nil {
		return fail(err)
	}
	resp, err := u.http.Do(req)
	if err != nil {
		return fail(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fail(errors.New(http.StatusText(resp.StatusCode)))
	}
	root := new(goupnp.RootDevice)
	decoder := xml.NewDecoder(resp.Body)
	decoder.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := decoder.Decode(root); err != nil {
		return fail(err)
	}
	base := location
	if root.URLBaseStr != "" {
		if base, err = url.Parse(root.URLBaseStr); err != nil {
			return fail(err)
		}
	}
	root.SetURLBase(base)
	return root, nil
}

// connections lists the router's connections, the best kind first.
func (u *upnp) connections(root *goupnp.RootDevice, location *url.URL) []connection {
	var all []connection
	// An error means that there is none of the kind.
	ip2, _ := internetgateway2.NewWANIPConnection2ClientsFromRootDevice(root, location)
	for _, c := range ip2 {
		c.SOAPClient.HTTPClient = *u.http
		all = append(all, c)
	}
	ip1, _ := internetgateway2.NewWANIPConnection1ClientsFromRootDevice(root, location)
	for _, c := range ip1 {
		c.SOAPClient.HTTPClient = *u.http
		all = append(all, c)
	}
	ppp, _ := internetgateway2.NewWANPPPConnection1ClientsFromRootDevice(root, location)
	for _, c := range ppp {
		c.SOAPClient.HTTPClient = *u.http
		all = append(all, c)
	}
	return all
}

// ask asks a connection for its address and its age.
func (u *upnp) ask(ctx context.Context, conn connection) (view, error) {
	text, err := conn.GetExternalIPAddressCtx(ctx)
	if err != nil {
		return view{}, kith.Errorf(kith.Unreachable, "asking the router by UPnP for its address: %w", err)
	}
	outside, err := netip.ParseAddr(text)
	if err != nil || !sound(outside) {
		return view{}, errUnconnected
	}
	u.outside = outside
	v := view{outside: outside}
	if _, _, uptime, err := conn.GetStatusInfoCtx(ctx); err == nil {
		v.age, v.aged = uptime, true
	}
	return v, nil
}

// Errors of AddPortMapping (WANIPConnection:1, section 2.4.16).
const (
	upnpInvalid   = 402 // some routers mean 725
	upnpConflict  = 718 // the outside port belongs to somebody else
	upnpPermanent = 725 // only mappings without an end
)

// maxConflicts is how many outside ports are tried.
const maxConflicts = 4

func (u *upnp) add(ctx context.Context, p Port, outside uint16, lifetime time.Duration) (grant, error) {
	if u.conn == nil {
		return grant{}, kith.Errorf(kith.Unreachable, "asking the router by UPnP: it does not answer")
	}
	lease := uint32(lifetime / time.Second)
	var err error
	for range maxConflicts {
		err = u.mapPort(ctx, p, outside, lease)
		if code := upnpCode(err); lease > 0 && (code == upnpPermanent || code == upnpInvalid) {
			// It is removed when we leave, and renewed as if it had an end.
			lease = 0
			err = u.mapPort(ctx, p, outside, lease)
		}
		if upnpCode(err) != upnpConflict {
			break
		}
		outside = uint16(1024 + rand.IntN(65536-1024))
	}
	if err != nil {
		return grant{}, kith.Errorf(kith.Unreachable, "asking the router by UPnP to map port %d: %w", p.Port, err)
	}
	return grant{netip.AddrPortFrom(u.outside, outside), lifetime}, nil
}

func (u *upnp) mapPort(ctx context.Context, p Port, outside uint16, lease uint32) error {
	return u.conn.AddPortMappingCtx(ctx, "", outside, upnpNetwork(p), p.Port, u.route.local.String(), true, "Kith", lease)
}

func (u *upnp) remove(ctx context.Context, p Port, outside uint16) error {
	if u.conn == nil {
		return nil
	}
	if err := u.conn.DeletePortMappingCtx(ctx, "", outside, upnpNetwork(p)); err != nil {
		return kith.Errorf(kith.Unreachable, "asking the router by UPnP to forget port %d: %w", p.Port, err)
	}
	return nil
}

func upnpNetwork(p Port) string {
	if p.Network == "udp" {
		return "UDP"
	}
	return "TCP"
}

// upnpCode is the number that a router gave for refusing, or 0.
func upnpCode(err error) int {
	var fault *soap.SOAPFaultError
	if errors.As(err, &fault) {
		return fault.Detail.UPnPError.Errorcode
	}
	return 0
}
