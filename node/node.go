// Package node owns the lifetimes of everything that makes up a running Kith
// and connects the packages that know how: it decides nothing itself.
//
//	API ─▶ Node ─▶ convo, people (rules) ─▶ store (durable) ─▶ notices ─▶ API
//	                                          │ ▲
//	        links ─▶ sync.Talk ◀──────────────┘ │
//	          ▲          └──────────────────────┘
//	        network: session (door, QUIC, ICE), meet (LAN, pursuit, offers)
//
// A Node lives as long as the program. Beneath it stands a [run]: the open
// store, this device's keys, the directory of people, the network and the
// links. A run ends and another begins when the passphrase changes (the store
// is closed and converted), when a backup is restored in its place, or when this
// device turns out to be restored from a backup or rolled back (it goes on
// under a new device key). Everything in one run stays the same object from its
// begin to its end.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"kith"
	"kith/link"
)

// Options say how to open a node.
type Options struct {
	// Home is the folder that holds everything; it is made if missing.
	Home string
	// Passphrase is asked if the store is encrypted; nil if nobody can be
	// asked.
	Passphrase func(context.Context) (string, error)
	Log        *slog.Logger
	Version    string
	// Loopback also offers 127.0.0.1 as an address, for several nodes on a
	// machine without a network.
	Loopback bool
	// Folders is where the folder Kith with those of the conversations is made;
	// the person's home directory if empty.
	Folders string
	// DHTRouters are hosts and ports of nodes of the DHT to begin with; nil: the
	// well-known ones.
	DHTRouters []string

	// now is the wall clock, listen opens the network and launch opens a file
	// with the system's program; tests replace them. noFiles leaves out all that
	// has to do with files, for simulations of many people. post, if not nil, is
	// where letters are left.
	now     func() time.Time
	listen  listenFunc
	launch  func(path string) error
	noFiles bool
	post    func(*run) post
}

// A Node is one running Kith. Its methods may be called from any goroutine.
type Node struct {
	opt     Options
	lock    *flock.Flock
	notices *notices
	stop    context.CancelFunc // ends the watch over runs
	stopped sync.WaitGroup

	// mu is held for reading while run is used, and for writing while one run
	// is replaced by another.
	mu  sync.RWMutex
	run *run // nil after Close
	key *[32]byte
}

// Open takes the home, opens the store and starts looking for contacts. An
// error of kind kith.Conflict means that another node runs on this home.
func Open(ctx context.Context, opt Options) (*Node, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if opt.now == nil {
		opt.now = time.Now
	}
	if opt.listen == nil {
		opt.listen = listenSession
	}
	if opt.launch == nil {
		opt.launch = launch
	}
	if opt.Folders == "" && !opt.noFiles {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, kith.Errorf(kith.Invalid, "this system does not tell where your home directory is; say with KITH_FOLDERS where shared files shall lie: %w", err)
		}
		opt.Folders = home
	}
	lock, err := takeHome(opt.Home)
	if err != nil {
		return nil, err
	}
	key, err := unlock(ctx, opt)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	n := &Node{opt: opt, lock: lock, notices: newNotices(), stop: stop, key: key}
	n.run, err = openRun(ctx, &n.opt, key, n.notices)
	if err != nil {
		stop()
		return nil, errors.Join(err, lock.Unlock())
	}
	n.stopped.Go(func() { n.watch(watching) })
	return n, nil
}

// watch begins a new run when the present one says that it can't go on.
func (n *Node) watch(ctx context.Context) {
	for {
		n.mu.RLock()
		run := n.run
		n.mu.RUnlock()
		if run == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-run.ended:
			if err := n.replace(ctx, run, nil); err != nil {
				n.opt.Log.Error("could not go on after a renewal of this device", "error", err)
				return
			}
		}
	}
}

// replace ends old, does what has to be done while no store is open, and
// begins a new run. If another run has taken over meanwhile it does nothing.
func (n *Node) replace(ctx context.Context, old *run, between func() error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run != old || old == nil {
		return nil
	}
	old.close(link.Goodbye)
	var failed error
	if between != nil {
		failed = between()
	}
	// Whoever asked for this may have gone. The node goes on all the same.
	next, err := openRun(context.WithoutCancel(ctx), &n.opt, n.key, n.notices)
	if err != nil {
		n.run = nil
		return errors.Join(failed, fmt.Errorf("opening the store again: %w", err))
	}
	n.run = next
	return failed
}

// enter gives the present run and holds it until leave is called.
func (n *Node) enter() (r *run, leave func(), err error) {
	n.mu.RLock()
	if n.run == nil {
		n.mu.RUnlock()
		return nil, nil, kith.Errorf(kith.Conflict, "this Kith is ending")
	}
	return n.run, n.mu.RUnlock, nil
}

// Close says goodbye to everybody and closes the store. It takes at most about
// a second.
func (n *Node) Close() error {
	n.stop()
	n.mu.Lock()
	run := n.run
	n.run = nil
	n.mu.Unlock()
	if run == nil {
		return nil
	}
	n.stopped.Wait()
	n.notices.close()
	return errors.Join(run.close(link.Goodbye), n.lock.Unlock())
}

// Home is the folder that holds everything of this node.
func (n *Node) Home() string { return n.opt.Home }
