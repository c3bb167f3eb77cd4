package hub

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kith/hubapi"
)

// patience is how long a test waits for what should happen at once.
const patience = time.Minute

// A journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func testConfig(changes ...func(*Config)) *Config {
	cfg := DefaultConfig()
	cfg.NoticeKey = strings.Repeat("42", 32)
	for _, change := range changes {
		change(cfg)
	}
	return cfg
}

// startHub runs a hub until the test ends.
func startHub(t testing.TB, dir string, changes ...func(*Config)) (*Hub, *journal) {
	t.Helper()
	log := &journal{}
	h, err := Start(t.Context(), dir, testConfig(changes...), Options{Log: slog.New(slog.NewTextHandler(log, nil)), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, log
}

// keyNumber is a key of its own for each number.
func keyNumber(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// A raw device speaks the protocol by hand, so that it can break it.
type raw struct {
	t     testing.TB
	ws    *websocket.Conn
	key   ed25519.PrivateKey
	nonce hubapi.Hash
	host  string
}

// dial connects and reads the challenge.
func dial(t testing.TB, h *Hub, key ed25519.PrivateKey) *raw {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{hubapi.SocketProtocol}, HandshakeTimeout: patience, ReadBufferSize: 512, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{}}
	ws, resp, err := dialer.Dial("ws"+strings.TrimPrefix(h.URL(), "http")+hubapi.PathSocket, nil)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, resp)
	}
	t.Cleanup(func() { ws.Close() })
	r := &raw{t: t, ws: ws, key: key, host: hubapi.Host(h.URL())}
	r.nonce = expect[hubapi.Challenge](r).Nonce
	return r
}

// greet connects and is welcomed.
func greet(t testing.TB, h *Hub, n byte) *raw {
	t.Helper()
	r := dial(t, h, keyNumber(n))
	r.hello(0)
	expect[hubapi.Welcome](r)
	return r
}

func (r *raw) hello(since uint64) {
	r.t.Helper()
	r.send(&hubapi.Hello{Key: hubapi.KeyOf(r.key), Signature: ed25519.Sign(r.key, hubapi.HelloMessage(r.nonce, r.host)), Since: since})
}

func (r *raw) send(f hubapi.Frame) {
	r.t.Helper()
	data, err := hubapi.AppendFrame(nil, f)
	if err == nil {
		err = r.ws.WriteMessage(websocket.BinaryMessage, data)
	}
	if err != nil {
		r.t.Fatalf("send %T: %v", f, err)
	}
}

// box is how the device opens a box.
func (r *raw) box(key ed25519.PrivateKey, token hubapi.Hash) hubapi.Box {
	hash := hubapi.TokenHash(token)
	return hubapi.Box{Key: hubapi.KeyOf(key), Token: hash, Signature: ed25519.Sign(key, hubapi.BoxMessage(r.nonce, r.host, hash))}
}

// open opens a box and gives how many envelopes wait.
func (r *raw) open(key ed25519.PrivateKey, token hubapi.Hash) uint64 {
	r.t.Helper()
	r.send(&hubapi.OpenBox{Boxes: []hubapi.Box{r.box(key, token)}})
	opened := expect[hubapi.Opened](r)
	if opened.Box != hubapi.KeyOf(key) {
		r.t.Fatal("another box was opened")
	}
	return opened.Waiting
}

// next reads a frame.
func (r *raw) next() (hubapi.Frame, error) {
	r.ws.SetReadDeadline(time.Now().Add(patience))
	_, data, err := r.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	return hubapi.ParseFrame(data)
}

// expect reads a frame, which has to be of this type.
func expect[T any](r *raw) *T {
	r.t.Helper()
	f, err := r.next()
	if err != nil {
		r.t.Fatalf("waiting for a %T: %v", *new(T), err)
	}
	got, ok := f.(any).(*T)
	if !ok {
		r.t.Fatalf("got %T %+v, want a %T", f, f, *new(T))
	}
	return got
}

// ends reads until the hub ends the connection, and gives the code.
func (r *raw) ends() int {
	r.t.Helper()
	for {
		if _, err := r.next(); err != nil {
			if closed, ok := err.(*websocket.CloseError); ok {
				return closed.Code
			}
			return websocket.CloseAbnormalClosure
		}
	}
}

// sync waits until the hub has done everything that was asked before.
func (r *raw) sync() {
	r.t.Helper()
	r.send(&hubapi.AskRelay{})
	expect[hubapi.Relay](r)
}

// post leaves an envelope.
func post(t testing.TB, h *Hub, box hubapi.Key, token hubapi.Hash, body string) (status int, left hubapi.Left, detail string) {
	t.Helper()
	return request(t, http.MethodPost, h.URL()+hubapi.PathBox+hubapi.EncodeName(box), "Bearer "+hubapi.EncodeName(token), body)
}

func mustPost(t testing.TB, h *Hub, box hubapi.Key, token hubapi.Hash, body string) {
	t.Helper()
	if status, _, detail := post(t, h, box, token, body); status != http.StatusCreated {
		t.Fatalf("leaving gives %d: %s", status, detail)
	}
}

func request(t testing.TB, method, url, auth, body string) (status int, left hubapi.Left, detail string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 400 {
		var p hubapi.Problem
		if err := json.Unmarshal(answer, &p); err == nil {
			detail = p.Detail
			if p.Status != resp.StatusCode || resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("the problem %+v comes with %d %s", p, resp.StatusCode, resp.Header.Get("Content-Type"))
			}
		}
		return resp.StatusCode, left, detail
	}
	if method == http.MethodPost {
		if err := json.Unmarshal(answer, &left); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		return resp.StatusCode, left, ""
	}
	return resp.StatusCode, left, string(answer)
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

func hexKey(k hubapi.Key) string { return hex.EncodeToString(k[:]) }
