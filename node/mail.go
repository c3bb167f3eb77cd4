package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/outbox"
	"kith/store"
)

// A post is what the mail needs of the hubs; tests have one in memory.
type post interface {
	// Drops are where an account may leave envelopes for this device now: its
	// boxes at the hubs in use.
	Drops(from kith.AccountID) []outbox.Drop
	// Leave leaves an envelope, and tells until when it is kept. It returns when
	// the hub has it on disk.
	Leave(ctx context.Context, d outbox.Drop, envelope []byte) (until time.Time, err error)
}

// The mail leaves letters for the devices of others that are away, and takes
// those that came for this one.
//
//	store ─▶ changed ─▶ touch ─▶ attend ─▶ compose: what is owed and lies nowhere
//	link ended ─▶ parted ─▶ touch           seal: session and letter's number, durable
//	                                        leave: at the first hub that takes it
//	                                        note: what lies where until when, durable
//	hub ─▶ run.mailCame ─▶ one write: open, check, apply, session
//
// What is owed is nowhere written down: it is the difference of two have vectors,
// less what lies with hubs. So a crash between two of these steps leaves at worst
// a letter twice, which changes nothing.
type mail struct {
	r    *run
	wake chan struct{}            // capacity 1
	slow chan struct{}            // as many letters as may be left at a time
	said chan kith.ConversationID // changed conversations, for run to look at

	mu      sync.Mutex // guards the rest
	post    post       // nil: there are no hubs
	joining joining    // nil: nobody joins by letters
	known   map[kith.Peer]*correspondence
	left    map[kith.DeviceID]time.Time // when a link ended lately
	ranking outbox.Ranking
	missed  bool // more changed than fits into said
}

// A correspondence is what goes on with one device. mail.mu guards it.
type correspondence struct {
	drops       []outbox.Drop
	first, last time.Time // since when there was news for it, and of the latest; zero: none
	next        time.Time // when to look at it; zero: not before there is news
	put         bool      // off until there are hubs, or until this person is visible
	busy        bool      // it is looked at now
	again       bool      // and has to be looked at once more
	failures    int       // in a row
	reason      string    // why nothing can be left, a sentence for people
	wish        []byte    // an envelope that asks for a new session; nil: none
	unsent      *sealed   // what was sealed and could not be left
}

const (
	// lettersAtOnce bounds how many letters are being left at a time.
	lettersAtOnce = 8
	// farPause is how long a letter waits for more if it is to somebody who
	// probably gets it from other members of a sphere.
	farPause = 30 * time.Second
	// letterTimeout bounds an attempt to leave one.
	letterTimeout = 30 * time.Second
)

// loadMail takes from the store with which devices letters were exchanged.
func loadMail(ctx context.Context, r *run) (*mail, error) {
	m := &mail{
		r:     r,
		wake:  make(chan struct{}, 1),
		slow:  make(chan struct{}, lettersAtOnce),
		said:  make(chan kith.ConversationID, maxChanges),
		known: map[kith.Peer]*correspondence{},
		left:  map[kith.DeviceID]time.Time{},
	}
	if err := m.renew(ctx); err != nil {
		return nil, err
	}
	if err := r.store.ForgetEarly(ctx, r.opt.now().Add(-earlyTime)); err != nil {
		return nil, err
	}
	list, err := r.store.Correspondents(ctx)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	for _, c := range list {
		if drops := storedDrops(c.Drops); len(drops) > 0 {
			m.known[c.Peer] = &correspondence{drops: drops, first: begin, last: begin, next: begin.Add(outbox.Grace)}
		}
	}
	return m, nil
}

// earlyTime is how long events wait for those before them.
const earlyTime = 62 * 24 * time.Hour

// setMailDevice is the device that the sessions in the store are of.
const setMailDevice = "mail device"

// renew forgets the sessions of the device that this store was before.
func (m *mail) renew(ctx context.Context) error {
	device, err := m.r.store.Setting(ctx, setMailDevice)
	own := m.r.id.peer.Device
	if err != nil || slices.Equal(device, own[:]) {
		return err
	}
	return m.r.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.EndSessions(); err != nil {
			return err
		}
		return tx.PutSetting(setMailDevice, own[:])
	})
}

// use begins to leave letters with these hubs.
func (m *mail) use(p post) {
	m.mu.Lock()
	m.post = p
	m.mu.Unlock()
	m.hubsChanged()
}

// joins begins to take letters about invitations.
func (m *mail) joins(j joining) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joining = j
}

func (m *mail) office() post {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.post
}

// hubsChanged tells that there are other hubs now, or that one came back: others
// hear where letters may be left, and what could not be left is tried again.
func (m *mail) hubsChanged() {
	if !m.r.isReady() {
		return
	}
	for _, l := range m.r.links.of(kith.AccountID{}) {
		m.tell(l)
	}
	m.retry()
}

// retry looks at once again at everybody for whom something failed or was put off.
func (m *mail) retry() {
	now := time.Now()
	m.mu.Lock()
	for _, c := range m.known {
		if c.failures > 0 || c.put {
			c.failures, c.put = 0, false
			c.touch(now, now)
		}
	}
	m.mu.Unlock()
	m.signal()
}

// all looks at everybody once more, after links had a moment to come about.
func (m *mail) all() {
	now := time.Now()
	m.mu.Lock()
	for _, c := range m.known {
		c.touch(now, now.Add(outbox.Grace))
	}
	m.mu.Unlock()
	m.signal()
}

// changed tells that a conversation has something new. It may be called from the
// writer of the store.
func (m *mail) changed(conv kith.ConversationID) {
	select {
	case m.said <- conv:
	default:
		m.mu.Lock()
		m.missed = true
		m.mu.Unlock()
	}
	m.signal()
}

// parted tells that a link to a device ended, which had lasted for a while.
func (m *mail) parted(peer kith.Peer, lasted time.Duration) {
	now := time.Now()
	m.mu.Lock()
	m.left[peer.Device] = now
	maps.DeleteFunc(m.left, func(_ kith.DeviceID, at time.Time) bool { return now.Sub(at) > outbox.Grace })
	if c := m.known[peer]; c != nil {
		c.failures = 0
		c.touch(now, now.Add(outbox.Grace))
	}
	m.mu.Unlock()
	m.signal()
	if lasted > toldByLink {
		m.answeredByLink(peer)
	}
}

// toldByLink is how long a link has to last for its have vectors to be said.
const toldByLink = 3 * time.Second

// touch notes that there is news for a device, and when it is to be looked at.
func (c *correspondence) touch(now, due time.Time) {
	if c.first.IsZero() {
		c.first = now
	}
	c.last = now
	if c.failures == 0 || c.next.IsZero() {
		c.next = due
	}
}

func (m *mail) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run works until the run ends.
func (m *mail) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-m.wake:
		case <-timer.C:
		case <-m.r.ctx.Done():
			return
		}
		m.hear()
		timer.Stop()
		if rest := m.serve(); rest != never {
			timer.Reset(rest)
		}
	}
}

// hear takes up what changed.
func (m *mail) hear() {
	convs := map[kith.ConversationID]bool{}
	for {
		select {
		case conv := <-m.said:
			convs[conv] = true
			continue
		default:
		}
		break
	}
	m.mu.Lock()
	missed := m.missed
	m.missed = false
	m.mu.Unlock()
	if missed {
		m.all()
	}
	for conv := range convs {
		for account, pause := range m.readers(conv) {
			m.news(account, pause)
		}
	}
}

// news notes that there is something new for an account.
func (m *mail) news(account kith.AccountID, pause time.Duration) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for peer, c := range m.known {
		if peer.Account != account {
			continue
		}
		first := c.first
		if first.IsZero() {
			first = now
		}
		c.touch(now, outbox.Due(first, now, m.left[peer.Device], pause))
	}
}

// readers are the accounts that a conversation is for, and how long a letter to
// them waits for more.
func (m *mail) readers(conv kith.ConversationID) map[kith.AccountID]time.Duration {
	accounts := map[kith.AccountID]time.Duration{}
	if !m.any() {
		return accounts
	}
	if s, ok := m.r.spheres.get(conv); ok {
		near := m.r.spheres.neighbours()
		for account := range s.state().Members {
			accounts[account] = outbox.Pause
			if !near[account] {
				accounts[account] = farPause
			}
		}
		delete(accounts, m.r.id.peer.Account)
		return accounts
	}
	if c, ok := m.r.people.with(conv); ok {
		accounts[c.Account] = outbox.Pause
	}
	return accounts
}

// any reports whether there is anybody for whom letters can be left.
func (m *mail) any() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.post != nil && len(m.known) > 0
}

// serve looks at the devices whose time has come, and tells how long to rest.
func (m *mail) serve() time.Duration {
	now := time.Now()
	rest := never
	m.mu.Lock()
	defer m.mu.Unlock()
	for peer, c := range m.known {
		if c.next.IsZero() {
			continue
		}
		if left := c.next.Sub(now); left > 0 {
			rest = min(rest, left)
			continue
		}
		c.next = time.Time{}
		if c.busy {
			c.again = true
			continue
		}
		c.busy = true
		c.first = time.Time{}
		m.r.working.Go(func() { m.look(peer) })
	}
	return rest
}

// look attends to a device, one at a time, and notes when to do so again.
func (m *mail) look(peer kith.Peer) {
	select {
	case m.slow <- struct{}{}:
	case <-m.r.ctx.Done():
		return
	}
	rest, err := m.attend(m.r.ctx, peer)
	<-m.slow
	if m.r.ctx.Err() != nil {
		return
	}
	m.mu.Lock()
	defer m.signal()
	defer m.mu.Unlock()
	c := m.known[peer]
	if c == nil {
		return
	}
	c.busy = false
	now := time.Now()
	if errors.Is(err, errPut) {
		c.put, err = true, nil
	}
	if errors.Is(err, errNoSession) {
		c.reason, c.again = err.Error(), false
		return
	}
	if err != nil {
		c.failures++
		c.reason = err.Error()
		c.next = now.Add(outbox.Again(c.failures))
		m.r.log.Info("a letter could not be left", "device", peer.Device.Short(), "reason", err)
		return
	}
	c.failures, c.reason = 0, ""
	if c.again {
		rest = 0
	}
	c.again = false
	if rest == never {
		return
	}
	if due := now.Add(rest); c.next.IsZero() || due.Before(c.next) {
		c.next = due
	}
}

// errPut puts off what is to be left until there are hubs, or until this person is
// visible.
var errPut = errors.New("nothing is left now")

// why tells why nothing can be left for a device; empty if nothing is known.
func (m *mail) why(peer kith.Peer) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.known[peer]; c != nil {
		return c.reason
	}
	return ""
}

// forget drops a device that its account does not have any more.
func (m *mail) forget(ctx context.Context, peer kith.Peer) error {
	err := m.r.store.Update(ctx, func(tx *store.Tx) error { return tx.ForgetCorrespondent(peer) })
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, peer)
	return nil
}
