package tracker

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/anacrolix/torrent/bencode"
	"github.com/gorilla/websocket"

	"kith"
)

// maxQuery bounds the query of a request, in bytes: a scrape of many.
const maxQuery = 8 << 10

// ServeHTTP answers announces (BEP 3), of browsers by WebSocket.
func (t *Tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if websocket.IsWebSocketUpgrade(r) {
		t.serveSocket(w, r)
		return
	}
	query, err := queryOf(r)
	var a announce
	if err == nil {
		a, err = parseQuery(query, t.cfg.Address(r).Unmap().WithZone(""))
	}
	if err != nil {
		t.fail(w, err)
		return
	}
	t.announces[overHTTP].Add(1)
	own, other, c := t.swarms.announce(a, time.Now())
	four, six := own, other
	if a.addr.Addr().Is6() {
		four, six = other, own
	}
	answer(w, map[string]any{
		"interval": int(interval.Seconds()), "min interval": int(interval.Seconds()) / 6,
		"complete": c.complete, "incomplete": c.incomplete,
		"peers": string(compact(four)), "peers6": string(compact(six)),
	})
}

// Scrape answers scrapes (BEP 48).
func (t *Tracker) Scrape(w http.ResponseWriter, r *http.Request) {
	query, err := queryOf(r)
	if err == nil && (len(query["info_hash"]) == 0 || len(query["info_hash"]) > maxScrape) {
		err = kith.Errorf(kith.BadPeer, "a scrape names 1 to %d info_hash", maxScrape)
	}
	files := map[string]any{}
	for _, text := range query["info_hash"] {
		if len(text) != len(Hash{}) {
			err = errHash
			break
		}
		c := t.swarms.scrape(Hash([]byte(text)))
		files[text] = map[string]int{"complete": c.complete, "incomplete": c.incomplete, "downloaded": int(c.downloaded)}
	}
	if err != nil {
		t.fail(w, err)
		return
	}
	t.scrapes.Add(1)
	answer(w, map[string]any{"files": files})
}

var (
	errHash = kith.Errorf(kith.BadPeer, "info_hash must be 20 bytes, escaped as in a URL")
	errID   = kith.Errorf(kith.BadPeer, "peer_id must be 20 bytes, escaped as in a URL")
	errPort = kith.Errorf(kith.BadPeer, "port must be a number from 0 to 65535")
)

func queryOf(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return nil, kith.Errorf(kith.BadPeer, "a query may have at most %d bytes", maxQuery)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, kith.Errorf(kith.BadPeer, "read the query: %w", err)
	}
	return query, nil
}

// parseQuery reads an announce. An address that it names is not believed.
func parseQuery(query url.Values, from netip.Addr) (announce, error) {
	a := announce{want: -1, left: 1}
	if len(query.Get("info_hash")) != len(a.hash) {
		return a, errHash
	}
	if len(query.Get("peer_id")) != len(a.id) {
		return a, errID
	}
	copy(a.hash[:], query.Get("info_hash"))
	copy(a.id[:], query.Get("peer_id"))
	port, err := strconv.ParseUint(query.Get("port"), 10, 16)
	if err != nil || !from.IsValid() {
		return a, errPort
	}
	a.addr = netip.AddrPortFrom(from, uint16(port))
	if left, err := strconv.ParseUint(query.Get("left"), 10, 64); err == nil {
		a.left = left
	}
	if want, err := strconv.Atoi(query.Get("numwant")); err == nil {
		a.want = want
	}
	a.event = eventOf(query.Get("event"))
	return a, nil
}

// eventOf reads an event's name; what is none is an update.
func eventOf(name string) event {
	for e, known := range [...]string{completed: "completed", started: "started", stopped: "stopped"} {
		if name == known {
			return event(e)
		}
	}
	return update
}

// compact writes addresses as BEP 23 and BEP 7 have them.
func compact(list []netip.AddrPort) []byte {
	var out []byte
	for _, p := range list {
		out = append(out, p.Addr().AsSlice()...)
		out = append(out, byte(p.Port()>>8), byte(p.Port()))
	}
	return out
}

func answer(w http.ResponseWriter, body map[string]any) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(bencode.MustMarshal(body)) // a client that left needs no answer
}

// fail tells a client why, as BEP 3 does it: the status is a success.
func (t *Tracker) fail(w http.ResponseWriter, err error) {
	t.malformed.Add(1)
	answer(w, map[string]any{"failure reason": err.Error()})
}
