package swarm

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/anacrolix/dht/v2"
	"github.com/anacrolix/generics"
	"github.com/anacrolix/log"
	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
	"golang.org/x/time/rate"

	"kith"
)

// A PlainConfig says how ordinary torrents are fetched. They are public: with
// whom one exchanges pieces sees one's address, and what one fetches.
type PlainConfig struct {
	Dir    string // of the state
	Listen string // host and port for TCP and the DHT; empty: any port
	// What is left out of the usual ways to find peers.
	NoTrackers, NoDHT, NoPEX, NoLAN bool
	Up, Down                        int64 // limits in bytes a second; 0 means none
	Changed                         func(kith.Infohash)
	Log                             *slog.Logger

	askAfter time.Duration // of tests; otherwise leastAsk
}

// PlainOptions are those of one torrent.
type PlainOptions struct {
	Sequential bool    // from the beginning to the end, as far as peers have it
	FirstLast  bool    // the first and last piece of every file before the others
	Ratio      float64 // seeding ends when that many times the size was sent; 0: never
	// Priorities says which files are wanted, and which of them first. Records
	// of former versions hold null here, which is the zero value.
	Priorities Selection
}

// Plain is an ordinary BitTorrent client, apart from the Swarm and without any
// of its privacy. It exists only while somebody has switched it on. Webseeds
// and other addresses that a magnet link may name are not asked.
type Plain struct {
	cfg      PlainConfig
	client   *torrent.Client
	agent    string // as which trackers see us
	files    *plainHave
	dht      []*dht.Server
	up, down *rate.Limiter
	news     news
	key      int32 // by which trackers know us when our address changes
	running  context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup

	mu        sync.Mutex // guards all below; held over calls of the library, which never calls back
	items     map[kith.Infohash]*plainItem
	announces int // under way
}

// plainItem is one torrent. What is exported is kept.
type plainItem struct {
	Version uint
	Torrent []byte // a .torrent; nil while only the magnet link is known
	Magnet  string
	Dest    string
	Options PlainOptions
	Paused  bool
	Sent    int64 // bytes, in former lives

	t     *torrent.Torrent
	ready bool
	ended bool // the ratio is reached
	whole bool // all pieces were here when it was looked last
	speed speed
	peers plainPeers

	trackers []*plainTracker
}

// sequentialWindow is how many pieces come before the rest.
const sequentialWindow = 16

// OpenPlain begins with what PlainConfig.Dir holds.
func OpenPlain(cfg PlainConfig) (*Plain, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.askAfter == 0 {
		cfg.askAfter = leastAsk
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, kith.Errorf(kith.Internal, "open the folder of torrents: %w", err)
	}
	p := &Plain{cfg: cfg, up: newLimiter(cfg.Up), down: newLimiter(cfg.Down), key: rand.Int32(), items: map[kith.Infohash]*plainItem{}}
	p.running, p.stop = context.WithCancel(context.Background())
	p.news.tell = cfg.Changed
	quiet()
	c := torrent.NewDefaultClientConfig()
	if err := listenAt(c, cfg.Listen); err != nil {
		return nil, err
	}
	c.DefaultStorage = noStorage{}
	c.DisableUTP, c.NoDHT, c.DisablePEX = true, true, cfg.NoPEX // see startDHT
	c.DisableTrackers = true                                    // see plainTracker
	c.DisableWebseeds, c.DisableWebtorrent, c.NoDefaultPortForwarding = true, true, true
	if !cfg.NoLAN {
		c.LocalServiceDiscovery = &torrent.LocalServiceDiscoveryConfig{}
	}
	c.Seed, c.AnonymousMode = true, true
	c.UploadRateLimiter, c.DownloadRateLimiter = p.up, p.down
	c.DefaultStorage = noStorage{}
	c.Slogger = slog.New(slog.DiscardHandler)
	// Four seconds, as is usual, are not enough for a peer that is busy, such as
	// with hashing what it has.
	c.HandshakesTimeout = 15 * time.Second
	p.files = openPlainHave(cfg.Dir)
	var err error
	if p.client, err = torrent.NewClient(c); err != nil {
		p.files.Close()
		return nil, kith.Errorf(kith.Internal, "start the BitTorrent client: %w", err)
	}
	p.agent = c.HTTPUserAgent // which the client has set
	if !cfg.NoDHT {
		if p.dht, err = startDHT(p.client, c); err != nil {
			cfg.Log.Warn("torrents are fetched without the DHT", "error", err) // trackers may do
		}
	}
	names, _ := filepath.Glob(filepath.Join(cfg.Dir, "*.torrent-record"))
	for _, name := range names {
		var item plainItem
		raw, err := os.ReadFile(name)
		if err == nil {
			err = decodeCBOR.Unmarshal(raw, &item)
		}
		if err == nil {
			_, err = p.begin(&item)
		}
		if err != nil {
			cfg.Log.Warn("a torrent's record can't be read; it is left out", "file", name, "error", err)
		}
	}
	p.work.Go(p.run)
	return p, nil
}

// quiet keeps the library's search of the local network, which has a logger of
// its own that nothing configures, from writing to standard error.
var quiet = sync.OnceFunc(func() { log.Default.SetHandlers(log.DiscardHandler) })

// listenAt sets where the client listens. An address of one family switches the
// other one off.
func listenAt(c *torrent.ClientConfig, addr string) error {
	c.ListenPort = 0
	if addr == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		c.ListenPort, err = strconv.Atoi(port)
	}
	if err != nil || c.ListenPort < 0 || c.ListenPort > 65535 {
		return kith.Errorf(kith.Invalid, "%q is not an address to listen on: write a host and a port, such as \":6881\"", addr)
	}
	c.ListenHost = func(string) string { return host }
	if ip, err := netip.ParseAddr(host); err == nil {
		c.DisableIPv6, c.DisableIPv4 = ip.Is4(), ip.Is6()
	}
	return nil
}

// AddMagnet fetches what a magnet link (BEP 9) names, into the folder dest.
func (p *Plain) AddMagnet(uri, dest string, o PlainOptions) (kith.Infohash, error) {
	if len(uri) > kith.MaxMagnet || !strings.HasPrefix(uri, "magnet:") {
		return kith.Infohash{}, kith.Errorf(kith.Invalid, "this is not a magnet link")
	}
	return p.add(&plainItem{Version: 1, Magnet: uri, Dest: dest, Options: o})
}

// AddTorrent fetches what a .torrent file describes, into the folder dest. What
// lies there already is checked and not fetched again.
func (p *Plain) AddTorrent(raw []byte, dest string, o PlainOptions) (kith.Infohash, error) {
	if len(raw) > maxInfo {
		return kith.Infohash{}, kith.Errorf(kith.Invalid, "the torrent file is larger than %d MiB", maxInfo>>20)
	}
	return p.add(&plainItem{Version: 1, Torrent: raw, Dest: dest, Options: o})
}

func (p *Plain) add(item *plainItem) (kith.Infohash, error) {
	ih, err := p.begin(item)
	if err != nil {
		return ih, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return ih, p.saveLocked(ih)
}

func (p *Plain) begin(item *plainItem) (kith.Infohash, error) {
	spec, err := item.spec()
	if err != nil {
		return kith.Infohash{}, err
	}
	if spec.InfoHash.IsZero() {
		return kith.Infohash{}, kith.Errorf(kith.Invalid, "torrents of version 2 alone can't be fetched; look for one of version 1 or both")
	}
	ih := kith.Infohash(spec.InfoHash)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.items[ih] != nil {
		return ih, nil
	}
	spec.Webseeds, spec.Sources = nil, nil
	spec.Storage = plainStorage{storage.NewFileOpts(storage.NewFileClientOpts{
		ClientBaseDir: item.Dest, PieceCompletion: p.files, DisableMmap: true, UsePartFiles: generics.Some(true), Logger: slog.New(slog.DiscardHandler),
	}), p.files}
	if item.t, _, err = p.client.AddTorrentSpec(spec); err != nil {
		return ih, kith.Errorf(kith.Invalid, "add the torrent: %w", err)
	}
	if item.Paused {
		item.t.DisallowDataDownload()
		item.t.DisallowDataUpload()
	}
	if !p.cfg.NoTrackers {
		item.trackers = trackersOf(spec.Trackers)
	}
	p.items[ih] = item
	p.tellTrackersLocked(ih, item, time.Now(), item.t.Stats())
	p.news.add(ih)
	return ih, nil
}

func (i *plainItem) spec() (*torrent.TorrentSpec, error) {
	if i.Torrent == nil {
		spec, err := torrent.TorrentSpecFromMagnetUri(i.Magnet)
		if err != nil {
			return nil, kith.Errorf(kith.Invalid, "this is not a magnet link: %w", err)
		}
		return spec, nil
	}
	mi, err := metainfo.Load(bytes.NewReader(i.Torrent))
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "this is not a torrent file: %w", err)
	}
	spec, err := torrent.TorrentSpecFromMetaInfoErr(mi)
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "this is not a torrent file: %w", err)
	}
	return spec, nil
}

func (p *Plain) name(ih kith.Infohash) string {
	return filepath.Join(p.cfg.Dir, metainfo.Hash(ih).HexString()+".torrent-record")
}

func (p *Plain) saveLocked(ih kith.Infohash) error {
	item := *p.items[ih]
	stats := item.t.Stats()
	item.Sent += stats.BytesWrittenData.Int64()
	raw, err := encodeCBOR.Marshal(&item)
	if err == nil {
		err = writeWhole(p.name(ih), raw)
	}
	if err != nil {
		return kith.Errorf(kith.Internal, "note the state of a torrent: %w", err)
	}
	return nil
}

// run looks after what the library does not: the order of pieces and the ratio.
func (p *Plain) run() {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-p.running.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		for ih, item := range p.items {
			if p.tendLocked(ih, item) {
				p.news.add(ih)
			}
		}
		p.mu.Unlock()
	}
}

func (p *Plain) tendLocked(ih kith.Infohash, item *plainItem) (changed bool) {
	t := item.t
	stats, now := t.Stats(), time.Now()
	before := item.speed.read
	changed = item.speed.measure(now, stats.BytesReadUsefulData.Int64(), stats.BytesWrittenData.Int64())
	if item.lacks() {
		p.seekLocked(item, now, item.speed.read != before)
	}
	p.tellTrackersLocked(ih, item, now, stats)
	if t.Info() == nil {
		return changed
	}
	if !item.ready {
		item.ready = true
		if item.Torrent == nil {
			mi := t.Metainfo()
			if raw, err := bencode.Marshal(mi); err == nil {
				item.Torrent = raw
				if err := p.saveLocked(ih); err != nil {
					p.cfg.Log.Warn("a torrent was not noted", "error", err)
				}
			}
		}
		item.prioritise()
	}
	if item.Options.Sequential {
		for i, n := 0, 0; i < t.NumPieces() && n < sequentialWindow; i++ {
			if s := t.PieceState(i); !s.Complete && s.Priority != torrent.PiecePriorityNone {
				t.Piece(i).SetPriority(highest)
				n++
			}
		}
	}
	sent := item.Sent + stats.BytesWrittenData.Int64()
	if r := item.Options.Ratio; r > 0 && !item.ended && t.Complete().Bool() && float64(sent) >= r*float64(t.Length()) {
		item.ended = true
		t.DisallowDataUpload()
		changed = true
	}
	return changed
}

// prioritise applies the options once the files are known.
func (i *plainItem) prioritise() {
	// Pieces that were raised by themselves would be fetched although their
	// files are not wanted any more.
	i.t.CancelPieces(0, i.t.NumPieces())
	for _, f := range i.t.Files() {
		level := torrent.PiecePriorityNormal
		switch p := i.priority(f); {
		case p < Normal:
			level = torrent.PiecePriorityNone
		case p > Normal:
			level = highest
		}
		f.SetPriority(level)
		if i.Options.FirstLast && level != torrent.PiecePriorityNone && f.Length() > 0 {
			i.t.Piece(f.BeginPieceIndex()).SetPriority(torrent.PiecePriorityNow)
			i.t.Piece(f.EndPieceIndex() - 1).SetPriority(torrent.PiecePriorityNow)
		}
	}
}

// priority is what the options say of a file.
func (i *plainItem) priority(f *torrent.File) Priority {
	return i.Options.Priorities.of(&manifestFile{Path: f.DisplayPath(), Size: uint64(max(0, f.Length()))})
}

// Close stops everything.
func (p *Plain) Close() error {
	p.stop()
	p.work.Wait()
	var errs []error
	p.mu.Lock()
	for ih := range p.items {
		errs = append(errs, p.saveLocked(ih))
	}
	say := p.farewellLocked(slices.Collect(maps.Values(p.items))...)
	p.mu.Unlock()
	say()
	for _, s := range p.dht {
		s.Close()
	}
	errs = append(errs, p.client.Close()...)
	p.news.stop()
	return errors.Join(append(errs, p.files.Close())...)
}
