package swarm

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/anacrolix/torrent"
	"golang.org/x/time/rate"

	"kith"
	"kith/link"
)

// A Config says where a Swarm keeps its state and how it reaches members.
type Config struct {
	Dir string // of the state; made if it does not exist

	// TLS is what seal.TLSConfig gave. Without it there is no TCP, only streams.
	TLS *tls.Config
	// Listen is the TCP address to take connections on, such as ":0"; empty
	// means that none are taken.
	Listen string
	// Dial opens a stream of purpose link.Swarm over a link to a device, for
	// when TCP does not reach it. It may be nil.
	Dial func(context.Context, kith.DeviceID) (link.Stream, error)
	// Allowed says whether a device may have the pieces of a share. It must not
	// call the Swarm.
	Allowed func(kith.Peer, kith.Infohash) bool
	// Place gives a file of somebody's folder its path below the destination,
	// with "/" between segments. path was checked not to leave the folder; used
	// are the paths given so far. Without it the path stays as it is.
	Place func(path string, used func(string) bool) string
	// Changed is told which transfer's Status changed, each at most four times
	// a second, but at once when it is complete or failed. It is called from a
	// goroutine of its own, and may call the Swarm.
	Changed func(kith.Infohash)

	Up, Down int64 // limits in bytes a second; 0 means none
	Active   int   // how many transfers fetch at once; 0 means 8

	Log *slog.Logger
	Now func() time.Time

	// Of tests.
	writeHook func() error // before every write of fetched data
	stepHook  func()       // between the steps of renaming
}

// A Swarm seeds and fetches. Its methods may be called from any goroutine.
type Swarm struct {
	cfg      Config
	log      *slog.Logger
	client   *torrent.Client
	unproven *torrent.ClientConfig // the library's own; see ahead
	gate     *gate
	listener net.Listener // of TCP; nil without
	up, down *rate.Limiter
	pool     *pool
	ctx      context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup
	wake     chan struct{}
	news     news

	mu        sync.Mutex // guards all below; held for moments, never while the library is called
	closed    bool
	transfers map[kith.Infohash]*transfer
	numbers   []*transfer // by their number, which their addresses carry
	devices   []kith.DeviceID
	deviceNo  map[kith.DeviceID]uint32
	banned    map[kith.DeviceID]bool
	byLink    map[kith.DeviceID]bool // TCP with them is not to be trusted
	conns     map[*conn]struct{}
	lastOrder int64
}

// Open begins with what Config.Dir holds.
func Open(cfg Config) (*Swarm, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Active <= 0 {
		cfg.Active = 8
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, kith.Errorf(kith.Internal, "open the folder of transfers: %w", err)
	}
	s := &Swarm{
		cfg: cfg, log: cfg.Log, up: newLimiter(cfg.Up), down: newLimiter(cfg.Down), pool: newPool(),
		news: news{tell: cfg.Changed, hurry: make(chan struct{}, 1)},
		wake: make(chan struct{}, 1), transfers: map[kith.Infohash]*transfer{},
		deviceNo: map[kith.DeviceID]uint32{}, banned: map[kith.DeviceID]bool{}, byLink: map[kith.DeviceID]bool{}, conns: map[*conn]struct{}{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	records, err := s.loadRecords()
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		s.lastOrder = max(s.lastOrder, r.Order)
		if err := s.settleMove(r); err != nil {
			return nil, err
		}
		s.add(r)
	}
	if cfg.Listen != "" && cfg.TLS != nil {
		listen := net.ListenConfig{Control: unhurried} // what it accepts inherits that
		if s.listener, err = listen.Listen(s.ctx, "tcp", cfg.Listen); err != nil {
			return nil, kith.Errorf(kith.Internal, "listen for members on %s: %w", cfg.Listen, err)
		}
	}
	s.gate = newGate()
	s.unproven = s.clientConfig()
	if s.client, err = torrent.NewClient(s.unproven); err != nil {
		s.gate.Close()
		if s.listener != nil {
			s.listener.Close()
		}
		return nil, kith.Errorf(kith.Internal, "start BitTorrent: %w", err)
	}
	s.client.AddListener(s.gate)
	s.client.AddDialer(dialer{s})
	if s.listener != nil {
		s.work.Go(s.accept)
	}
	s.work.Go(s.run)
	s.nudge()
	return s, nil
}

// clientConfig takes everything from the library that touches a network.
func (s *Swarm) clientConfig() *torrent.ClientConfig {
	c := torrent.NewDefaultClientConfig()
	c.DisableTCP, c.DisableUTP = true, true
	c.NoDHT, c.DisableTrackers, c.DisablePEX = true, true, true
	c.PeriodicallyAnnounceTorrentsToDht = false
	c.DisableWebseeds, c.DisableWebtorrent = true, true
	c.NoDefaultPortForwarding = true
	c.Seed = true
	c.AlwaysWantConns = true
	c.DropDuplicatePeerIds = true
	c.AnonymousMode = true
	c.DialForPeerConns = false
	c.HeaderObfuscationPolicy = torrent.HeaderObfuscationPolicy{Preferred: false, RequirePreferred: true}
	c.HandshakesTimeout = 30 * time.Second
	c.NominalDialTimeout = 30 * time.Second
	c.MinDialTimeout = 30 * time.Second
	c.DialRateLimiter = rate.NewLimiter(rate.Inf, 1)
	c.MaxAllocPeerRequestDataPerConn = 2 << 20
	c.MaxUnverifiedBytes = usualUnproven
	c.PieceHashersPerTorrent = 4 // they also write, and wait for the disk
	c.DefaultStorage = noStorage{}
	c.Slogger = slog.New(slog.DiscardHandler)
	c.Callbacks.ReadMessage = s.limitDepth
	c.Callbacks.ReceivedUsefulData = []func(torrent.ReceivedUsefulDataEvent){s.received}
	return c
}

// Address is where TCP connections are taken, invalid if they are not.
func (s *Swarm) Address() netip.AddrPort {
	if s.listener == nil {
		return netip.AddrPort{}
	}
	return s.listener.Addr().(*net.TCPAddr).AddrPort()
}

// SetLimits changes the limits, in bytes a second; 0 means none.
func (s *Swarm) SetLimits(up, down int64) {
	setLimit(s.up, up)
	setLimit(s.down, down)
}

// Close stops everything and notes where it stood.
func (s *Swarm) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	all := s.allLocked()
	s.mu.Unlock()
	s.stop()
	if s.listener != nil {
		s.listener.Close()
	}
	s.gate.Close()
	var errs []error
	for _, t := range all {
		t.op.Lock()
		errs = append(errs, t.deactivate())
		t.op.Unlock()
	}
	s.client.Close()
	s.closeConns(func(*conn) bool { return true })
	s.work.Wait()
	s.news.stop()
	return errors.Join(errs...)
}

func (s *Swarm) allLocked() []*transfer {
	all := make([]*transfer, 0, len(s.transfers))
	for _, t := range s.transfers {
		all = append(all, t)
	}
	return all
}

// find gives a transfer, or an error of kind kith.NotFound.
func (s *Swarm) find(ih kith.Infohash) (*transfer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.transfers[ih]; t != nil && !s.closed {
		return t, nil
	}
	return nil, kith.Errorf(kith.NotFound, "there is no such transfer")
}

// add makes a transfer of a record.
func (s *Swarm) add(r *record) *transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &transfer{s: s, ih: kith.Infohash(r.Infohash), number: uint32(len(s.numbers) + 1), rec: r, members: map[kith.DeviceID]*member{}}
	s.numbers = append(s.numbers, t)
	s.transfers[t.ih] = t
	return t
}

// nudge makes run look at everything now.
func (s *Swarm) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func newLimiter(bytes int64) *rate.Limiter {
	l := rate.NewLimiter(rate.Inf, limitBurst)
	setLimit(l, bytes)
	return l
}

func setLimit(l *rate.Limiter, bytes int64) {
	if bytes <= 0 {
		l.SetLimit(rate.Inf)
	} else {
		l.SetLimit(rate.Limit(bytes))
	}
}
