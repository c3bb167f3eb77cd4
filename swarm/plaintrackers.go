package swarm

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/anacrolix/torrent"
	announce "github.com/anacrolix/torrent/tracker"

	"kith"
)

// Trackers (BEP 3, 15) are told from here. The library has a scheduler for it,
// which can lose its timer (v1.62.0): what comes in while its last step ends is
// forgotten, and nothing is announced ever again.
const (
	leastInterval = time.Minute // between two announces, whatever a tracker says
	mostAsk       = 30 * time.Minute
	mostTrackers  = 32 // of one torrent
	mostAnnounces = 8  // under way at once
	answerTime    = announce.DefaultTrackerAnnounceTimeout
	goodbyeTime   = time.Second
)

// A plainTracker is one that a torrent names. Every one is told, whatever tier
// it is in. Plain.mu guards it.
type plainTracker struct {
	url   string
	next  time.Time     // when it is told again
	wait  time.Duration // after the next failure
	soon  bool          // it is told sooner than that
	busy  bool          // it is being told
	asked bool          // it may know that we are here
	began bool          // it does
	whole bool          // and that we have all
}

// trackersOf are those of a torrent that can be told.
func trackersOf(tiers [][]string) (trackers []*plainTracker) {
	seen := map[string]bool{}
	for _, tier := range tiers {
		for _, at := range tier {
			u, err := url.Parse(at)
			if err != nil || seen[at] || len(trackers) == mostTrackers {
				continue
			}
			switch u.Scheme {
			case "http", "https", "udp", "udp4", "udp6":
				seen[at] = true
				trackers = append(trackers, &plainTracker{url: at, wait: leastAsk})
			}
		}
	}
	return trackers
}

// A presence is what trackers are told of a torrent.
type presence struct {
	here    bool // it is neither paused nor at its end
	whole   bool // all pieces are here
	fetched bool // some of them in this life
}

// due reports whether a tracker has to be told something, and what.
func (k *plainTracker) due(now time.Time, is presence) (event announce.AnnounceEvent, due bool) {
	switch {
	case k.busy || !is.here && !k.asked:
		return announce.None, false
	case !is.here:
		return announce.Stopped, true
	case now.Before(k.next) && !k.soon:
		return announce.None, false
	case !k.began:
		return announce.Started, true
	case is.whole && !k.whole && is.fetched:
		return announce.Completed, true
	}
	return announce.None, true
}

// told notes what came of it. Who does not answer is told again, ever more
// seldom; but that we leave is said once.
func (k *plainTracker) told(now time.Time, event announce.AnnounceEvent, whole bool, interval time.Duration, err error) {
	k.busy = false
	switch {
	case event == announce.Stopped:
		k.asked, k.began, k.whole, k.next = false, false, false, now
	case err != nil:
		k.next, k.wait = now.Add(k.wait), min(2*k.wait, mostAsk)
	default:
		k.began, k.whole = true, whole
		k.next, k.wait = now.Add(max(interval, leastInterval)), leastAsk
	}
}

func (i *plainItem) presence(stats torrent.TorrentStats) presence {
	return presence{here: !i.Paused && !i.ended, whole: i.t.Complete().Bool(), fetched: stats.BytesReadUsefulData.Int64() > 0}
}

// hurry has the trackers told soon, those that are being told as well.
func (i *plainItem) hurry() {
	for _, k := range i.trackers {
		k.soon = true
	}
}

// tellTrackersLocked tells the trackers of a torrent what they have to hear now.
func (p *Plain) tellTrackersLocked(ih kith.Infohash, item *plainItem, now time.Time, stats torrent.TorrentStats) {
	is := item.presence(stats)
	if is.whole && !item.whole {
		item.hurry()
	}
	item.whole = is.whole
	for _, k := range item.trackers {
		if p.announces == mostAnnounces {
			return // the next beat is soon
		}
		event, due := k.due(now, is)
		if !due {
			continue
		}
		k.busy, k.asked, k.soon = true, true, false
		p.announces++
		request := p.request(item, event)
		p.work.Go(func() {
			ctx, cancel := context.WithTimeout(p.running, answerTime)
			defer cancel()
			answer, err := p.announce(ctx, k.url, request)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.announces--
			k.told(time.Now(), event, is.whole, time.Duration(answer.Interval)*time.Second, err)
			if event != announce.Stopped && p.items[ih] == item {
				item.meet(answer.Peers)
			}
		})
	}
}

// request is what a tracker is told of a torrent.
func (p *Plain) request(item *plainItem, event announce.AnnounceEvent) announce.AnnounceRequest {
	stats := item.t.Stats()
	left := int64(-1)
	if item.t.Info() != nil {
		left = item.t.BytesMissing()
	}
	return announce.AnnounceRequest{
		InfoHash: item.t.InfoHash(), PeerId: p.client.PeerID(), Key: p.key, Event: event,
		Port: uint16(p.client.LocalPort()), NumWant: mostKnown, Left: left,
		Downloaded: stats.BytesReadUsefulData.Int64(), Uploaded: stats.BytesWrittenData.Int64(),
	}
}

func (p *Plain) announce(ctx context.Context, at string, request announce.AnnounceRequest) (announce.AnnounceResponse, error) {
	network, _, _ := strings.Cut(at, ":") // which only a tracker over UDP looks at
	return announce.Announce{
		TrackerUrl: at, UdpNetwork: network, Context: ctx, Slogger: slog.New(slog.DiscardHandler), UserAgent: p.agent, Request: request,
	}.Do()
}

// meet takes the peers that a tracker names.
func (i *plainItem) meet(peers []announce.Peer) {
	now, lacks := time.Now(), i.lacks()
	var infos []torrent.PeerInfo
	for _, peer := range peers[:min(len(peers), mostKnown)] {
		ip, ok := netip.AddrFromSlice(peer.IP)
		if !ok || peer.Port <= 0 || peer.Port >= 1<<16 {
			continue
		}
		addr := net.JoinHostPort(ip.Unmap().String(), strconv.Itoa(peer.Port))
		infos = append(infos, torrent.PeerInfo{Addr: torrent.StringAddr(addr), Source: torrent.PeerSourceTracker})
		if lacks {
			i.peers.learn(addr, now)
		}
	}
	i.t.AddPeers(infos)
}

// farewellLocked gives what tells the trackers of torrents that we leave, as far
// as they answer soon.
func (p *Plain) farewellLocked(items ...*plainItem) (say func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var calls []func()
	for _, item := range items {
		request := p.request(item, announce.Stopped)
		for _, k := range item.trackers {
			if k.asked {
				calls = append(calls, func() {
					_, _ = p.announce(ctx, k.url, request) // who does not hear it forgets us in time
				})
			}
		}
	}
	return func() {
		defer time.AfterFunc(goodbyeTime, cancel).Stop()
		defer cancel()
		var callers sync.WaitGroup
		next := make(chan func())
		for range min(len(calls), mostAnnounces) {
			callers.Go(func() {
				for call := range next {
					call()
				}
			})
		}
		for _, call := range calls {
			next <- call
		}
		close(next)
		callers.Wait()
	}
}
