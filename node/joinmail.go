package node

import (
	"context"
	"encoding/hex"

	"sync"
	"time"

	"kith"
	"kith/hubapi"
	"kith/outbox"
	"kith/seal"
	talk "kith/sync"
	"kith/wire"
)

// Timing of joining by letters.
const (
	// publishPause gathers what changes at once.
	publishPause = 100 * time.Millisecond
	// askPause is how long a link may take before a letter asks in its place.
	askPause = 3 * time.Second
	// askAgain is how often the bundle of somebody who did not answer is looked at,
	// and askRetry that of somebody whose hub could not be asked.
	askAgain = 15 * time.Minute
	askRetry = time.Minute
)

// joinMail lets an invitation work while its giver is away:
//
//	giver                     hub                        joiner
//	  │── bundle, sealed ──────▶│                           │
//	  ·  away                   │◀── the name of the bundle ─│
//	  ·                         │── bundle ─────────────────▶│
//	  ·                         │◀── envelope: JoinRequest ──│  in the box of the
//	  │◀── envelope ────────────│                           │  invitation
//	  │── envelope: JoinReply ─▶│── envelope ───────────────▶│
//
// The bundle holds the giver's card, a prekey and a box. Nobody who lacks the
// invitation can find or read it.
type joinMail struct {
	r    *run
	wake chan struct{} // holds one

	asking sync.Mutex // held while asking, lest one is asked twice

	mu        sync.Mutex // guards the rest
	published map[string]published
	asked     map[kith.AccountID]string    // the prekey with which they were asked, in hex
	next      map[kith.AccountID]time.Time // when to look at a bundle again
	replies   map[kith.Peer]wire.JoinReply
	answered  int // replies that were left
}

// published says what lies at which hubs for an invitation.
type published struct {
	prekey []byte
	at     map[string]bool // by URL; of this connection
}

func newJoinMail(r *run) *joinMail {
	return &joinMail{
		r: r, wake: make(chan struct{}, 1),
		published: map[string]published{}, asked: map[kith.AccountID]string{}, next: map[kith.AccountID]time.Time{}, replies: map[kith.Peer]wire.JoinReply{},
	}
}

// joinersBox names the box into which whoever holds an invitation writes.
func joinersBox(key seal.MeetKey) kith.AccountID { return key.Bundle() }

// publishSoon publishes what is new, in a moment.
func (j *joinMail) publishSoon() {
	if j == nil {
		return
	}
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// askSoon asks by letter those of whom an invitation was used, if no link comes.
func (j *joinMail) askSoon() { j.publishSoon() }

// run publishes and asks until the run ends.
func (j *joinMail) run() {
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		select {
		case <-j.wake:
		case <-again.C:
			j.mu.Lock()
			j.published = map[string]published{} // hubs may have forgotten
			j.mu.Unlock()
		case <-j.r.ctx.Done():
			return
		}
		if !j.pause(publishPause) {
			return
		}
		j.publish()
		j.r.working.Go(func() {
			if j.pause(askPause) {
				j.ask()
			}
		})
	}
}

func (j *joinMail) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-j.r.ctx.Done():
		return false
	}
}

func setBundle(name string) string { return "bundle " + name }

// publish sees to it that every open invitation has a bundle at every own hub
// with a mailbox.
func (j *joinMail) publish() {
	if !j.r.isVisible() {
		return
	}
	own := map[string]*hub{}
	for _, url := range j.r.hubs.urls() {
		for _, h := range j.r.hubs.list() {
			if h.url == url && h.mailbox() && h.client.State().Phase == hubapi.Connected {
				own[url] = h
			}
		}
	}
	for _, inv := range j.r.people.invitationList() {
		if !inv.UsedBy.IsZero() && !inv.Reusable || inv.Revoked || !j.r.opt.now().Before(inv.Expires) {
			continue
		}
		key := seal.InvitationMeet(inv.Secret)
		for url, h := range own {
			if err := j.publishAt(h, key, inv.Expires); err != nil && j.r.ctx.Err() == nil {
				j.r.log.Info("an invitation works only while this device is on", "hub", hubapi.Host(url), "reason", err)
			}
		}
	}
}

func (j *joinMail) publishAt(h *hub, key seal.MeetKey, until time.Time) error {
	id := key.Bundle()
	name := hex.EncodeToString(id[:])
	j.mu.Lock()
	done := j.published[name].at[h.url]
	j.mu.Unlock()
	if done {
		return nil
	}
	prekey, err := j.prekey(name)
	if err != nil {
		return err
	}
	box, token := seal.BoxKey(h.r.id.device, h.host, joinersBox(key))
	j.r.mu.Lock()
	card := j.r.signed
	j.r.mu.Unlock()
	plain, err := wire.AppendBundle(nil, wire.Bundle{
		Card: card, Prekey: prekey, Drops: []wire.Drop{{Hub: h.url, Box: hubapi.KeyOf(box), Token: token}},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(j.r.ctx, letterTimeout)
	defer cancel()
	if _, err := h.client.Publish(ctx, id, key.SealBundle(plain), until); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	p := j.published[name]
	if p.at == nil {
		p = published{prekey: prekey, at: map[string]bool{}}
	}
	p.at[h.url] = true
	j.published[name] = p
	return nil
}

// prekey gives the prekey of an invitation, and draws one if there is none.
func (j *joinMail) prekey(name string) ([]byte, error) {
	prekey, err := j.r.store.Setting(j.r.ctx, setBundle(name))
	if err != nil || len(prekey) > 0 {
		return prekey, err
	}
	if prekey, err = j.r.mail.publish(j.r.ctx); err != nil {
		return nil, err
	}
	return prekey, j.r.putSetting(setBundle(name), prekey)
}

// ask asks by letter everybody of whom an invitation was used, who has not
// answered yet and to whom there is no link.
func (j *joinMail) ask() {
	j.asking.Lock()
	defer j.asking.Unlock()
	for _, c := range j.r.people.unsorted() {
		if c.Invitation.IsZero() || j.r.links.has(c.Account) || !j.r.isVisible() {
			continue
		}
		j.mu.Lock()
		waits := time.Now().Before(j.next[c.Account])
		if !waits {
			j.next[c.Account] = time.Now().Add(askRetry)
		}
		j.mu.Unlock()
		if waits {
			continue // whom this device looks for may change many times a minute
		}
		for _, hub := range hubsOf(&c) {
			err := j.askAt(hub, &c)
			if err == nil {
				j.mu.Lock()
				j.next[c.Account] = time.Now().Add(askAgain)
				j.mu.Unlock()
				break
			}
			if j.r.ctx.Err() == nil {
				j.r.log.Info("an invitation could not be answered by letter", "hub", hubapi.Host(hub), "reason", err)
			}
		}
	}
}

func (j *joinMail) askAt(url string, c *kith.Contact) error {
	key := seal.InvitationMeet(c.Invitation)
	sealed, err := hubapi.FetchBundle(j.r.ctx, j.r.hubs.http, url, key.Bundle())
	if err != nil {
		return err
	}
	plain, err := key.OpenBundle(sealed)
	if err != nil {
		return err
	}
	bundle, err := wire.ParseBundle(plain)
	if err != nil {
		return err
	}
	card, err := seal.OpenCard(bundle.Card)
	if err != nil {
		return err
	}
	if card.Account != c.Account {
		return kith.Errorf(kith.BadPeer, "the card that a hub keeps for this invitation is somebody else's")
	}
	used := hex.EncodeToString(bundle.Prekey[:min(64, len(bundle.Prekey))])
	j.mu.Lock()
	asked := j.asked[c.Account] == used
	j.mu.Unlock()
	if asked {
		return nil
	}
	var peer kith.Peer
	err = kith.Errorf(kith.BadPeer, "the key that a hub keeps for this invitation is of none of their devices")
	for _, device := range card.Devices {
		peer = kith.Peer{Account: card.Account, Device: device}
		if _, failed := seal.OpenPrekey(bundle.Prekey, peer); failed == nil {
			err = nil
			break
		}
	}
	if err != nil {
		return err
	}
	frame := wire.JoinRequest{
		Version: talk.Version, Proof: seal.InvitationProof(c.Invitation, j.r.id.peer.Device[:], j.r.id.peer.Account),
		Half: c.Half, Addresses: j.r.net.Addresses(),
	}
	j.r.mu.Lock()
	frame.Card = j.r.signed
	j.r.mu.Unlock()
	envelope, err := j.seal(peer, seal.InvitationSession(c.Invitation), bundle.Prekey, frame)
	if err != nil {
		return err
	}
	for _, d := range bundle.Drops {
		if _, err = j.r.hubs.Leave(j.r.ctx, outbox.Drop(d), envelope); err == nil {
			j.mu.Lock()
			j.asked[c.Account] = used
			j.mu.Unlock()
			return nil
		}
	}
	return err
}

// seal seals a frame about an invitation into a letter.
func (j *joinMail) seal(to kith.Peer, secret kith.Secret, prekey []byte, frame wire.Frame) ([]byte, error) {
	body, err := wire.AppendFrame(nil, frame)
	if err != nil {
		return nil, err
	}
	letter := wire.Letter{
		Join:  wire.AppendJoin(nil, seal.SignJoin(j.r.id.device, to, body), body),
		Drops: &wire.Drops{Drops: wireDrops(j.r.hubs.Drops(to.Account)), Wants: prekeysHeld},
	}
	return j.r.mail.sealFor(j.r.ctx, to, secret, prekey, letter)
}

// Secrets are those of all invitations that are open.
func (j *joinMail) Secrets(kith.Peer) []kith.Secret {
	var secrets []kith.Secret
	for _, inv := range j.r.people.invitationList() {
		secrets = append(secrets, seal.InvitationSession(inv.Secret))
	}
	return secrets
}

// Joined takes a request of somebody who used an invitation, or the reply of its
// giver.
func (j *joinMail) Joined(ctx context.Context, from kith.Peer, join []byte) error {
	frame, signed, signature, err := wire.ParseJoin(join)
	if err != nil {
		return err
	}
	if err := seal.VerifyJoin(from.Device, j.r.id.peer, signed, signature); err != nil {
		return err
	}
	switch f := frame.(type) {
	case wire.JoinRequest:
		return j.requested(ctx, from, f)
	case wire.JoinReply:
		return j.replied(ctx, from, f)
	}
	return kith.Errorf(kith.BadPeer, "a %T in a letter about an invitation", frame)
}

func (j *joinMail) requested(ctx context.Context, from kith.Peer, request wire.JoinRequest) error {
	secret, ok := j.r.invitedBy(from, from.Device[:], request.Proof)
	if !ok {
		return kith.Errorf(kith.BadPeer, "a request without proof of an invitation")
	}
	reply, err := j.r.decide(ctx, from, secret, request)
	if err != nil {
		return err
	}
	id := seal.InvitationMeet(secret).Bundle()
	name := hex.EncodeToString(id[:])
	if err := j.r.putSetting(setBundle(name), nil); err != nil { // its prekey is used up
		return err
	}
	j.mu.Lock()
	delete(j.published, name)
	j.replies[from] = reply
	j.mu.Unlock()
	j.r.refresh.soon()
	return nil
}

// Taken answers a request, now that there is a session for the answer.
func (j *joinMail) Taken(from kith.Peer) {
	j.mu.Lock()
	reply, ok := j.replies[from]
	delete(j.replies, from)
	j.mu.Unlock()
	if ok {
		j.r.working.Go(func() { j.reply(from, reply) })
	}
}

// reply leaves a reply for a device. If that fails the next link answers.
func (j *joinMail) reply(to kith.Peer, reply wire.JoinReply) {
	envelope, err := j.seal(to, kith.Secret{}, nil, reply)
	if err == nil {
		_, _, err = j.r.mail.leaveFor(j.r.ctx, to, envelope)
	}
	if err == nil {
		j.mu.Lock()
		j.answered++
		j.mu.Unlock()
		return
	}
	if j.r.ctx.Err() == nil {
		j.r.log.Info("who used an invitation is answered by the next link only", "device", to.Device.Short(), "reason", err)
	}
}

func (j *joinMail) replied(ctx context.Context, from kith.Peer, reply wire.JoinReply) error {
	c, ok := j.r.people.get(from.Account)
	if !ok || c.Invitation.IsZero() {
		return kith.Errorf(kith.BadPeer, "an answer to a request that was not made")
	}
	if reply.Status != wire.JoinAccepted && reply.Status != wire.JoinWaiting {
		err := j.r.refused(ctx, c.Account, reply.Status)
		if kith.KindOf(err) == kith.Conflict || kith.KindOf(err) == kith.Forbidden || kith.KindOf(err) == kith.NotFound {
			return nil // it is noted
		}
		return err
	}
	if err := j.r.agreed(ctx, from, reply); err != nil {
		return err
	}
	j.r.joins.answer(c.Account, nil)
	return nil
}
