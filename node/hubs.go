package node

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
	"kith/meet"
	"kith/outbox"
	"kith/seal"
	"kith/shelf/keeping"
)

// setHubs is the setting that lists this person's hubs.
const setHubs = "hubs" // JSON of []string

// maxForeign bounds the hubs to which this device goes only because contacts
// can be met there.
const maxForeign = 8

// hubs are the hubs that this device uses: its person's own, which others learn
// from the card, and those of contacts with whom it has none in common.
type hubs struct {
	r      *run
	http   *http.Client
	giving *http.Client // within the limit of what goes up; for files

	mu     sync.Mutex // guards the rest
	own    []string   // URLs, as the person ordered them
	active map[string]*hub
}

func loadHubs(ctx context.Context, r *run) (*hubs, error) {
	hs := &hubs{r: r, active: map[string]*hub{}}
	hs.http = &http.Client{
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // hubs redirect nowhere
	}
	hs.giving = hs.http
	if r.shelf != nil {
		hs.giving = &http.Client{Transport: keeping.Throttle(hs.http.Transport, r.shelf.Swarm().WaitUp), CheckRedirect: hs.http.CheckRedirect}
	}
	return hs, loadJSON(ctx, r.store, setHubs, &hs.own)
}

// list gives the hubs in use, the own ones first and in their order.
func (hs *hubs) list() []*hub {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	var list []*hub
	for _, h := range hs.active {
		list = append(list, h)
	}
	place := func(h *hub) int {
		if i := slices.Index(hs.own, h.url); i >= 0 {
			return i
		}
		return len(hs.own)
	}
	slices.SortFunc(list, func(a, b *hub) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a.url, b.url)
	})
	return list
}

// urls are the own ones.
func (hs *hubs) urls() []string {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return slices.Clone(hs.own)
}

// An acquaintance is somebody with whom notes are exchanged, and where.
type acquaintance struct {
	meet.Correspondent
	hubs []string // of their card, or of the invitation
}

// set uses the hubs that it takes to meet these, or none if the person is
// hidden.
func (hs *hubs) set(visible bool, who []acquaintance) {
	wanted := map[string][]meet.Correspondent{}
	hs.mu.Lock()
	own := slices.Clone(hs.own)
	hs.mu.Unlock()
	if visible {
		for _, url := range own {
			wanted[url] = nil
		}
		for _, a := range who {
			for _, url := range own {
				wanted[url] = append(wanted[url], a.Correspondent)
			}
			if slices.ContainsFunc(a.hubs, func(url string) bool { return slices.Contains(own, url) }) {
				continue
			}
			for _, url := range a.hubs {
				if !hs.mayUse(url) {
					continue
				}
				if _, used := wanted[url]; used || len(wanted) < len(own)+maxForeign {
					wanted[url] = append(wanted[url], a.Correspondent)
				}
			}
		}
	}
	hs.mu.Lock()
	var gone []*hub
	for url, h := range hs.active {
		if _, ok := wanted[url]; !ok {
			gone = append(gone, h)
			delete(hs.active, url)
		}
	}
	for url := range wanted {
		if hs.active[url] == nil && hs.r.ctx.Err() == nil {
			h := hs.newHub(url)
			hs.active[url] = h
			hs.r.working.Go(h.run)
		}
	}
	active := make(map[string]*hub, len(hs.active))
	for url, h := range hs.active {
		active[url] = h
	}
	hs.mu.Unlock()
	for _, h := range gone {
		h.stop()
	}
	for url, h := range active {
		h.courier.SetCorrespondents(wanted[url])
		h.setBoxes(wanted[url])
	}
	if len(gone) > 0 {
		hs.r.relaysChanged()
	}
	hs.r.joinMail.publishSoon()
}

// mayUse reports whether others may send this device to a hub. A URL of plain HTTP
// leads to this very machine, where they have no business.
func (hs *hubs) mayUse(url string) bool {
	clean, err := hubapi.ParseURL(url)
	return err == nil && clean == url && (strings.HasPrefix(url, "https://") || hs.r.opt.Loopback || slices.Contains(hs.urls(), url))
}

// networkChanged looks at once which hubs can still be reached.
func (hs *hubs) networkChanged() {
	for _, h := range hs.list() {
		h.client.Hasten()
	}
}

// meetingHub is the hub that invitations name: of the own ones the first that
// is connected, else the first; empty if there is none.
func (r *run) meetingHub() string {
	if r.hubs == nil {
		return ""
	}
	own := r.hubs.urls()
	for _, h := range r.hubs.list() {
		if slices.Contains(own, h.url) && h.client.State().Phase == hubapi.Connected {
			return h.url
		}
	}
	if len(own) > 0 {
		return own[0]
	}
	return ""
}

// Hubs lists the hubs in use.
func (n *Node) Hubs(ctx context.Context) ([]Hub, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	return r.hubs.views(), nil
}

func (hs *hubs) views() []Hub {
	own := hs.urls()
	views := []Hub{}
	for _, h := range hs.list() {
		views = append(views, h.view(slices.Contains(own, h.url)))
	}
	for _, url := range own {
		if !slices.ContainsFunc(views, func(v Hub) bool { return v.URL == url }) {
			views = append(views, Hub{URL: url, Name: hubapi.Host(url), Own: true, Phase: string(hubapi.Stopped), Reason: "You are hidden.", Parts: []string{}, Notices: []HubNotice{}})
		}
	}
	return views
}

// AddHub begins to use a hub. It need not answer now.
func (n *Node) AddHub(ctx context.Context, address string) (Hub, error) {
	url, err := hubapi.ParseURL(address)
	if err != nil {
		return Hub{}, err
	}
	r, leave, err := n.enter()
	if err != nil {
		return Hub{}, err
	}
	defer leave()
	err = r.hubs.edit(ctx, func(own []string) ([]string, error) {
		switch {
		case slices.Contains(own, url):
			return nil, kith.Errorf(kith.Conflict, "the hub %s is on your list already", hubapi.Host(url))
		case len(own) >= kith.MaxHubs:
			return nil, kith.Errorf(kith.Conflict, "there are %d hubs on your list, and no more than that help: remove one first", len(own))
		}
		return append(own, url), nil
	})
	if err != nil {
		return Hub{}, err
	}
	for _, v := range r.hubs.views() {
		if v.URL == url {
			return v, nil
		}
	}
	return Hub{}, kith.Errorf(kith.Conflict, "the hub was removed meanwhile")
}

// RemoveHub ends the use of a hub. What lies in a mailbox there is still owed by
// those who left it.
func (n *Node) RemoveHub(ctx context.Context, address string) error {
	url, err := hubapi.ParseURL(address)
	if err != nil {
		return err
	}
	r, leave, err := n.enter()
	if err != nil {
		return err
	}
	defer leave()
	return r.hubs.edit(ctx, func(own []string) ([]string, error) {
		i := slices.Index(own, url)
		if i < 0 {
			return nil, kith.Errorf(kith.NotFound, "the hub %s is not on your list", hubapi.Host(url))
		}
		return slices.Delete(own, i, i+1), nil
	})
}

// edit changes the own hubs, durably, and tells contacts by the card.
func (hs *hubs) edit(ctx context.Context, change func([]string) ([]string, error)) error {
	hs.mu.Lock()
	own, err := change(slices.Clone(hs.own))
	if err == nil {
		if err = saveJSON(ctx, hs.r.store, setHubs, own); err == nil {
			hs.own = own
		}
	}
	hs.mu.Unlock()
	if err != nil {
		return err
	}
	if err := hs.r.signCard(ctx, 0, func(card *kith.Card) { card.Hubs = own }); err != nil {
		return err
	}
	hs.r.links.greet(kith.AccountID{})
	hs.r.refresh.now()
	for _, h := range hs.list() {
		h.beginKeeping() // a contact's hub may have become an own one
	}
	hs.r.wakeKeepers()
	hs.changed()
	return nil
}

// changed shows that something about the hubs did.
func (hs *hubs) changed() { hs.r.notices.publish(Notice{Type: "hubs"}) }

// Drops are where an account may leave envelopes for this device now: boxes at
// the own hubs that have mailboxes, or, without one, at those of the account's.
func (hs *hubs) Drops(from kith.AccountID) []outbox.Drop {
	own := hs.urls()
	var ours, theirs []outbox.Drop
	for _, h := range hs.list() {
		if !h.mailbox() {
			continue
		}
		key, token := seal.BoxKey(hs.r.id.device, h.host, from)
		drop := outbox.Drop{Hub: h.url, Box: hubapi.KeyOf(key), Token: token}
		if slices.Contains(own, h.url) {
			ours = append(ours, drop)
		} else if h.opens(from) {
			theirs = append(theirs, drop)
		}
	}
	if len(ours) > 0 {
		return ours
	}
	return theirs
}

// Leave leaves an envelope where somebody else said.
func (hs *hubs) Leave(ctx context.Context, d outbox.Drop, envelope []byte) (until time.Time, err error) {
	url, err := hubapi.ParseURL(d.Hub)
	if err != nil {
		return until, err
	}
	if !hs.mayUse(url) {
		return until, kith.Errorf(kith.Invalid, "the hub %s is on this machine, where somebody else's can't be", hubapi.Host(url))
	}
	return hubapi.Leave(ctx, hs.http, url, d.Box, d.Token, envelope)
}
