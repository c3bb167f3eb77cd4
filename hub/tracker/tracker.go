package tracker

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kith"
	"kith/hub/customer"
)

// A Tracker is a running tracker. It is the http.Handler of
// hubapi.PathTracker; Scrape is that of PathScrape.
type Tracker struct {
	cfg    Config
	swarms *swarms
	secret [32]byte // of connections over UDP

	announces                       [3]atomic.Uint64 // by way
	scrapes, passed                 atomic.Uint64
	malformed, unconnected, refused atomic.Uint64

	udp     []*net.UDPConn
	workers sync.WaitGroup
	done    chan struct{}
	end     sync.Once

	mu      sync.Mutex // guards all below
	closed  bool
	sockets map[*socket]bool
	all     int
	byNet   map[netip.Prefix]int
}

// The ways in which peers announce.
const (
	overHTTP = iota
	overUDP
	overWeb
)

// Start makes a tracker and serves UDP. A nil log is none.
func Start(cfg Config, log *slog.Logger) (*Tracker, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	cfg = cfg.withDefaults()
	t := &Tracker{cfg: cfg, swarms: newSwarms(cfg), done: make(chan struct{}), sockets: map[*socket]bool{}, byNet: map[netip.Prefix]int{}}
	rand.Read(t.secret[:])
	if cfg.UDP != "" {
		if err := t.listen(log); err != nil {
			t.Close()
			return nil, err
		}
	}
	for _, sock := range t.udp {
		t.workers.Go(func() { t.serveDatagrams(sock) })
	}
	t.workers.Go(t.sweep)
	return t, nil
}

// listen opens a socket for each family.
func (t *Tracker) listen(log *slog.Logger) error {
	fail := func(err error) error {
		return kith.Errorf(kith.Unreachable, "the tracker can't listen at %s: %w. Is another tracker running, or does the address belong to another machine?", t.cfg.UDP, err)
	}
	at, err := net.ResolveUDPAddr("udp", t.cfg.UDP)
	if err != nil {
		return fail(err)
	}
	networks := []string{"udp4", "udp6"}
	if at.IP.To4() != nil {
		networks = networks[:1]
	} else if at.IP != nil {
		networks = networks[1:]
	}
	for _, network := range networks {
		sock, err := net.ListenUDP(network, at)
		if err != nil && len(t.udp) > 0 {
			log.Info("the tracker does without IPv6", "error", err)
			continue
		}
		if err != nil {
			return fail(err)
		}
		t.udp = append(t.udp, sock)
		at.Port = sock.LocalAddr().(*net.UDPAddr).Port
	}
	return nil
}

// UDPPort is the port of BEP 15; 0: there is none.
func (t *Tracker) UDPPort() int {
	if len(t.udp) == 0 {
		return 0
	}
	return t.udp[0].LocalAddr().(*net.UDPAddr).Port
}

func (t *Tracker) sweep() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-t.done:
			return
		case now := <-tick.C:
			t.swarms.sweep(now)
		}
	}
}

// Close ends it and every WebSocket.
func (t *Tracker) Close() error {
	t.end.Do(func() { close(t.done) })
	var errs []error
	for _, sock := range t.udp {
		if err := sock.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	t.mu.Lock()
	t.closed = true
	for k := range t.sockets {
		k.close()
	}
	t.mu.Unlock()
	t.workers.Wait()
	return errors.Join(errs...)
}

// admit counts a WebSocket, or refuses it.
func (t *Tracker) admit(from netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	where := customer.Of(from)
	if t.closed || t.all >= t.cfg.MaxSockets || t.byNet[where] >= t.cfg.AddressSockets {
		return false
	}
	t.all++
	t.byNet[where]++
	return true
}

func (t *Tracker) dismiss(from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all--
	where := customer.Of(from)
	if t.byNet[where]--; t.byNet[where] <= 0 {
		delete(t.byNet, where)
	}
}

// hold lets Close end a WebSocket, unless it came too late.
func (t *Tracker) hold(k *socket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.sockets[k] = true
	return true
}

// letGo forgets a WebSocket and takes it out of its swarms.
func (t *Tracker) letGo(k *socket) {
	t.mu.Lock()
	delete(t.sockets, k)
	t.mu.Unlock()
	t.swarms.mu.Lock()
	defer t.swarms.mu.Unlock()
	for h, id := range k.joins {
		t.swarms.leaveWeb(k, h, id)
	}
}

var (
	swarmsNow     = prometheus.NewDesc("kith_hub_tracker_swarms", "Swarms known now.", nil, nil)
	peersNow      = prometheus.NewDesc("kith_hub_tracker_peers", "Peers known now, in all swarms.", nil, nil)
	socketsNow    = prometheus.NewDesc("kith_hub_tracker_sockets", "WebSockets now.", nil, nil)
	announcesAll  = prometheus.NewDesc("kith_hub_tracker_announces_total", "Announces answered, by way.", []string{"way"}, nil)
	scrapesAll    = prometheus.NewDesc("kith_hub_tracker_scrapes_total", "Scrapes answered.", nil, nil)
	passedAll     = prometheus.NewDesc("kith_hub_tracker_passed_total", "Offers and answers passed on.", nil, nil)
	notCountedAll = prometheus.NewDesc("kith_hub_tracker_refused_total", "What was not served, by reason.", []string{"reason"}, nil)
)

// Describe tells Prometheus what is counted.
func (t *Tracker) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{swarmsNow, peersNow, socketsNow, announcesAll, scrapesAll, passedAll, notCountedAll} {
		to <- d
	}
}

// Collect tells Prometheus the counts.
func (t *Tracker) Collect(to chan<- prometheus.Metric) {
	t.swarms.mu.Lock()
	swarms, peers, full := len(t.swarms.all), t.swarms.peers, t.swarms.full
	t.swarms.mu.Unlock()
	t.mu.Lock()
	sockets := t.all
	t.mu.Unlock()
	gauge := func(d *prometheus.Desc, n int) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge(swarmsNow, swarms)
	gauge(peersNow, peers)
	gauge(socketsNow, sockets)
	for way, name := range [...]string{overHTTP: "http", overUDP: "udp", overWeb: "websocket"} {
		counter(announcesAll, t.announces[way].Load(), name)
	}
	counter(scrapesAll, t.scrapes.Load())
	counter(passedAll, t.passed.Load())
	counter(notCountedAll, full, "full")
	counter(notCountedAll, t.malformed.Load(), "malformed")
	counter(notCountedAll, t.unconnected.Load(), "unconnected")
	counter(notCountedAll, t.refused.Load(), "sockets")
}
