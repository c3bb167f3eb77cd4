package hub

import (
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kith/hubapi"
)

// Who does not read is cut off, and the others do not notice.
func TestSlowReader(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), func(c *Config) { c.Limits.FramesPerSecond, c.Limits.QueuePerDevice = 0, 64<<10 })
	tag := hubapi.Tag{1}
	slow, fast, speaker := greet(t, h, 1), greet(t, h, 2), greet(t, h, 3)
	for _, r := range []*raw{slow, fast, speaker} {
		r.send(&hubapi.Listen{Add: []hubapi.Tag{tag}})
	}
	eventually(t, "all three listen", func() bool {
		heard, err := h.exchange.Say(t.Context(), tag, nil, nil)
		return err == nil && heard == 3
	})
	skip(t, fast, speaker)
	body := make([]byte, hubapi.MaxNote)
	// The system's buffers take a few megabytes before anything waits.
	n := 0
	for deadline := time.Now().Add(patience); h.devices.get(hubapi.KeyOf(slow.key)) != nil; n++ {
		if time.Now().After(deadline) {
			t.Fatalf("after %d notes it is still there", n)
		}
		speaker.send(&hubapi.Note{Number: uint64(n), Tag: tag, Body: body})
		for _, r := range []*raw{speaker, fast} {
			if _, err := r.next(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("cut off after %d notes of %d bytes", n, len(body))
	fast.sync()
	speaker.sync()
}

// skip reads what came until now.
func skip(t *testing.T, all ...*raw) {
	t.Helper()
	for _, r := range all {
		r.send(&hubapi.AskRelay{})
		for {
			f, err := r.next()
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := f.(*hubapi.Relay); ok {
				break
			}
		}
	}
}

// One that says too much is slowed down, not the hub.
func TestFlood(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), func(c *Config) { c.Limits.FramesPerSecond = 20 })
	flooder, other := greet(t, h, 1), greet(t, h, 2)
	before := memory()
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		data, err := hubapi.AppendFrame(nil, &hubapi.Note{Tag: hubapi.Tag{1}, Body: make([]byte, hubapi.MaxNote)})
		if err != nil {
			t.Error(err)
			return
		}
		for range 20_000 { // 80 MB; until the buffers on the way are full
			flooder.ws.SetWriteDeadline(time.Now().Add(time.Second))
			if flooder.ws.WriteMessage(websocket.BinaryMessage, data) != nil {
				return
			}
		}
		t.Error("the hub took 80 MB of a flood")
	}()
	for range 30 {
		other.sync()
	}
	<-stop
	if grown := int64(memory()) - int64(before); grown > 16<<20 {
		t.Errorf("the flood takes %d bytes of memory", grown)
	}
	other.sync()
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func TestRequestsOfAnAddress(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), func(c *Config) { c.Limits.RequestsPerMinute = 5 })
	url := h.URL() + hubapi.PathBundle + hubapi.EncodeName(hubapi.Hash{})
	for range 5 {
		if status, _, _ := request(t, http.MethodGet, url, "", ""); status != 404 {
			t.Fatalf("status %d", status)
		}
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the sixth: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	var dialer websocket.Dialer
	if _, resp, err := dialer.Dial("ws"+strings.TrimPrefix(h.URL(), "http")+hubapi.PathSocket, nil); err == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a connection: %v, %v", resp, err)
	}
	if status, _, _ := request(t, http.MethodGet, h.URL()+hubapi.PathInfo, "", ""); status != 200 {
		t.Errorf("what costs nothing: %d", status)
	}
}

func TestConnectionsOfAnAddress(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), func(c *Config) { c.Limits.ConnectionsPerAddress = 2 })
	first := greet(t, h, 1)
	greet(t, h, 2)
	url := "ws" + strings.TrimPrefix(h.URL(), "http") + hubapi.PathSocket
	var dialer websocket.Dialer
	if _, _, err := dialer.Dial(url, nil); err == nil {
		t.Error("a third connection of two")
	}
	first.ws.Close()
	eventually(t, "there is room again", func() bool {
		ws, _, err := dialer.Dial(url, nil)
		if err == nil {
			ws.Close()
		}
		return err == nil
	})
}

func TestNewBoxesOfAnAddress(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), func(c *Config) { c.Limits.NewBoxesPerDay = 2 })
	r := greet(t, h, 1)
	for n := range byte(2) {
		r.open(keyNumber(100+n), hubapi.Hash{})
	}
	r.send(&hubapi.OpenBox{Boxes: []hubapi.Box{r.box(keyNumber(102), hubapi.Hash{})}})
	if refused := expect[hubapi.Refused](r); refused.Again == 0 {
		t.Errorf("%+v", refused)
	}
	greet(t, h, 2).open(keyNumber(100), hubapi.Hash{}) // it is there already
}

func TestAddresses(t *testing.T) {
	parse := netip.MustParseAddr
	a := newAddresses(&Limits{Connections: 3, ConnectionsPerAddress: 2, RequestsPerMinute: 60})
	one, two := parse("192.0.2.1"), parse("192.0.2.2")
	release, ok := a.connect(one)
	_, ok2 := a.connect(one)
	_, ok3 := a.connect(one)
	_, ok4 := a.connect(two)
	_, ok5 := a.connect(two)
	if !ok || !ok2 || ok3 || !ok4 || ok5 {
		t.Error("the limits of connections are not kept", ok, ok2, ok3, ok4, ok5)
	}
	release()
	release()
	if _, ok := a.connect(one); !ok {
		t.Error("a place that became free is not given")
	}
	if _, ok := a.connect(two); ok {
		t.Error("a place was given twice")
	}
	now := time.Unix(1e9, 0)
	for range 60 {
		if _, ok := a.request(one, now); !ok {
			t.Fatal("a request within the limit is refused")
		}
	}
	if wait, ok := a.request(one, now); ok || wait <= 0 || wait > time.Second {
		t.Errorf("one too many: %v, wait %v", ok, wait)
	}
	if _, ok := a.request(one, now.Add(time.Second)); !ok {
		t.Error("after a second")
	}
	three := parse("2001:db8::1")
	a.request(three, now)
	a.sweep(now.Add(2 * time.Minute))
	if len(a.by) != 2 {
		t.Errorf("%d addresses are remembered", len(a.by))
	}
}

// An address behind a proxy is the one that the proxy tells, and only of a
// proxy that is believed.
func TestForwarded(t *testing.T) {
	h := &Hub{cfg: testConfig(func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"10.1.2.3:4", "192.0.2.7", "192.0.2.7"},
		{"10.1.2.3:4", "192.0.2.8, 192.0.2.7", "192.0.2.7"},
		{"10.1.2.3:4", "nonsense", "10.1.2.3"},
		{"10.1.2.3:4", "", "10.1.2.3"},
		{"192.0.2.1:4", "192.0.2.7", "192.0.2.1"},
		{"[::ffff:192.0.2.1]:4", "", "192.0.2.1"},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{}}
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := h.client(r).String(); got != c.want {
			t.Errorf("%s for %q: %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}
