package hub

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/hub/seedbox"
	"kith/hubapi"
)

const seedPiece = 64 << 10

// withSeedbox switches the seedbox on.
func withSeedbox(c *Config) { c.Seedbox.On, c.Seedbox.Secret = true, "the seedbox's secret" }

// tokenAt is a token for a seedbox of withSeedbox.
func tokenAt(device byte, until time.Time) string {
	return seedbox.Token("the seedbox's secret", hubapi.KeyOf(keyNumber(device)), until)
}

// token is one that is good.
func token(device byte) string { return tokenAt(device, time.Now().Add(time.Hour)) }

// A seed is a file as a device has it.
type seed struct {
	hash       hubapi.InfoHash
	info, data []byte
}

func newSeed(number byte, size int) *seed {
	s := &seed{data: make([]byte, size)}
	rand.NewChaCha8([32]byte{number}).Read(s.data)
	var hashes []byte
	for piece := range slices.Chunk(s.data, seedPiece) {
		sum := sha256.Sum256(piece)
		hashes = append(hashes, sum[:20]...)
	}
	s.info = fmt.Appendf(nil, "d6:lengthi%de4:name1:012:piece lengthi%de6:pieces%d:%s7:privatei1e6:source6:kith 1e", size, seedPiece, len(hashes), hashes)
	s.hash = sha1.Sum(s.info)
	return s
}

func (s *seed) pieces() [][]byte { return slices.Collect(slices.Chunk(s.data, seedPiece)) }

// A file goes to the hub and comes back, by the client of package hubapi, with
// the token that the hub sent.
func TestSeedbox(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), withSeedbox, func(c *Config) { c.Seedbox.BytesPerDevice = 10 << 20 })
	heard := &spaces{got: make(chan hubapi.Space, 10)}
	c := hubapi.New(hubapi.Options{URL: h.URL(), Key: keyNumber(1), Events: heard})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	space := <-heard.got
	if space.Quota != 10<<20 || space.Used != 0 || space.Token == "" || c.Space().Token != space.Token {
		t.Fatalf("the hub says %+v, the client %+v", space, c.Space())
	}
	if left := time.Until(hubapi.Time(space.Until)); left < 11*time.Hour || left > hubapi.SeedToken {
		t.Errorf("the token is good for %v", left)
	}
	if !slices.Contains(c.State().Parts, hubapi.PartSeedbox) {
		t.Errorf("the parts are %v", c.State().Parts)
	}

	h.tellSpaces()
	if later := <-heard.got; later.Until < space.Until {
		t.Errorf("after %+v the hub says %+v", space, later)
	}

	client, f := http.DefaultClient, newSeed(1, 4<<20+77)
	if _, err := hubapi.KeptState(t.Context(), client, h.URL(), f.hash); kith.KindOf(err) != kith.NotFound {
		t.Errorf("before it is kept: %v", err)
	}
	kept, err := hubapi.Keep(t.Context(), client, h.URL(), space.Token, f.hash, f.info)
	if err != nil || kept.Size != int64(len(f.data)) || kept.Pieces != 65 || kept.Has(0) {
		t.Fatalf("%+v, %v", kept, err)
	}
	if days := time.Until(hubapi.Time(kept.Until)).Hours() / 24; days < 89.9 || days > 90 {
		t.Errorf("it is kept for %v days", days)
	}
	if space = <-heard.got; space.Used < 4<<20 || space.Used > 5<<20 {
		t.Errorf("then the hub says %+v", space)
	}
	for n, piece := range f.pieces() {
		if err := hubapi.KeepPiece(t.Context(), client, h.URL(), space.Token, f.hash, n, piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := hubapi.KeepPiece(t.Context(), client, h.URL(), space.Token, f.hash, 3, f.pieces()[3]); err != nil {
		t.Errorf("a piece that is there: %v", err)
	}
	if kept, err = hubapi.KeptState(t.Context(), client, h.URL(), f.hash); err != nil || !kept.Has(0) || !kept.Has(64) {
		t.Errorf("%+v, %v", kept, err)
	}
	if info, err := hubapi.FetchKeptInfo(t.Context(), client, h.URL(), f.hash); err != nil || !bytes.Equal(info, f.info) {
		t.Errorf("the info dictionary is %q, %v", info, err)
	}
	got := make([]byte, len(f.data))
	for at := 0; at < len(got); at += 1 << 20 {
		if err := hubapi.FetchKept(t.Context(), client, h.URL(), f.hash, int64(at), got[at:min(at+1<<20, len(got))]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, f.data) {
		t.Error("it came back as something else")
	}
	list, err := NewAdmin(h.dir).Devices(t.Context())
	if err != nil || len(list) != 1 || list[0].Keeps != int64(space.Used) {
		t.Errorf("the devices are %+v, %v", list, err)
	}
	big := newSeed(2, 7<<20)
	_, err = hubapi.Keep(t.Context(), client, h.URL(), space.Token, big.hash, big.info)
	if kith.KindOf(err) != kith.Full || !strings.Contains(err.Error(), "the hub has room for 10 MB of a device, and 4.2 MB are used") {
		t.Errorf("beyond its quota: %v", err)
	}
	if err := hubapi.Release(t.Context(), client, h.URL(), space.Token, f.hash); err != nil {
		t.Fatal(err)
	}
	if space = <-heard.got; space.Used != 0 {
		t.Errorf("after that the hub says %+v", space)
	}
	if err := hubapi.FetchKept(t.Context(), client, h.URL(), f.hash, 0, got[:1]); kith.KindOf(err) != kith.NotFound {
		t.Errorf("after it was let go: %v", err)
	}
}

type spaces struct {
	ignore
	got chan hubapi.Space
}

func (s *spaces) Space(got hubapi.Space) { s.got <- got }

// What others send is refused, with a reason, and the hub goes on.
func TestHostileSeeds(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), withSeedbox, func(c *Config) { c.Metrics = freeAddress(t) })
	f, other := newSeed(1, 2*seedPiece+1), newSeed(2, 10)
	at := h.URL() + hubapi.PathSeed + f.hash.String()
	bearer := "Bearer " + token(1)
	must := func(status int, method, url, auth, body string, header ...string) {
		t.Helper()
		req, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", auth)
		if len(header) == 2 {
			req.Header.Set(header[0], header[1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status {
			t.Errorf("%s %s %v: %s %s, %v; want %d", method, strings.TrimPrefix(url, h.URL()), header, resp.Status, answer, err, status)
		}
		if status >= 400 && status != http.StatusMethodNotAllowed && !bytes.Contains(answer, []byte(`"detail":"`)) {
			t.Errorf("%s gives no reason: %s", url, answer)
		}
	}
	// Who may.
	for _, auth := range []string{"", "Bearer ", "Bearer x", token(1), "Basic " + token(1), "Bearer " + tokenAt(1, time.Now().Add(-time.Second)), bearer + "A"} {
		must(403, http.MethodPut, at, auth, string(f.info))
		must(403, http.MethodPut, at+"/0", auth, string(f.pieces()[0]))
		must(403, http.MethodDelete, at, auth, "")
	}
	// What for.
	must(400, http.MethodPut, at, bearer, string(other.info))
	must(400, http.MethodPut, at, bearer, "")
	must(400, http.MethodPut, at, bearer, strings.Repeat("x", hubapi.MaxSeedInfo+1))
	nested := strings.Repeat("l", hubapi.MaxSeedInfo)
	must(400, http.MethodPut, h.URL()+hubapi.PathSeed+hubapi.InfoHash(sha1.Sum([]byte(nested))).String(), bearer, nested)
	must(404, http.MethodPut, at+"/0", bearer, string(f.pieces()[0]))
	must(200, http.MethodPut, at, bearer, string(f.info))
	must(404, http.MethodPut, at+"/0", "Bearer "+token(2), string(f.pieces()[0]))
	// The file.
	for _, name := range []string{"%2e%2e%2f%2e%2e%2fhub.toml", "..%5c..%5chub.toml", strings.ToUpper(f.hash.String()), f.hash.String() + "0",
		f.hash.String()[1:], "new", "index", strings.Repeat("g", 40), strings.Repeat("%00", 40)} {
		must(404, http.MethodGet, h.URL()+hubapi.PathSeed+name, "", "")
		must(404, http.MethodGet, h.URL()+hubapi.PathSeed+name+"/data", "", "", "Range", "bytes=0-0")
		must(404, http.MethodGet, h.URL()+hubapi.PathSeed+name+"/info", "", "")
		must(404, http.MethodPut, h.URL()+hubapi.PathSeed+name, bearer, string(f.info))
		must(404, http.MethodPut, h.URL()+hubapi.PathSeed+name+"/0", bearer, "x")
		must(404, http.MethodDelete, h.URL()+hubapi.PathSeed+name, bearer, "")
	}
	// The piece.
	for _, piece := range []string{"3", "2147483647", "4294967296", "99999999999999999999", "-1", "+0", "0x0", "%20", "info", "%2e%2e"} {
		must(400, http.MethodPut, at+"/"+piece, bearer, string(f.pieces()[0]))
	}
	must(400, http.MethodPut, at+"/1", bearer, string(f.pieces()[0]))
	must(400, http.MethodPut, at+"/0", bearer, string(f.data))
	must(400, http.MethodPut, at+"/0", bearer, "")
	must(204, http.MethodPut, at+"/0", bearer, string(f.pieces()[0]))
	must(405, http.MethodGet, at+"/0", "", "")
	must(405, http.MethodPost, at, bearer, "")
	// The part.
	for _, span := range []string{"", "bytes=", "bytes=0-", "bytes=-1", "bytes=1-0", "bytes=0-1,3-4", "bytes=0 - 1", "items=0-1", "bytes=+0-1", "bytes=0-9223372036854775807", "bytes=0-99999999999999999999"} {
		must(400, http.MethodGet, at+"/data", "", "", "Range", span)
	}
	for _, span := range []string{"bytes=65536-65536", "bytes=65535-65536", "bytes=131073-131073", "bytes=9007199254740991-9007199254740992"} {
		must(404, http.MethodGet, at+"/data", "", "", "Range", span)
	}
	must(206, http.MethodGet, at+"/data", "", "", "Range", "bytes=65535-65535")

	if _, err := NewAdmin(h.dir).Block(t.Context(), hubapi.KeyOf(keyNumber(1)).String(), time.Hour); err != nil {
		t.Fatal(err)
	}
	must(403, http.MethodPut, at+"/1", bearer, string(f.pieces()[1]))
	must(206, http.MethodGet, at+"/data", "", "", "Range", "bytes=0-65535")
	_, _, metrics := request(t, http.MethodGet, "http://"+h.cfg.Metrics+hubapi.PathMetrics, "", "")
	for _, line := range []string{"kith_hub_seedbox_files 1\n", "kith_hub_seedbox_served_bytes_total 65537\n", "kith_hub_seedbox_stored_bytes_total 65536\n",
		"kith_hub_seedbox_freed_total 0\n", `kith_hub_seedbox_refused_total{why="forbidden"}`, `kith_hub_seedbox_refused_total{why="invalid"}`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics have no %q", line)
		}
	}
}

// Who asks in vain again and again is not listened to for a while; who carries
// pieces is.
func TestSeedRequestsOfAnAddress(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), withSeedbox, func(c *Config) { c.Limits.RequestsPerMinute = 10 })
	f := newSeed(1, 30*seedPiece)
	if _, err := hubapi.Keep(t.Context(), http.DefaultClient, h.URL(), token(1), f.hash, f.info); err != nil {
		t.Fatal(err)
	}
	for n, piece := range f.pieces() {
		if err := hubapi.KeepPiece(t.Context(), http.DefaultClient, h.URL(), token(1), f.hash, n, piece); err != nil {
			t.Fatal(err)
		}
		if err := hubapi.FetchKept(t.Context(), http.DefaultClient, h.URL(), f.hash, int64(n)*seedPiece, piece); err != nil {
			t.Fatal(err)
		}
	}
	vain := h.URL() + hubapi.PathSeed + newSeed(2, 1).hash.String() + "/data"
	codes := map[int]int{}
	for range 20 {
		status, _, _ := request(t, http.MethodGet, vain, "", "")
		codes[status]++
	}
	if codes[http.StatusBadRequest] > 9 || codes[http.StatusTooManyRequests] < 11 {
		t.Errorf("the answers are %v", codes)
	}
}

// An address is sent no more than it may be.
func TestSeedsGoAtTheirPace(t *testing.T) {
	const rate = 1 << 20
	h, _ := startHub(t, t.TempDir(), withSeedbox, func(c *Config) { c.Seedbox.RatePerAddress = rate })
	f := newSeed(1, 2*rate)
	if _, err := hubapi.Keep(t.Context(), http.DefaultClient, h.URL(), token(1), f.hash, f.info); err != nil {
		t.Fatal(err)
	}
	for n, piece := range f.pieces() {
		if err := hubapi.KeepPiece(t.Context(), http.DefaultClient, h.URL(), token(1), f.hash, n, piece); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	var all sync.WaitGroup
	for half := range 2 { // two connections are no faster than one
		all.Go(func() {
			got := make([]byte, rate)
			if err := hubapi.FetchKept(t.Context(), http.DefaultClient, h.URL(), f.hash, int64(half)*rate, got); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	// The first second's worth goes at once.
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("%d bytes took %v", 2*rate, took)
	}
}

// A body that comes to a halt does not hold the hub up, and one that was not
// asked for is not waited for.
func TestSlowBodies(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), withSeedbox)
	f := newSeed(1, 20*seedPiece)
	if _, err := hubapi.Keep(t.Context(), http.DefaultClient, h.URL(), token(1), f.hash, f.info); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(h.URL(), "http://")
	var halted []net.Conn
	for n := range 8 { // as many as one device may bring
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "PUT %s%s/%d HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", hubapi.PathSeed, f.hash, n, host, token(1), seedPiece)
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
			t.Fatalf("%q, %v", line, err)
		}
		fmt.Fprint(c, "a beginning")
		halted = append(halted, c)
	}
	err := hubapi.KeepPiece(t.Context(), http.DefaultClient, h.URL(), token(1), f.hash, 9, f.pieces()[9])
	if kith.KindOf(err) != kith.Unreachable || !strings.Contains(err.Error(), "brings 8 pieces already") {
		t.Errorf("a ninth: %v", err)
	}
	if _, err := hubapi.Keep(t.Context(), http.DefaultClient, h.URL(), token(2), f.hash, f.info); err != nil {
		t.Fatal(err)
	}
	if err := hubapi.KeepPiece(t.Context(), http.DefaultClient, h.URL(), token(2), f.hash, 9, f.pieces()[9]); err != nil {
		t.Errorf("another device: %v", err)
	}
	for _, c := range halted {
		c.Close()
	}
	eventually(t, "the device is heard again", func() bool {
		return hubapi.KeepPiece(t.Context(), http.DefaultClient, h.URL(), token(1), f.hash, 10, f.pieces()[10]) == nil
	})
}

// What comes steadily may take its time, what halts is ended.
func TestSteadyReader(t *testing.T) {
	deadlines := &deadlines{ResponseWriter: nil}
	s := &steadyReader{r: io.LimitReader(zeros{}, 3*stepBytes), control: http.NewResponseController(deadlines)}
	if n, err := io.Copy(io.Discard, s); n != 3*stepBytes || err != nil {
		t.Fatal(n, err)
	}
	if deadlines.set != 4 { // the last for the end
		t.Errorf("the time was extended %d times", deadlines.set)
	}
	small := &steadyReader{r: io.LimitReader(zeros{}, stepBytes-1), control: http.NewResponseController(deadlines)}
	one := make([]byte, 1)
	deadlines.set = 0
	for range stepBytes - 1 {
		if _, err := small.Read(one); err != nil {
			t.Fatal(err)
		}
	}
	if deadlines.set != 1 {
		t.Errorf("byte by byte the time was extended %d times", deadlines.set)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type deadlines struct {
	http.ResponseWriter
	set int
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set++
	if left := time.Until(at); left < stepLimit-time.Minute || left > stepLimit {
		return errors.New("the deadline is another one")
	}
	return nil
}

// Pieces that were answered are there after a kill, and right.
func TestKilledWhileKeeping(t *testing.T) {
	t.Setenv(seedboxEnv, "on")
	dir := t.TempDir()
	seeds := []*seed{newSeed(1, 200*seedPiece), newSeed(2, 200*seedPiece+5)}
	answered := map[string]bool{}
	for round := range 4 {
		p := startProcess(t, dir)
		for name := range keepUntilKilled(t, p, seeds, round) {
			answered[name] = true
		}
		p.cmd.Wait()
	}
	if len(answered) < 60 {
		t.Fatalf("only %d pieces were answered", len(answered))
	}
	h, _ := startHub(t, dir, withSeedbox)
	found := 0
	for number, f := range seeds {
		kept, err := hubapi.KeptState(t.Context(), http.DefaultClient, h.URL(), f.hash)
		if err != nil {
			t.Fatal(err)
		}
		for n, piece := range f.pieces() {
			if kept.Has(n) {
				found++
				got := make([]byte, len(piece))
				if err := hubapi.FetchKept(t.Context(), http.DefaultClient, h.URL(), f.hash, int64(n)*seedPiece, got); err != nil || !bytes.Equal(got, piece) {
					t.Errorf("the piece %d of %d is something else, %v", n, number, err)
				}
			} else if answered[fmt.Sprint(number, " ", n)] {
				t.Errorf("the piece %d of %d was answered, and is not there", n, number)
			}
		}
	}
	t.Logf("%d answered, %d found", len(answered), found)
}

// keepUntilKilled keeps pieces of each file with three devices, ends the hub on
// the way, and gives what was answered.
func keepUntilKilled(t *testing.T, p *process, seeds []*seed, round int) map[string]bool {
	t.Helper()
	var mu sync.Mutex
	answered := map[string]bool{}
	var all sync.WaitGroup
	for number, f := range seeds {
		for device := range byte(3) {
			all.Go(func() {
				client := &http.Client{Transport: &http.Transport{}}
				if _, err := hubapi.Keep(t.Context(), client, p.url, token(device), f.hash, f.info); err != nil {
					return // killed
				}
				order := rand.New(rand.NewPCG(uint64(round), uint64(device))).Perm(len(f.pieces()))
				for _, n := range order {
					err := hubapi.KeepPiece(t.Context(), client, p.url, token(device), f.hash, n, f.pieces()[n])
					if kith.KindOf(err) == kith.Unreachable {
						return // killed
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					answered[fmt.Sprint(number, " ", n)] = true
					if len(answered) == 20+11*round {
						p.cmd.Process.Kill()
					}
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	return answered
}
