// Package hub is the helper server that anybody can run: what it offers is told
// in package hubapi. It holds no key of anybody's and imports no code that
// could use one: it sees opaque tags, hashes and ciphertext. That it can't
// import more is a test (internal/house), not a promise.
//
//	        ┌ POST /v1/box ──────────────▶ mailbox.Store ── disk
//	server ─┤ GET  /v1/bundle ◀──────────┘      │ Watch
//	        └ GET  /v1/socket ─ device ─────────┤
//	                             │  ▲           ▼
//	                       frames│  └────── outbound: frames, then mail
//	                             ▼
//	                     exchange.Exchange: who listens under which tag
//
// # Parts
//
// The meeting point and the mailbox are here, and in packages of their own
// behind interfaces, so that several processes can stand side by side. Every
// other part implements [part].
//
// # A device
//
// A connected device costs one small goroutine, which reads. A second one lives
// only while there is something to write. There is no timer for each: one
// sweep ends who was silent for three minutes. What waits to be written is
// bounded in bytes; who does not read is cut off, and nobody waits for them.
//
// # Files
//
// One folder holds everything: hub.toml (the configuration, see Config),
// mailbox.db, seedbox/, moderation.json, acme/, lock, and admin.sock, by which commands
// reach the running hub.
package hub

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"kith"
	"kith/hub/exchange"
	"kith/hub/mailbox"
	"kith/hub/moderation"
	"kith/hubapi"
)

// The names of files in a hub's folder.
const (
	lockFile       = "lock"
	mailboxFile    = "mailbox.db"
	moderationFile = "moderation.json"
)

// drainLimit is how long the end of a hub may take, and some for the disk.
const drainLimit = 8 * time.Second

// A Hub is a running hub.
type Hub struct {
	cfg     *Config
	dir     string
	log     *slog.Logger
	version string
	url     string   // as hubapi.ParseURL gives it
	hosts   []string // what devices may call it in signatures
	notices ed25519.PrivateKey

	lock     *flock.Flock
	store    mailbox.Store // nil: no mailbox
	exchange exchange.Exchange
	rules    moderation.Log
	devices  *registry
	limits   *addresses
	metrics  *metrics
	parts    []part
	relay    relayer // nil: none
	keeper   keeper  // nil: none

	main, side, admin *http.Server // side: nil if there are no metrics
	serving           sync.WaitGroup
	stopping          atomic.Bool
	running           context.Context // until devices are let go
	stop              context.CancelFunc
	failed            chan error // of a server
}

// Options of a hub beside its configuration.
type Options struct {
	Log     *slog.Logger // nil: none
	Version string
}

func (o *Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}

// Start starts the hub of a folder. It serves when Start returns.
//
// The error is kith.Invalid if the configuration can't work, kith.Conflict if
// another hub runs in this folder.
func Start(ctx context.Context, dir string, cfg *Config, o Options) (_ *Hub, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(cfg.NoticeKey)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, kith.Errorf(kith.Invalid, "notice_key is not the 64 hexadecimal digits that kith hub init writes")
	}
	h := &Hub{
		cfg: cfg, dir: dir, log: o.log(), version: o.Version,
		notices: ed25519.NewKeyFromSeed(seed),
		devices: newRegistry(),
		limits:  newAddresses(&cfg.Limits),
		failed:  make(chan error, 4),
	}
	h.running, h.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	h.lock = flock.New(filepath.Join(dir, lockFile))
	if ok, err := h.lock.TryLock(); err != nil {
		return nil, kith.Errorf(kith.Invalid, "the folder %s can't be used: %w", dir, err)
	} else if !ok {
		h.lock = nil
		return nil, kith.Errorf(kith.Conflict, "another hub runs in %s", dir)
	}
	if err := h.open(ctx); err != nil {
		return nil, err
	}
	return h, h.serve(ctx)
}

// open opens what the hub keeps and makes its parts.
func (h *Hub) open(ctx context.Context) (err error) {
	if h.rules, err = h.openRules(ctx); err != nil {
		return err
	}
	h.rules.Watch(h)
	if h.cfg.Meet.On {
		if h.exchange, err = h.openExchange(); err != nil {
			return err
		}
	}
	if h.cfg.Mailbox.On {
		if h.store, err = h.openStore(ctx); err != nil {
			return err
		}
	}
	h.metrics = newMetrics(h)
	h.parts = newParts(h.cfg)
	return nil
}

// URL is where devices reach the hub.
func (h *Hub) URL() string { return h.url }

// NoticeKey is the key with which the hub signs its notices.
func (h *Hub) NoticeKey() hubapi.Key { return hubapi.KeyOf(h.notices) }

// info is what the hub says of itself.
func (h *Hub) info() hubapi.Info {
	key := h.NoticeKey()
	info := hubapi.Info{Name: h.cfg.Title, Version: h.version, Parts: h.partNames(), Notices: hex.EncodeToString(key[:])}
	if info.Name == "" {
		info.Name = hubapi.Host(h.url)
	}
	if h.cfg.Mailbox.On {
		info.KeepDays = int(h.cfg.Mailbox.Keep.Duration() / (24 * time.Hour))
	}
	return info
}

func (h *Hub) partNames() []string {
	var names []string
	if h.cfg.Meet.On {
		names = append(names, hubapi.PartMeet)
	}
	if h.cfg.Mailbox.On {
		names = append(names, hubapi.PartMailbox)
	}
	for _, p := range h.parts {
		names = append(names, p.Name())
	}
	slices.Sort(names)
	return names
}

// isHost reports whether devices may call the hub so. A hub that took any name
// could be shown what was signed for another.
func (h *Hub) isHost(name string) bool { return slices.Contains(h.hosts, strings.ToLower(name)) }

// Failed tells when the hub can't go on: a server of its ended.
func (h *Hub) Failed() <-chan error { return h.failed }

// Close ends the hub within 10 seconds: it takes nobody new, finishes what is
// being left, and tells devices that it restarts.
func (h *Hub) Close() error {
	h.stopping.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	var err error
	var servers sync.WaitGroup
	for _, s := range []*http.Server{h.main, h.side, h.admin} {
		if s != nil {
			servers.Go(func() {
				if s.Shutdown(ctx) != nil {
					s.Close()
				}
			})
		}
	}
	h.devices.drain(ctx)
	servers.Wait()
	h.stop()
	for _, p := range h.parts {
		err = errors.Join(err, p.Close())
	}
	h.serving.Wait()
	err = errors.Join(err, h.closeExchange())
	if h.store != nil {
		err = errors.Join(err, h.store.Close())
	}
	if h.rules != nil {
		err = errors.Join(err, h.rules.Close())
	}
	if h.lock != nil {
		err = errors.Join(err, h.lock.Unlock())
	}
	return err
}

// Run runs the hub of a folder, as its configuration says, until ctx ends.
// ready is called with its URL when it serves.
func Run(ctx context.Context, dir string, o Options, ready func(url string) error) (err error) {
	cfg, err := Load(dir)
	if err != nil {
		return err
	}
	h, err := Start(ctx, dir, cfg, o)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, h.Close())
		o.log().Info("the hub has ended")
	}()
	if err := ready(h.URL()); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-h.Failed():
		return err
	}
}

// tcpPort is the port of a listener.
func tcpPort(l net.Listener) int {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// exists reports whether there is something at a path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
