package tracker

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"
	"github.com/prometheus/client_golang/prometheus"

	"kith/hubapi"
)

var (
	hashA = Hash([]byte("aaaaaaaaaaaaaaaaaaa\xff"))
	hashB = Hash([]byte("bbbbbbbbbbbbbbbbbbbb"))
)

func start(t testing.TB, cfg Config) *Tracker {
	t.Helper()
	tr, err := Start(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// serve gives the address of a tracker's web server.
func serve(t testing.TB, tr *Tracker) string {
	mux := http.NewServeMux()
	mux.Handle(hubapi.PathTracker, tr)
	mux.HandleFunc(PathScrape, tr.Scrape)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func peerOf(n int, left uint64, e event) announce {
	a := announce{hash: hashA, addr: netip.MustParseAddrPort(fmt.Sprintf("10.0.%d.%d:1000", n/256, n%256)), left: left, event: e, want: -1}
	binary.BigEndian.PutUint64(a.id[:], uint64(n))
	return a
}

func TestSwarm(t *testing.T) {
	s := newSwarms(Config{}.withDefaults())
	now := time.Now()
	six := peerOf(3, 5, started)
	six.addr = netip.MustParseAddrPort("[2a00::1]:7")
	other := peerOf(9, 5, started)
	other.hash = hashB
	unreachable := peerOf(8, 5, started)
	unreachable.addr = netip.AddrPortFrom(unreachable.addr.Addr(), 0)
	impostor := peerOf(1, 5, stopped)
	impostor.id = ID{9}
	none := peerOf(2, 5, update)
	none.want = 0
	for i, step := range []struct {
		a    announce
		own  int
		far  int
		want swarmCounts
	}{
		{peerOf(1, 5, started), 0, 0, swarmCounts{0, 1, 0}},
		{peerOf(1, 5, started), 0, 0, swarmCounts{0, 1, 0}}, // not itself
		{peerOf(2, 5, started), 1, 0, swarmCounts{0, 2, 0}},
		{six, 0, 2, swarmCounts{0, 3, 0}},
		{other, 0, 0, swarmCounts{0, 1, 0}},
		{unreachable, 2, 1, swarmCounts{0, 3, 0}},
		{none, 0, 0, swarmCounts{0, 3, 0}},
		{peerOf(1, 0, completed), 1, 1, swarmCounts{1, 2, 1}},
		{peerOf(1, 0, completed), 1, 1, swarmCounts{1, 2, 1}}, // once
		{peerOf(4, 0, started), 1, 1, swarmCounts{2, 2, 1}},   // a seed needs no seeds
		{impostor, 0, 0, swarmCounts{2, 2, 1}},
		{peerOf(1, 0, stopped), 0, 0, swarmCounts{1, 2, 1}},
		{peerOf(1, 0, stopped), 0, 0, swarmCounts{1, 2, 1}},
		{peerOf(4, 7, update), 1, 1, swarmCounts{0, 3, 1}}, // it deleted something
	} {
		own, far, c := s.announce(step.a, now)
		if len(own) != step.own || len(far) != step.far || c != step.want {
			t.Errorf("step %d: %v and %v, %+v; want %d and %d, %+v", i, own, far, c, step.own, step.far, step.want)
		}
	}
	s.sweep(now.Add(expiry))
	if c := s.scrape(hashA); c.complete+c.incomplete != 3 {
		t.Errorf("a sweep forgot too early: %+v", c)
	}
	s.sweep(now.Add(expiry + time.Second))
	if len(s.all) != 0 || s.peers != 0 || len(s.byNet) != 0 {
		t.Errorf("after a sweep: %d swarms, %d peers, %d addresses", len(s.all), s.peers, len(s.byNet))
	}
}

func TestBounds(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		cfg  Config
		nth  func(n int) announce
		want int
	}{
		"of a swarm": {Config{SwarmPeers: 3}, func(n int) announce { return peerOf(n, 1, started) }, 3},
		"in all":     {Config{MaxPeers: 4}, func(n int) announce { return peerOf(n, 1, started) }, 4},
		"of an address": {Config{AddressPeers: 5}, func(n int) announce {
			a := peerOf(1, 1, started)
			a.addr = netip.AddrPortFrom(a.addr.Addr(), uint16(n+1))
			return a
		}, 5},
		"of an IPv6 customer": {Config{AddressPeers: 5}, func(n int) announce {
			a := peerOf(1, 1, started)
			a.addr = netip.MustParseAddrPort(fmt.Sprintf("[2a00:0:0:1::%d]:1", n+1))
			return a
		}, 5},
		"swarms": {Config{MaxSwarms: 6}, func(n int) announce {
			a := peerOf(n, 1, started)
			a.hash[0] = byte(n)
			return a
		}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSwarms(test.cfg.withDefaults())
			for n := range 20 {
				s.announce(test.nth(n), now)
			}
			if s.peers != test.want || s.full != uint64(20-test.want) {
				t.Errorf("%d peers are kept and %d not, want %d kept of 20", s.peers, s.full, test.want)
			}
			for n := range 20 { // they can leave, and there is room again
				a := test.nth(n)
				a.event = stopped
				s.announce(a, now)
			}
			if s.peers != 0 || len(s.all) != 0 || len(s.byNet) != 0 {
				t.Errorf("%d peers and %d swarms are left", s.peers, len(s.all))
			}
		})
	}
	s := newSwarms(Config{}.withDefaults())
	for n := range 1000 {
		s.announce(peerOf(n, 1, started), now)
	}
	for want, got := range map[int]int{-1: usualWant, 0: 0, 7: 7, 1 << 30: maxWant} {
		a := peerOf(2000, 1, update)
		a.want = want
		own, _, _ := s.announce(a, now)
		seen := map[netip.AddrPort]bool{}
		for _, p := range own {
			seen[p] = true
		}
		if len(own) != got || len(seen) != got {
			t.Errorf("who wants %d gets %d, %d different; want %d", want, len(own), len(seen), got)
		}
	}
}

// get asks a tracker over HTTP.
func get(t testing.TB, at string, params url.Values) (out struct {
	Failure  string                    `bencode:"failure reason"`
	Interval int                       `bencode:"interval"`
	Complete int                       `bencode:"complete"`
	Peers    string                    `bencode:"peers"`
	Peers6   string                    `bencode:"peers6"`
	Files    map[string]map[string]int `bencode:"files"`
}) {
	t.Helper()
	answer, err := http.Get(at + "?" + params.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", answer.Status, raw, err)
	}
	if err := bencode.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return out
}

func TestHTTP(t *testing.T) {
	at := serve(t, start(t, Config{}))
	ask := func(change ...string) url.Values {
		v := url.Values{"info_hash": {string(hashA[:])}, "peer_id": {"-XX0001-123456789012"}, "port": {"6881"}, "left": {"5"}, "compact": {"1"}}
		for i := 0; i < len(change); i += 2 {
			v.Set(change[i], change[i+1])
		}
		return v
	}
	if first := get(t, at+"/announce", ask()); first.Interval != 1800 || first.Peers != "" || first.Failure != "" {
		t.Errorf("the first hears %+v", first)
	}
	second := get(t, at+"/announce", ask("port", "6882", "left", "0", "ip", "9.9.9.9"))
	if got := hex.EncodeToString([]byte(second.Peers)); got != "7f0000011ae1" || second.Complete != 1 {
		t.Errorf("the second hears of %s and %+v", got, second)
	}
	if got := get(t, at+"/scrape", url.Values{"info_hash": {string(hashA[:])}}).Files[string(hashA[:])]; got["complete"] != 1 || got["incomplete"] != 1 {
		t.Errorf("a scrape gives %v", got)
	}
	for name, v := range map[string]url.Values{
		"a short hash": ask("info_hash", "short"), "no peer": ask("peer_id", ""), "no port": ask("port", "x"),
		"a big port": ask("port", "65536"), "a long query": ask("trackerid", strings.Repeat("x", maxQuery)),
	} {
		if got := get(t, at+"/announce", v); got.Failure == "" || got.Interval != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, v := range map[string]url.Values{"no hash": {}, "a short hash": {"info_hash": {"x"}}, "many": {"info_hash": make([]string, maxScrape+1)}} {
		if got := get(t, at+"/scrape", v); got.Failure == "" {
			t.Errorf("a scrape of %s: %+v", name, got)
		}
	}
}

func TestCompact(t *testing.T) {
	got := compact([]netip.AddrPort{netip.MustParseAddrPort("1.2.3.4:258"), netip.MustParseAddrPort("[2001:db8::5]:6881")})
	if want := "010203040102" + "20010db80000000000000000000000051ae1"; hex.EncodeToString(got) != want {
		t.Errorf("got %x, want %s", got, want)
	}
}

func TestDatagrams(t *testing.T) {
	tr := start(t, Config{})
	from := netip.MustParseAddrPort("10.0.0.1:5000")
	now := time.Unix(1_700_000_040, 0)
	send := func(from netip.AddrPort, now time.Time, parts ...any) []byte {
		var b []byte
		for _, p := range parts {
			b, _ = binary.Append(b, binary.BigEndian, p)
		}
		return tr.answerDatagram(b, from, now)
	}
	connect := send(from, now, uint64(connectMagic), uint32(actConnect), uint32(77))
	if len(connect) != 16 || binary.BigEndian.Uint64(connect) != 77 {
		t.Fatalf("connecting gives %x", connect)
	}
	id := binary.BigEndian.Uint64(connect[8:])
	ann := func(id uint64, from netip.AddrPort, now time.Time, port uint16) []byte {
		return send(from, now, id, uint32(actAnnounce), uint32(78), hashA[:], ID{byte(port)}, make([]byte, 8), uint64(9), make([]byte, 8), uint32(started), uint32(0), uint32(0), int32(-1), port)
	}
	if got := hex.EncodeToString(ann(id, from, now, 1)); got != "00000001"+"0000004e"+"00000708"+"00000001"+"00000000" {
		t.Errorf("an announce gives %s", got)
	}
	if got := hex.EncodeToString(ann(id, from, now.Add(connectionAge), 2)); got != "00000001"+"0000004e"+"00000708"+"00000002"+"00000000"+"0a0000010001" {
		t.Errorf("a second announce, two minutes later, gives %s", got)
	}
	for name, got := range map[string][]byte{
		"an old connection":       ann(id, from, now.Add(2*connectionAge), 3),
		"another's address":       ann(id, netip.MustParseAddrPort("10.0.0.2:5000"), now, 3),
		"another port":            ann(id, netip.MustParseAddrPort("10.0.0.1:5001"), now, 3),
		"a connection of nobody":  ann(12345, from, now, 3),
		"the magic of connecting": ann(connectMagic, from, now, 3),
	} {
		if binary.BigEndian.Uint32(got) != actError || binary.BigEndian.Uint32(got[4:]) != 78 {
			t.Errorf("%s: %x", name, got)
		}
	}
	scrape := send(from, now, id, uint32(actScrape), uint32(79), hashA[:], hashB[:])
	if got := hex.EncodeToString(scrape); got != "00000002"+"0000004f"+"000000000000000000000002"+"000000000000000000000000" {
		t.Errorf("a scrape gives %s", got)
	}
	for name, got := range map[string][]byte{
		"nothing":           send(from, now),
		"a short header":    send(from, now, make([]byte, 15)),
		"no magic":          send(from, now, uint64(1), uint32(actConnect), uint32(1)),
		"a short announce":  send(from, now, id, uint32(actAnnounce), uint32(1), make([]byte, 81)),
		"an empty scrape":   send(from, now, id, uint32(actScrape), uint32(1)),
		"an unknown action": send(from, now, id, uint32(9), uint32(1), make([]byte, 100)),
	} {
		if got != nil {
			t.Errorf("%s is answered by %x", name, got)
		}
	}
}

func FuzzDatagram(f *testing.F) {
	f.Add(binary.BigEndian.AppendUint64(nil, connectMagic))
	f.Add(append(make([]byte, 11), append([]byte{actAnnounce}, make([]byte, 86)...)...))
	f.Add(append(make([]byte, 11), append([]byte{actScrape}, make([]byte, 64)...)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseDatagram(b)
		if err == nil && (r.announce.event > stopped || len(r.hashes) > maxScrape) {
			t.Errorf("%x is read as %+v", b, r)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&left=0&event=completed&numwant=-5")
	f.Add("info_hash=%ff%00&port=99999")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		a, err := parseQuery(query, netip.MustParseAddr("1.2.3.4"))
		if err == nil && (a.event > stopped || !a.addr.IsValid()) {
			t.Errorf("%q is read as %+v", raw, a)
		}
	})
}

func TestMetrics(t *testing.T) {
	tr := start(t, Config{SwarmPeers: 2})
	for n := range 3 {
		tr.swarms.announce(peerOf(n, 1, started), time.Now())
	}
	tr.answerDatagram(nil, netip.AddrPort{}, time.Now())
	get(t, serve(t, tr)+PathScrape, url.Values{"info_hash": {string(hashA[:])}})
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(tr)
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range all {
		for _, m := range family.Metric {
			name := strings.TrimPrefix(family.GetName(), "kith_hub_tracker_")
			for _, label := range m.Label {
				name += " " + label.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"swarms": 1, "peers": 2, "sockets": 0, "announces_total http": 0, "announces_total udp": 0, "announces_total websocket": 0,
		"scrapes_total": 1, "passed_total": 0,
		"refused_total full": 1, "refused_total malformed": 1, "refused_total unconnected": 0, "refused_total sockets": 0,
	}
	if !maps.Equal(got, want) {
		t.Errorf("it counts %v, want %v", got, want)
	}
}
