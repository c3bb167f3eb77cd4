package swarm

import (
	"bytes"
	"strings"

	"github.com/anacrolix/torrent/metainfo"

	"kith"
)

// maxTorrent bounds a .torrent file, in bytes.
const maxTorrent = 10 << 20

// DescribeMagnet reads a magnet link (BEP 9) and gives what is passed on: the
// link as it is, its name, and the size if it tells one.
func DescribeMagnet(uri string) (kith.Torrent, kith.Infohash, error) {
	uri = strings.TrimSpace(uri)
	if len(uri) > kith.MaxMagnet {
		return kith.Torrent{}, kith.Infohash{}, kith.Errorf(kith.Invalid, "the magnet link is longer than %d KiB", kith.MaxMagnet>>10)
	}
	m, err := metainfo.ParseMagnetUri(uri)
	if err != nil || m.InfoHash == (metainfo.Hash{}) {
		return kith.Torrent{}, kith.Infohash{}, kith.Errorf(kith.Invalid, "this is no magnet link of a torrent (version 1)")
	}
	return kith.Torrent{Magnet: uri, Name: torrentName(m.DisplayName, m.InfoHash)}, kith.Infohash(m.InfoHash), nil
}

// DescribeTorrent reads a .torrent file (BEP 3) and gives the magnet link that
// stands for it, with its trackers.
func DescribeTorrent(raw []byte) (kith.Torrent, kith.Infohash, error) {
	fail := func(err error) (kith.Torrent, kith.Infohash, error) {
		return kith.Torrent{}, kith.Infohash{}, kith.Errorf(kith.Invalid, "this is no .torrent file that can be passed on: %w", err)
	}
	// What a parser says of it would help nobody.
	other := kith.Errorf(kith.Invalid, "it is another kind of file, or damaged")
	if len(raw) > maxTorrent {
		return fail(kith.Errorf(kith.Invalid, "it is larger than %d MiB", maxTorrent>>20))
	}
	m, err := metainfo.Load(bytes.NewReader(raw))
	if err != nil {
		return fail(other)
	}
	info, err := m.UnmarshalInfo()
	if err != nil {
		return fail(other)
	}
	if info.Private != nil && *info.Private {
		return fail(kith.Errorf(kith.Invalid, "it belongs to a private tracker, which knows who may have it"))
	}
	ih := m.HashInfoBytes()
	name := torrentName(info.BestName(), ih)
	magnet := metainfo.Magnet{InfoHash: ih, DisplayName: name}
	for _, tier := range m.UpvertedAnnounceList() {
		magnet.Trackers = append(magnet.Trackers, tier...)
	}
	t := kith.Torrent{Magnet: magnet.String(), Name: name, Size: uint64(max(0, info.TotalLength()))}
	if len(t.Magnet) > kith.MaxMagnet {
		magnet.Trackers = nil
		t.Magnet = magnet.String()
	}
	return t, kith.Infohash(ih), nil
}

// torrentName is a name that can be shown and sent.
func torrentName(name string, ih metainfo.Hash) string {
	name = strings.ToValidUTF8(strings.TrimSpace(name), "_")
	for len(name) > kith.MaxShareName {
		name = name[:len(name)-1]
	}
	if name = strings.ToValidUTF8(name, ""); name == "" {
		return ih.HexString()
	}
	return name
}

// SetLimits changes the limits, in bytes a second; 0 means none.
func (p *Plain) SetLimits(up, down int64) {
	setLimit(p.up, up)
	setLimit(p.down, down)
}

// Options gives those of a torrent.
func (p *Plain) Options(ih kith.Infohash) (PlainOptions, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	item, err := p.find(ih)
	if err != nil {
		return PlainOptions{}, err
	}
	return item.Options, nil
}

// Statuses tells about all torrents, in no order.
func (p *Plain) Statuses() []Status {
	p.mu.Lock()
	var all []kith.Infohash
	for ih := range p.items {
		all = append(all, ih)
	}
	p.mu.Unlock()
	var list []Status
	for _, ih := range all {
		if st, err := p.Status(ih); err == nil {
			list = append(list, st)
		}
	}
	return list
}
