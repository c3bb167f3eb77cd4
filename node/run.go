package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"kith"
	"kith/convo"
	"kith/link"
	"kith/meet"
	"kith/meet/call"
	"kith/meet/dht"
	"kith/outbox"
	"kith/portmap"
	"kith/seal"
	"kith/shelf"
	"kith/store"
	"kith/swarm/seedpeer"
	"kith/wire"
)

// A run is a node between two changes of its very ground: one open store, one
// device key.
type run struct {
	opt       *Options
	log       *slog.Logger
	store     *store.Store
	encrypted bool
	id        *identity
	people    *directory
	spheres   *spheres
	notices   *notices
	net       network
	direct    *meet.Direct // nil in tests without a real network, as is lan
	lan       *meet.LAN
	pursuit   *meet.Pursuit
	calls     *call.Calls   // nil like lan, as are all down to ports
	friends   *call.Friends // who are linked, and bring others together
	better    *better
	hubs      *hubs
	joinMail  *joinMail
	dht       *dht.Courier
	ports     *portmap.Mapper
	links     *links
	joins     *joins
	offers    *offers
	pasted    *meet.Offers
	outbox    *outbox.Outbox
	mail      *mail
	typing    *typing
	refresh   *refresher
	shelf     *shelf.Shelf     // nil in simulations without files
	seeker    *seedpeer.Seeker // nil without shelf or hubs
	dropped   counters

	ctx     context.Context // ends with the run
	cancel  context.CancelFunc
	working sync.WaitGroup
	ended   chan struct{} // closed when the run can't go on and another has to follow
	ending  sync.Once

	signing sync.Mutex // held while the own card is changed; never taken with mu held

	// mu guards the rest. It is not held while the store is waited for, whose
	// writer takes it to report changes.
	mu      sync.Mutex
	ownCard kith.Card
	tagKey  kith.Secret // of the name on the local network
	signed  []byte      // the same as it is told to others
	hidden  bool
	prefs   Preferences
	ready   bool // the network is up; store changes are passed on
}

// openRun opens the store and starts everything that works on it.
func openRun(ctx context.Context, opt *Options, key *[32]byte, notices *notices) (*run, error) {
	if err := finishRestore(opt.Home); err != nil {
		return nil, fmt.Errorf("taking over a backup: %w", err)
	}
	r := &run{opt: opt, log: opt.Log, encrypted: key != nil, notices: notices, ended: make(chan struct{})}
	st, err := store.Open(ctx, filepath.Join(opt.Home, storeFile), store.Options{
		Key:     key,
		Rules:   store.Rules{Parse: wire.ParseEvent, Fold: convo.Fold},
		Log:     opt.Log,
		Observe: r.observe,
	})
	if err != nil {
		return nil, err
	}
	r.store = st
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := r.start(ctx); err != nil {
		r.cancel()
		return nil, errors.Join(err, st.Close())
	}
	return r, nil
}

func (r *run) start(ctx context.Context) error {
	var err error
	if r.id, err = loadIdentity(ctx, r.store, r.opt.now()); err != nil {
		return err
	}
	r.store.SetAccount(r.id.peer.Account)
	if err := r.loadCard(ctx); err != nil {
		return err
	}
	hidden, err := r.store.Setting(ctx, setHidden)
	if err != nil {
		return err
	}
	r.hidden = hidden != nil
	r.tagKey = seal.NewSelfKey()
	r.prefs = Preferences{ReadMarks: true, TypingMarks: true, DHT: true, MapPorts: true, KeepFiles: KeepOwn}
	if err := loadJSON(ctx, r.store, setPreferences, &r.prefs); err != nil {
		return err
	}
	if r.people, err = loadDirectory(ctx, r.store, r.id.peer.Account, r.opt.now, r.peopleChanged); err != nil {
		return err
	}
	r.links = newLinks(r)
	if r.spheres, err = loadSpheres(ctx, r); err != nil {
		return err
	}
	if err := r.reissue(ctx); err != nil {
		return err
	}
	r.joins = newJoins()
	r.offers = newOffers()
	r.pasted = meet.NewOffers(r.id.peer.Device)
	r.outbox = outbox.New(r.store, r.id.peer.Account)
	if r.mail, err = loadMail(ctx, r); err != nil {
		return err
	}
	if r.opt.post != nil {
		r.mail.use(r.opt.post(r))
	}
	r.typing = newTyping(r.ctx, r.publishTyping)
	r.refresh = newRefresher(r)
	if err := r.spheres.start(ctx); err != nil {
		return err
	}
	if err := r.openShelf(ctx); err != nil {
		return err
	}
	if err := r.startNetwork(ctx); err != nil {
		return errors.Join(err, r.closeShelf())
	}
	r.startShelf()
	r.working.Go(r.mail.run)
	return nil
}

// loadCard takes the own card from the store. The caller holds signing, or is alone.
func (r *run) loadCard(ctx context.Context) error {
	signed, err := r.store.Setting(ctx, setCard)
	if err != nil {
		return err
	}
	card, err := seal.OpenCard(signed)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ownCard, r.signed = card, signed
	return nil
}

// end asks for another run to follow this one.
func (r *run) end() { r.ending.Do(func() { close(r.ended) }) }

// close ends all that start began, and closes the store. Whoever watches the
// run for its end finds the one that follows it.
func (r *run) close(reason link.Reason) error {
	defer r.end()
	r.links.shut(reason)
	r.cancel()
	if r.calls != nil {
		r.calls.Close()
	}
	failed := r.closeShelf()
	failed = errors.Join(failed, r.net.Close(reason))
	r.working.Wait()
	return errors.Join(failed, r.store.Close())
}

// rolledBack goes on as a new device, since a peer proved that this store is an
// older copy of itself.
func (r *run) rolledBack() {
	r.log.Warn("this device's history is older than what others have of it: it goes on as a new device")
	err := r.store.Update(r.ctx, func(tx *store.Tx) error { return tx.PutSetting(setRestored, []byte(rolledBack)) })
	if err != nil {
		r.log.Error("could not note that the history was rolled back", "error", err)
		return
	}
	r.end()
}

// reissue numbers anew what the device that this store was before had written
// and perhaps numbered twice. It is repeated after a crash until it is done.
func (r *run) reissue(ctx context.Context) error {
	value, err := r.store.Setting(ctx, setReissue)
	if err != nil || len(value) != len(kith.DeviceID{}) {
		return err
	}
	old := kith.DeviceID(value)
	beyondDoubt, err := r.beyondDoubt(ctx, old)
	if err != nil {
		return fmt.Errorf("comparing histories: %w", err)
	}
	keep := func(conv kith.ConversationID) uint64 { return beyondDoubt[conv] }
	moved, err := r.store.Reissue(ctx, old, r.id.peer.Device, keep, func(ev kith.Event, seq uint64) (kith.Event, error) {
		ev.Seq = seq
		_, inSphere := r.spheres.get(ev.Conversation)
		return r.id.seal(ev, inSphere)
	})
	if err != nil {
		return fmt.Errorf("numbering events anew: %w", err)
	}
	r.log.Info("events of the former device were numbered anew", "events", moved)
	return r.store.Update(ctx, func(tx *store.Tx) error { return tx.PutSetting(setReissue, nil) })
}

// beyondDoubt finds, for each conversation, the number up to which every
// device of the other side confirmed the events of a former device of ours.
func (r *run) beyondDoubt(ctx context.Context, old kith.DeviceID) (map[kith.ConversationID]uint64, error) {
	contacts, err := r.store.Contacts(ctx)
	if err != nil {
		return nil, err
	}
	through := map[kith.ConversationID]uint64{}
	for _, c := range contacts {
		conv := kith.DirectConversation(r.id.peer.Account, c.Account)
		marks, err := r.store.Marks(ctx, conv)
		if err != nil {
			return nil, err
		}
		for i, device := range c.Card.Devices {
			mark := marks[kith.Peer{Account: c.Account, Device: device}][old]
			if id, ok, err := r.store.EventAt(ctx, conv, old, mark.Seq); err != nil {
				return nil, err
			} else if !ok || id != mark.ID {
				mark.Seq = 0
			}
			if i == 0 || mark.Seq < through[conv] {
				through[conv] = mark.Seq
			}
		}
	}
	return through, nil
}

// observe is told by the store of every durable change.
func (r *run) observe(change store.Change) {
	if !r.isReady() {
		return
	}
	if change.Events || change.Read {
		r.links.changed(change.Conversation)
	}
	if change.Events {
		r.mail.changed(change.Conversation)
	}
	r.refresh.stored(change)
}

// isReady reports whether the network is up.
func (r *run) isReady() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ready
}

// peopleChanged is told by the directory of every changed contact.
func (r *run) peopleChanged(account kith.AccountID) {
	if !r.isReady() {
		return // nobody was told of them before
	}
	r.refresh.soon()
	r.links.greet(account)
	r.mail.news(account, outbox.Pause)
	c, ok := r.people.get(account)
	if !ok {
		c = kith.Contact{Account: account, Relation: kith.Removed}
	}
	view := r.viewContact(&c)
	r.notices.publish(Notice{Type: "contact", Contact: &view})
}

func (r *run) publishTyping(t Typing) { r.notices.publish(Notice{Type: "typing", Typing: &t}) }

// counters counts bad input from peers by what was wrong with it.
type counters struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu; at most maxCounters kinds
}

const maxCounters = 64

func (c *counters) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	if _, ok := c.counts[what]; !ok && len(c.counts) >= maxCounters {
		what = "other"
	}
	c.counts[what]++
}

func (c *counters) snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := map[string]int{}
	for what, n := range c.counts {
		counts[what] = n
	}
	return counts
}
