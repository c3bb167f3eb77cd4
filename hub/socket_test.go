package hub

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kith"
	"kith/hubapi"
)

func TestGreeting(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	r := dial(t, h, keyNumber(1))
	r.hello(0)
	w := expect[hubapi.Welcome](r)
	if strings.Join(w.Parts, " ") != "mailbox meet" || w.DeviceTags != hubapi.DeviceTags {
		t.Errorf("welcome is %+v", w)
	}
	if r.ws.Subprotocol() != hubapi.SocketProtocol {
		t.Errorf("the protocol is %q", r.ws.Subprotocol())
	}
	var info hubapi.Info
	_, _, text := request(t, http.MethodGet, h.URL()+hubapi.PathInfo, "", "")
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		t.Fatal(err)
	}
	if info.Version != "test" || info.KeepDays != 30 || info.Notices != hexKey(h.NoticeKey()) || strings.Join(info.Parts, " ") != "mailbox meet" {
		t.Errorf("info is %+v", info)
	}
}

// Whoever is not who they say they are, or breaks the protocol, is not let in.
func TestBadGreetings(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	key := keyNumber(1)
	for name, greet := range map[string]func(*raw){
		"a signature of another key": func(r *raw) {
			r.send(&hubapi.Hello{Key: hubapi.KeyOf(key), Signature: ed25519.Sign(keyNumber(2), hubapi.HelloMessage(r.nonce, r.host))})
		},
		"a signature for another hub": func(r *raw) {
			r.send(&hubapi.Hello{Key: hubapi.KeyOf(key), Signature: ed25519.Sign(key, hubapi.HelloMessage(r.nonce, "hub.example.org"))})
		},
		"a signature of another connection": func(r *raw) {
			r.send(&hubapi.Hello{Key: hubapi.KeyOf(key), Signature: ed25519.Sign(key, hubapi.HelloMessage(hubapi.Hash{}, r.host))})
		},
		"another frame first": func(r *raw) { r.send(&hubapi.Listen{}) },
		"no frame":            func(r *raw) { r.ws.WriteMessage(websocket.BinaryMessage, []byte{2, 0xff}) },
		"text":                func(r *raw) { r.ws.WriteMessage(websocket.TextMessage, []byte("hello")) },
		"too much":            func(r *raw) { r.ws.WriteMessage(websocket.BinaryMessage, make([]byte, hubapi.MaxDeviceFrame+1)) },
	} {
		r := dial(t, h, key)
		greet(r)
		for {
			f, err := r.next()
			if err != nil {
				break
			}
			if _, ok := f.(*hubapi.Refused); !ok {
				t.Errorf("%s: the hub answers with %T", name, f)
			}
		}
	}
	if n := h.devices.count(); n != 0 {
		t.Errorf("%d devices were let in", n)
	}
}

// A hub does not answer to another hub's name, or what was signed for that one
// could be shown to it.
func TestOtherName(t *testing.T) {
	at := freeAddress(t)
	startHub(t, t.TempDir(), func(c *Config) { c.Listen, c.URL = at, "https://hub.example.org" })
	var dialer websocket.Dialer
	ws := "ws://" + at + hubapi.PathSocket
	if _, resp, err := dialer.Dial(ws, http.Header{"Host": {"other.example.org"}}); err == nil || resp == nil || resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another name: %v, %v", resp, err)
	}
	conn, _, err := dialer.Dial(ws, http.Header{"Host": {"hub.example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestBrokenProtocol(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	for name, do := range map[string]func(*raw){
		"a frame that only hubs send": func(r *raw) { r.send(&hubapi.Present{}) },
		"a frame that can't be read":  func(r *raw) { r.ws.WriteMessage(websocket.BinaryMessage, []byte{5, 0x80, 1}) },
		"text":                        func(r *raw) { r.ws.WriteMessage(websocket.TextMessage, []byte("hello")) },
	} {
		r := greet(t, h, 1)
		do(r)
		if code := r.ends(); code != websocket.ClosePolicyViolation {
			t.Errorf("%s: the connection ends with %d", name, code)
		}
	}
	r := greet(t, h, 1)
	r.ws.WriteMessage(websocket.BinaryMessage, []byte{200, 0x80}) // of a later version
	r.sync()
	r.ws.WriteMessage(websocket.BinaryMessage, make([]byte, hubapi.MaxDeviceFrame+1))
	r.ends()
	eventually(t, "all have left", func() bool { return h.devices.count() == 0 })
}

func TestPing(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	r := greet(t, h, 1)
	pong := make(chan string, 1)
	r.ws.SetPongHandler(func(data string) error { pong <- data; return nil })
	if err := r.ws.WriteControl(websocket.PingMessage, []byte("are you there?"), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	r.sync() // the pong may come right after this
	r.sync()
	if got := <-pong; got != "are you there?" {
		t.Errorf("the pong is %q", got)
	}
}

func TestSilentDevicesAreDropped(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	silent, heard := greet(t, h, 1), greet(t, h, 2)
	now := time.Now()
	h.devices.get(hubapi.KeyOf(silent.key)).heard.Store(now.Add(-silence).Unix())
	h.devices.get(hubapi.KeyOf(heard.key)).heard.Store(now.Add(-silence / 2).Unix())
	if n := h.devices.endSilent(now); n != 1 {
		t.Errorf("%d were dropped", n)
	}
	silent.ends()
	heard.sync()
}

// A device that lost its connection without the hub's knowing comes back.
func TestNewerConnectionReplaces(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	tag := hubapi.Tag{1}
	first := greet(t, h, 1)
	first.send(&hubapi.Listen{Add: []hubapi.Tag{tag}})
	first.sync()
	second := greet(t, h, 1)
	if code := first.ends(); code != websocket.CloseGoingAway {
		t.Errorf("the former connection ends with %d", code)
	}
	eventually(t, "the former connection listens no more", func() bool { return h.exchange.Tags() == 0 })
	second.sync()
	if n := h.devices.count(); n != 1 {
		t.Errorf("%d devices", n)
	}
}

func TestDrain(t *testing.T) {
	h, err := Start(t.Context(), t.TempDir(), testConfig(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	box, token := keyNumber(9), hubapi.Hash{1}
	r := greet(t, h, 1)
	r.open(box, token)
	mustPost(t, h, hubapi.KeyOf(box), token, "x")
	mail := expect[hubapi.Mail](r)
	began := time.Now()
	closed := make(chan error, 1)
	go func() { closed <- h.Close() }()
	if _, err := r.next(); !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("the connection ends with %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
	_ = mail
	if _, err := http.Get(h.URL()); err == nil {
		t.Error("somebody answers after the end")
	}
}

// A device that does not read the goodbye holds nobody up.
func TestDrainOfDeafDevice(t *testing.T) {
	h, err := Start(t.Context(), t.TempDir(), testConfig(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	greet(t, h, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- h.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Error("the hub has not ended within 10 s")
	}
}

func TestOneHubForAFolder(t *testing.T) {
	dir := t.TempDir()
	startHub(t, dir)
	if _, err := Start(t.Context(), dir, testConfig(), Options{}); kith.KindOf(err) != kith.Conflict {
		t.Errorf("a second hub: %v", err)
	}
}

// The client of package hubapi and the hub understand each other.
func TestRealClient(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	c := hubapi.New(hubapi.Options{URL: h.URL(), Key: keyNumber(1), Events: ignore{}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	eventually(t, "the client is connected", func() bool { return c.State().Phase == hubapi.Connected })
	cancel()
	<-done
	eventually(t, "the client has left", func() bool { return h.devices.count() == 0 })
}

type ignore struct{}

func (ignore) Connected(hubapi.Welcome) {}
func (ignore) Present(hubapi.Tag)       {}
func (ignore) Note(hubapi.Tag, []byte)  {}
func (ignore) Mail(hubapi.Mail)         {}
func (ignore) Notice(hubapi.Notice)     {}
func (ignore) Relay(hubapi.Relay)       {}
func (ignore) Space(hubapi.Space)       {}
func (ignore) Changed()                 {}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
