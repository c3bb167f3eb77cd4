package portmap

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// An igd is an internet gateway that speaks UPnP over HTTP.
type igd struct {
	t         *testing.T
	mu        sync.Mutex
	url       string
	service   string // the kind of its connection
	control   string // where its connection is controlled
	outside   string
	permanent bool            // grants no leases
	taken     map[string]bool // outside ports of others
	table     map[string]string
	leases    []string
	sent      int // bytes of an endless description
}

func newIGD(t *testing.T) (*igd, *upnp) {
	g := &igd{
		t: t, service: "urn:schemas-upnp-org:service:WANIPConnection:1", control: "/control", outside: "203.0.113.5",
		taken: map[string]bool{}, table: map[string]string{},
	}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.url = server.URL
	home := netip.MustParseAddr("127.0.0.1")
	return g, &upnp{route: route{home, home}, http: boundedClient(home)}
}

// location is where the gateway describes itself.
func (g *igd) location(path string) *url.URL {
	u, err := url.Parse(g.url + path)
	if err != nil {
		g.t.Fatal(err)
	}
	return u
}

// maps gives what the gateway maps, and the leases it was asked for.
func (g *igd) maps() (table map[string]string, leases []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.table), slices.Clone(g.leases)
}

const description = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<deviceList><device><deviceList><device><serviceList><service><serviceType>SERVICE</serviceType><controlURL>CONTROL</controlURL></service></serviceList></device></deviceList></device></deviceList>
</device></root>`

func (g *igd) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch req.URL.Path {
	case "/desc.xml":
		fmt.Fprint(w, strings.NewReplacer("SERVICE", g.service, "CONTROL", g.control).Replace(description))
	case "/control":
		body, _ := io.ReadAll(req.Body)
		g.act(w, strings.Trim(req.Header.Get("SOAPACTION"), `"`), string(body))
	case "/away":
		http.Redirect(w, req, "http://192.0.2.1/", http.StatusFound)
	case "/around":
		http.Redirect(w, req, "/desc.xml", http.StatusFound)
	case "/endless":
		fmt.Fprint(w, `<root xmlns="urn:schemas-upnp-org:device-1-0"><device><friendlyName>`)
		for line := strings.Repeat("x", 1<<16); ; {
			if _, err := io.WriteString(w, line); err != nil {
				return
			}
			g.sent += len(line)
		}
	case "/deep":
		fmt.Fprint(w, strings.Repeat("<device>", 20000))
	default:
		http.NotFound(w, req)
	}
}

// act performs an action of WANIPConnection:1.
func (g *igd) act(w http.ResponseWriter, action, body string) {
	arg := func(name string) string {
		m := regexp.MustCompile("<" + name + ">(.*?)</" + name + ">").FindStringSubmatch(body)
		if m == nil {
			return ""
		}
		return m[1]
	}
	answer := func(text string) {
		fmt.Fprintf(w, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>`, text)
	}
	refuse := func(code int) {
		w.WriteHeader(http.StatusInternalServerError)
		answer(fmt.Sprintf(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError><errorCode>%d</errorCode></UPnPError></detail></s:Fault>`, code))
	}
	_, name, _ := strings.Cut(action, "#")
	outside := arg("NewProtocol") + arg("NewExternalPort")
	switch name {
	case "GetExternalIPAddress":
		answer(`<u:R><NewExternalIPAddress>` + g.outside + `</NewExternalIPAddress></u:R>`)
	case "GetStatusInfo":
		answer(`<u:R><NewConnectionStatus>Connected</NewConnectionStatus><NewLastConnectionError></NewLastConnectionError><NewUptime>42</NewUptime></u:R>`)
	case "AddPortMapping":
		switch {
		case g.taken[outside]:
			refuse(upnpConflict)
		case g.permanent && arg("NewLeaseDuration") != "0":
			refuse(upnpPermanent)
		default:
			g.table[outside] = arg("NewInternalClient") + ":" + arg("NewInternalPort")
			g.leases = append(g.leases, arg("NewLeaseDuration"))
			answer("<u:R></u:R>")
		}
	case "DeletePortMapping":
		delete(g.table, outside)
		answer("<u:R></u:R>")
	default:
		refuse(401)
	}
}

func TestUPnP(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"WANIPConnection:1", "WANIPConnection:2", "WANPPPConnection:1"} {
		g, u := newIGD(t)
		g.service = "urn:schemas-upnp-org:service:" + service
		v, err := u.connect(t.Context(), g.location("/desc.xml"))
		if err != nil || v != (view{public, 42, true}) {
			t.Fatalf("%s looks like %+v, %v", service, v, err)
		}
		got, err := u.add(t.Context(), udp, 4711, time.Hour)
		if err != nil || got != (grant{netip.MustParseAddrPort("203.0.113.5:4711"), time.Hour}) {
			t.Errorf("mapped: %+v, %v", got, err)
		}
		if table, leases := g.maps(); table["UDP4711"] != "127.0.0.1:4711" || leases[0] != "3600" {
			t.Errorf("the router maps %v for %v", table, leases)
		}
		err = u.remove(t.Context(), udp, 4711)
		if table, _ := g.maps(); err != nil || len(table) != 0 {
			t.Errorf("the router maps %v, %v", table, err)
		}
	}
}

func TestUPnPWithItsOwnMind(t *testing.T) {
	t.Parallel()
	g, u := newIGD(t)
	g.permanent, g.taken = true, map[string]bool{"TCP4712": true}
	if _, err := u.connect(t.Context(), g.location("/desc.xml")); err != nil {
		t.Fatal(err)
	}
	got, err := u.add(t.Context(), tcp, 4712, time.Hour)
	table, leases := g.maps()
	if err != nil || got.outside.Port() == 4712 || leases[0] != "0" {
		t.Fatalf("mapped: %+v, %v, for %v", got, err, leases)
	}
	if inside := table[fmt.Sprint("TCP", got.outside.Port())]; inside != "127.0.0.1:4712" {
		t.Errorf("the router maps %v", table)
	}
	err = u.remove(t.Context(), tcp, got.outside.Port())
	if table, _ := g.maps(); err != nil || len(table) != 0 {
		t.Errorf("the router maps %v, %v", table, err)
	}
	g.mu.Lock()
	g.outside = "0.0.0.0"
	g.mu.Unlock()
	if _, err := u.look(t.Context()); !errors.Is(err, errUnconnected) {
		t.Errorf("without an address: %v", err)
	}
}

func TestAHostileUPnP(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a host was asked that is not the router")
	}))
	t.Cleanup(elsewhere.Close)
	// A name that leads to the same machine is not the router's address either.
	other := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	for _, path := range []string{"/away", "/around", "/endless", "/deep", "/nothing"} {
		g, u := newIGD(t)
		start := time.Now()
		if _, err := u.connect(t.Context(), g.location(path)); err == nil {
			t.Errorf("%s was taken for a router", path)
		} else if text := short(err); len(text) > maxLogged+len("…") {
			t.Errorf("%s: an error of %d bytes", path, len(text))
		}
		if took := time.Since(start); took > 2*callWithin {
			t.Errorf("%s took %v", path, took)
		}
		// Beyond what was read, some waits in the buffers of the sockets.
		g.mu.Lock()
		if g.sent > 16<<20 {
			t.Errorf("%s: %d bytes were taken", path, g.sent)
		}
		g.mu.Unlock()
	}
	g, u := newIGD(t)
	g.control = other
	if _, err := u.connect(t.Context(), g.location("/desc.xml")); err == nil {
		t.Error("a connection elsewhere was taken for one of the router")
	}
	if _, err := boundedClient(netip.MustParseAddr("192.168.1.1")).Get(elsewhere.URL); !errors.Is(err, errElsewhere) {
		t.Errorf("another address: %v", err)
	}
}

func TestSSDPFindsTheRouterOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer string
		want   string
	}{
		{"HTTP/1.1 200 OK\r\nLOCATION: http://127.0.0.1:5000/a\r\n\r\n", "http://127.0.0.1:5000/a"},
		{"HTTP/1.1 200 OK\r\nLOCATION: https://127.0.0.1:5000/a\r\n\r\n", ""},
		{"HTTP/1.1 200 OK\r\nLOCATION: file:///etc/passwd\r\n\r\n", ""},
		{"HTTP/1.1 200 OK\r\n\r\n", ""},
		{"HTTP/1.1 404 no\r\nLOCATION: http://127.0.0.1:5000/a\r\n\r\n", ""},
		{"NOTIFY * HTTP/1.1\r\n\r\n", ""},
		{"", ""},
	} {
		got := ""
		if u := parseSSDP([]byte(c.answer)); u != nil {
			got = u.String()
		}
		if got != c.want {
			t.Errorf("%q leads to %q, want %q", c.answer, got, c.want)
		}
	}
}
