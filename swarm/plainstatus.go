package swarm

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anacrolix/torrent"

	"kith"
)

func (p *Plain) find(ih kith.Infohash) (*plainItem, error) {
	if item := p.items[ih]; item != nil {
		return item, nil
	}
	return nil, kith.Errorf(kith.NotFound, "there is no such torrent")
}

// change changes a torrent and notes it.
func (p *Plain) change(ih kith.Infohash, f func(*plainItem)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	item, err := p.find(ih)
	if err != nil {
		return err
	}
	f(item)
	p.news.add(ih)
	return p.saveLocked(ih)
}

// Pause stops a torrent in both directions.
func (p *Plain) Pause(ih kith.Infohash) error {
	return p.change(ih, func(i *plainItem) {
		i.Paused = true
		i.t.DisallowDataDownload()
		i.t.DisallowDataUpload()
	})
}

// Resume undoes Pause.
func (p *Plain) Resume(ih kith.Infohash) error {
	return p.change(ih, func(i *plainItem) {
		i.Paused, i.ended = false, false
		allow(i.t)
		i.t.AllowDataUpload()
	})
}

// SetOptions changes the options of a torrent.
func (p *Plain) SetOptions(ih kith.Infohash, o PlainOptions) error {
	return p.change(ih, func(i *plainItem) {
		i.Options, i.ended = o, false
		if !i.Paused {
			i.t.AllowDataUpload()
		}
		if i.ready {
			i.prioritise()
		}
	})
}

// Listed gives a channel that is closed when the files of a torrent are known;
// of one that is removed before, never.
func (p *Plain) Listed(ih kith.Infohash) (<-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	item, err := p.find(ih)
	if err != nil {
		return nil, err
	}
	return item.t.GotInfo(), nil
}

// Files lists the files of a torrent; nil while they are not known.
func (p *Plain) Files(ih kith.Infohash) ([]File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	item, err := p.find(ih)
	if err != nil || item.t.Info() == nil {
		return nil, err
	}
	files := []File{}
	for _, f := range item.t.Files() {
		one := File{Path: f.DisplayPath(), Size: f.Length(), Done: f.BytesCompleted(), Priority: item.priority(f)}
		one.Complete = one.Done == one.Size
		if one.Priority > Skip || one.Complete {
			one.Local = filepath.Join(item.Dest, filepath.FromSlash(f.Path()))
		}
		files = append(files, one)
	}
	return files, nil
}

// Recheck hashes again what lies on the disk.
func (p *Plain) Recheck(ih kith.Infohash) error {
	p.mu.Lock()
	item, err := p.find(ih)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if item.t.Info() == nil {
		return kith.Errorf(kith.Conflict, "the torrent's files are not known yet")
	}
	p.work.Go(func() {
		// It also ends with the torrent, and then there is nothing to show.
		_ = item.t.VerifyDataContext(context.Background())
		p.news.add(ih)
	})
	return nil
}

// Magnet gives the magnet link of a torrent, to be passed on.
func (p *Plain) Magnet(ih kith.Infohash) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	item, err := p.find(ih)
	if err != nil {
		return "", err
	}
	if item.Magnet != "" {
		return item.Magnet, nil
	}
	mi := item.t.Metainfo()
	m, err := mi.MagnetV2()
	if err != nil {
		return "", kith.Errorf(kith.Internal, "make the magnet link: %w", err)
	}
	return m.String(), nil
}

// AddPeer names somebody who may have pieces.
func (p *Plain) AddPeer(ih kith.Infohash, addr netip.AddrPort) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	item, err := p.find(ih)
	if err != nil {
		return err
	}
	item.peers.learn(addr.String(), time.Now())
	item.t.AddPeers([]torrent.PeerInfo{{Addr: torrent.StringAddr(addr.String()), Source: torrent.PeerSourceDirect}})
	return nil
}

// Port is the TCP port that takes connections.
func (p *Plain) Port() int { return p.client.LocalPort() }

// Remove forgets a torrent, and deletes its files if data is set.
func (p *Plain) Remove(ih kith.Infohash, data bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	item, err := p.find(ih)
	if err != nil {
		return err
	}
	var names []string
	if item.t.Info() != nil {
		for _, f := range item.t.Files() {
			names = append(names, filepath.FromSlash(f.Path()))
		}
	}
	p.work.Go(p.farewellLocked(item))
	item.t.Drop()
	p.files.forget(item.t.InfoHash())
	delete(p.items, ih)
	p.news.add(ih)
	errs := []error{os.Remove(p.name(ih))}
	if root, err := os.OpenRoot(item.Dest); err == nil && data {
		defer root.Close()
		for _, name := range names {
			for _, n := range []string{name, name + ".part"} {
				if err := root.Remove(n); err != nil && !errors.Is(err, os.ErrNotExist) {
					errs = append(errs, err)
				}
			}
			for d := filepath.Dir(name); d != "." && root.Remove(d) == nil; d = filepath.Dir(d) {
			}
		}
	}
	return errors.Join(errs...)
}

// Status tells about one torrent.
func (p *Plain) Status(ih kith.Infohash) (Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	item, err := p.find(ih)
	if err != nil {
		return Status{}, err
	}
	t := item.t
	st := Status{Infohash: ih, Path: filepath.Join(item.Dest, filepath.Base(t.Name())), Left: -1, Down: item.speed.down, Up: item.speed.up, State: Waiting}
	for _, c := range t.PeerConns() {
		s := c.Stats()
		st.Peers = append(st.Peers, Peer{Way: strings.TrimSpace(c.RemoteAddr.String()), Down: s.BytesReadData.Int64(), Up: s.BytesWrittenData.Int64()})
	}
	if t.Info() == nil {
		return st, nil
	}
	for _, f := range t.Files() {
		if f.Priority() != torrent.PiecePriorityNone || !item.ready {
			st.Total += f.Length()
			st.Done += f.BytesCompleted()
		}
	}
	switch {
	case item.Paused:
		st.State = Paused
	case t.Complete().Bool():
		st.State = Seeding
	case st.Done == st.Total && item.ready && verified(t):
		st.State = Partial
	case len(st.Peers) > 0:
		st.State = Fetching
		if st.Down > 1 {
			st.Left = time.Duration(float64(st.Total-st.Done) / st.Down * float64(time.Second))
		}
	}
	return st, nil
}

// verified reports whether all that is wanted was hashed. The counters of the
// library run ahead of that.
func verified(t *torrent.Torrent) bool {
	for _, run := range t.PieceStateRuns() {
		if run.Priority != torrent.PiecePriorityNone && !run.Complete || run.Hashing || run.QueuedForHash {
			return false
		}
	}
	return true
}
