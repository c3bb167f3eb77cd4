package tracker

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kith/hubapi"
)

// A page is a web peer.
type page struct {
	t    *testing.T
	conn *websocket.Conn
	id   string
}

func open(t *testing.T, at, id string) *page {
	t.Helper()
	conn, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(at, "http")+hubapi.PathTracker, http.Header{"Origin": {"https://example.org"}})
	if err != nil {
		t.Fatalf("%v %v", err, answer)
	}
	t.Cleanup(func() { conn.Close() })
	return &page{t, conn, id}
}

const webHash = "\u0000\u00ff45678901234567890\u00e9"

func (p *page) say(m map[string]any) {
	p.t.Helper()
	all := map[string]any{"action": "announce", "info_hash": webHash, "peer_id": p.id}
	for k, v := range m {
		all[k] = v
	}
	if err := p.conn.WriteJSON(all); err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) hear() map[string]any {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var m map[string]any
	if err := p.conn.ReadJSON(&m); err != nil {
		p.t.Fatal(err)
	}
	return m
}

func offers(ids ...string) (out []any) {
	for _, id := range ids {
		out = append(out, map[string]any{"offer_id": id, "offer": map[string]any{"type": "offer", "sdp": "of " + id}})
	}
	return out
}

func TestWeb(t *testing.T) {
	tr := start(t, Config{})
	at := serve(t, tr)
	ann, bob := open(t, at, "ann45678901234567890"), open(t, at, "bob4567890123456789\u00fc")
	ann.say(map[string]any{"left": 0, "event": "started", "numwant": 5, "offers": offers("a1", "a2")})
	if m := ann.hear(); m["interval"] != 120.0 || m["complete"] != 1.0 || m["incomplete"] != 0.0 || m["info_hash"] != webHash {
		t.Errorf("ann hears %v", m)
	}
	bob.say(map[string]any{"left": nil, "event": "started", "numwant": 5, "offers": offers("b1", "b2")})
	if m := bob.hear(); m["incomplete"] != 1.0 {
		t.Errorf("bob hears %v", m)
	}
	m := ann.hear()
	if m["peer_id"] != bob.id || m["offer_id"] != "b1" || m["offer"].(map[string]any)["sdp"] != "of b1" || m["info_hash"] != webHash {
		t.Fatalf("ann gets %v", m)
	}
	ann.say(map[string]any{"to_peer_id": bob.id, "offer_id": "b1", "answer": map[string]any{"type": "answer", "sdp": "yes"}})
	m = bob.hear()
	if m["peer_id"] != ann.id || m["offer_id"] != "b1" || m["answer"].(map[string]any)["sdp"] != "yes" {
		t.Fatalf("bob gets %v", m)
	}
	bob.say(map[string]any{"action": "scrape"})
	if m := bob.hear(); m["action"] != "scrape" || m["files"].(map[string]any)[webHash].(map[string]any)["complete"] != 1.0 {
		t.Errorf("a scrape gives %v", m)
	}

	// Nobody speaks in another's name.
	eve := open(t, at, ann.id)
	eve.say(map[string]any{"left": 1})
	if m := eve.hear(); m["failure reason"] == nil {
		t.Errorf("a name that is taken: %v", m)
	}
	eve.say(map[string]any{"to_peer_id": bob.id, "offer_id": "b2", "answer": map[string]any{"sdp": "forged"}})
	eve.say(map[string]any{"info_hash": "short"})
	if m := eve.hear(); m["failure reason"] == nil { // that was read, so what is before was, too
		t.Errorf("a short hash: %v", m)
	}
	bob.say(map[string]any{"event": "update", "numwant": 0, "left": 0, "offers": offers("b3")})
	if m := bob.hear(); m["answer"] != nil || m["complete"] != 2.0 {
		t.Errorf("bob hears %v", m)
	}

	// Who leaves is forgotten.
	ann.conn.Close()
	waitFor(t, "ann is forgotten", func() bool { return tr.swarms.scrape(hashOf(t)).complete == 1 })
	bob.say(map[string]any{"event": "stopped"})
	bob.hear()
	tr.swarms.mu.Lock()
	defer tr.swarms.mu.Unlock()
	if len(tr.swarms.all) != 0 || tr.swarms.peers != 0 {
		t.Errorf("%d swarms and %d peers are left", len(tr.swarms.all), tr.swarms.peers)
	}
}

func hashOf(t *testing.T) Hash {
	raw, err := json.Marshal(webHash)
	var b text
	if err != nil || json.Unmarshal(raw, &b) != nil {
		t.Fatal("no hash")
	}
	return Hash(b)
}

// waitFor waits until something is so.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(60 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not in a minute", what)
		}
	}
}

func TestWebSocketsOfOneAddress(t *testing.T) {
	at := serve(t, start(t, Config{AddressSockets: 2}))
	open(t, at, "")
	first := open(t, at, "")
	refused := func() bool {
		conn, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(at, "http")+hubapi.PathTracker, nil)
		if err == nil {
			conn.Close()
			return false
		}
		return answer != nil && answer.StatusCode == http.StatusServiceUnavailable
	}
	if !refused() {
		t.Error("a third connection of two is taken")
	}
	first.conn.Close()
	waitFor(t, "room for another", func() bool { return !refused() })
}

func TestWebFlood(t *testing.T) {
	p := open(t, serve(t, start(t, Config{})), "ann45678901234567890")
	for range 2 * socketBurst {
		if p.conn.WriteJSON(map[string]any{"action": "scrape", "info_hash": webHash}) != nil {
			return
		}
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for n := 0; ; n++ {
		if _, _, err := p.conn.ReadMessage(); err != nil {
			if n > socketBurst {
				t.Errorf("%d answers before the end: %v", n, err)
			}
			return
		}
	}
}

func TestParseWeb(t *testing.T) {
	id := `"peer_id":"bbbbbbbbbbbbbbbbbbbb"`
	ok := `"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa",` + id
	for name, raw := range map[string]string{
		"nothing": "", "null": "null", "a list": "[]", "no action": `{}`, "another action": `{"action":"dance","info_hash":"aaaaaaaaaaaaaaaaaaaa",` + id + `}`,
		"a rune that is no byte": `{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaā",` + id + `}`,
		"two hashes":             `{"action":"announce","info_hash":["aaaaaaaaaaaaaaaaaaaa","aaaaaaaaaaaaaaaaaaaa"],` + id + `}`,
		"a short peer":           `{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","peer_id":"b"}`,
		"an answer to nobody":    `{` + ok + `,"answer":{"sdp":"x"},"to_peer_id":"c"}`,
		"an offer without one":   `{` + ok + `,"offers":[{"offer_id":"x"}]}`,
		"an offer that is long":  `{` + ok + `,"offers":[{"offer_id":"x","offer":"` + strings.Repeat("x", maxOffer) + `"}]}`,
		"many offers":            `{` + ok + `,"offers":[` + strings.Repeat(`{"offer_id":"x","offer":1},`, maxOffers) + `{"offer_id":"x","offer":1}]}`,
		"a scrape of nothing":    `{"action":"scrape"}`,
	} {
		if m, err := parseWeb([]byte(raw)); err == nil {
			t.Errorf("%s is read as %+v", name, m)
		}
	}
	for raw, want := range map[string]int{
		`,"offers":[{"offer_id":"x","offer":1},{"offer_id":"y","offer":1}]`:             2,
		`,"offers":[{"offer_id":"x","offer":1}],"numwant":50`:                           1,
		`,"offers":[{"offer_id":"x","offer":1},{"offer_id":"y","offer":1}],"numwant":1`: 1,
		`,"offers":[{"offer_id":"x","offer":1}],"numwant":-3,"left":null`:               0,
		`,"offers":[{"offer_id":"x","offer":1}],"numwant":"many","left":"Infinity"`:     1,
		`,"numwant":5,"left":1e300`:                                                     0,
	} {
		m, err := parseWeb([]byte(`{` + ok + raw + `}`))
		if err != nil || m.wants() != want {
			t.Errorf("%s: wants %d, %v; want %d", raw, m.wants(), err, want)
		}
	}
}

func FuzzWeb(f *testing.F) {
	f.Add([]byte(`{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","peer_id":"bbbbbbbbbbbbbbbbbbbb","left":0,"numwant":5,"offers":[{"offer_id":"x","offer":{"sdp":"y"}}]}`))
	f.Add([]byte(`{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","peer_id":"bbbbbbbbbbbbbbbbbbbb","to_peer_id":"cccccccccccccccccccc","answer":{"sdp":"y"},"offer_id":"x"}`))
	f.Add([]byte(`{"action":"scrape","info_hash":["aaaaaaaaaaaaaaaaaaaa"]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseWeb(raw)
		if err == nil && (m.wants() < 0 || m.wants() > len(m.Offers) || len(m.Offers) > maxOffers || len(m.Hash) > maxScrape) {
			t.Errorf("%q is read as %+v", raw, m)
		}
	})
}
