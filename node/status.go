package node

import (
	"context"
	"time"

	"kith"
	"kith/meet"
	"kith/people"
	"kith/session"
)

// Status tells everything about being connected.
func (n *Node) Status(ctx context.Context) (Status, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Status{}, err
	}
	defer leave()
	status := Status{Me: r.me(), Addresses: []string{}, Ways: r.ways(), Contacts: []ContactStatus{}, Dropped: r.dropped.snapshot()}
	for _, addr := range r.net.Addresses() {
		status.Addresses = append(status.Addresses, addr.String())
	}
	for _, c := range r.people.all() {
		if c.Relation == kith.Removed || c.Relation == kith.Fellow && !r.links.has(c.Account) {
			continue
		}
		one, err := r.contactStatus(ctx, &c)
		if err != nil {
			return Status{}, err
		}
		status.Contacts = append(status.Contacts, one)
	}
	return status, nil
}

// ways tells how this device looks for others.
func (r *run) ways() []Way {
	if !r.isVisible() {
		return []Way{{Way: meet.WayDirect, Reason: "You are hidden."}, {Way: meet.WayLAN, Reason: "You are hidden."}, {Way: meet.WayOffer, Reason: "You are hidden."}}
	}
	list := []Way{}
	if r.direct != nil {
		list = append(list, viewWay(r.direct.State()), viewWay(r.lan.State()))
	}
	if r.calls != nil {
		for _, c := range r.couriers() {
			list = append(list, viewWay(c.State()))
		}
	}
	return append(list, Way{Way: meet.WayOffer, Working: true, Reason: "Links two devices by two lines that people send each other: kith connect NAME."})
}

func viewWay(s meet.State) Way {
	return Way{Way: s.Way, Working: s.Working, Reason: s.Reason, Since: s.Since}
}

// contactStatus tells how things stand with one contact.
func (r *run) contactStatus(ctx context.Context, c *kith.Contact) (ContactStatus, error) {
	attempt := r.pursuit.State(c.Account)
	status := ContactStatus{
		Account:    c.Account,
		Name:       people.DisplayName(c),
		Connection: r.connection(c.Account),
		Links:      []Link{},
		Tries:      attempt.Tries,
		NextTry:    optional(attempt.Next),
		Ways:       []Way{},
	}
	owed, err := r.outbox.Owed(ctx, c)
	if err != nil {
		return status, err
	}
	status.Waiting = owed
	if block, ok := r.people.block(c.Account); ok {
		status.Until = optional(block.Until)
	}
	for _, l := range r.links.of(c.Account) {
		path := l.Path()
		status.Links = append(status.Links, Link{
			Device: l.Peer().Device,
			Way:    path.Way,
			Path:   path.Kind,
			Local:  path.Local,
			Remote: path.Remote,
			RTT:    float64(l.RTT()) / float64(time.Millisecond),
			Since:  l.since,
		})
	}
	for _, way := range attempt.Ways {
		status.Ways = append(status.Ways, viewWay(way))
	}
	return status, nil
}

// quickTries is how many attempts in a row still count as connecting; after
// that the contact is simply not there.
const quickTries = 5

// trying reports whether a contact is being looked for with some hope.
func (r *run) trying(account kith.AccountID) bool {
	attempt := r.pursuit.State(account)
	return attempt.Phase == meet.Connecting || attempt.Phase == meet.Waiting && attempt.Tries <= quickTries
}

// linkChanged shows that a link came or went.
func (r *run) linkChanged(account kith.AccountID) {
	c, ok := r.people.get(account)
	if !ok {
		return
	}
	status, err := r.contactStatus(r.ctx, &c)
	if err != nil {
		return // the run is ending
	}
	r.notices.publish(Notice{Type: "status", Status: &status})
}

// Retry tries at once to reach a contact, or all if ref is empty.
func (n *Node) Retry(ctx context.Context, ref string) error {
	r, leave, err := n.enter()
	if err != nil {
		return err
	}
	defer leave()
	if !r.isVisible() {
		return kith.Errorf(kith.Conflict, "you are hidden; become visible to be connected")
	}
	r.hubs.networkChanged() // by them others are met
	if ref == "" {
		r.pursuit.NetworkChanged()
		r.better.now(kith.AccountID{})
		return nil
	}
	c, err := r.contact(ref)
	if err != nil {
		return err
	}
	r.pursuit.Now(c.Account)
	r.better.now(c.Account)
	return nil
}

// ICEServers lists the STUN and TURN servers for pasted offers.
func (n *Node) ICEServers(ctx context.Context) ([]ICEServer, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	servers := []ICEServer{}
	return servers, loadJSON(ctx, r.store, setICE, &servers)
}

// SetICEServers replaces them.
func (n *Node) SetICEServers(ctx context.Context, servers []ICEServer) error {
	r, leave, err := n.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := r.net.SetICE(sessionServers(servers)); err != nil {
		return err
	}
	return saveJSON(ctx, r.store, setICE, servers)
}

func sessionServers(servers []ICEServer) (cfg session.ICEConfig) {
	for _, s := range servers {
		cfg.Servers = append(cfg.Servers, session.ICEServer{URL: s.URL, Username: s.Username, Password: s.Password})
	}
	return cfg
}
