package node

import (
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
	"kith/meet"
	"kith/meet/call"
	"kith/seal"
	"kith/shelf/keeping"
)

// maxHubNotices bounds the notices of one hub that are kept.
const maxHubNotices = 100

// A hub is one hub in use.
type hub struct {
	r       *run
	of      *hubs
	url     string
	host    string
	client  *hubapi.Client
	courier *call.Hub
	ctx     context.Context
	stop    context.CancelFunc
	mail    chan hubapi.Mail // as many as a hub may send before some are taken
	keeper  *keeping.Keeper  // nil without files

	mu    sync.Mutex // guards the rest
	log   hubLog
	boxes map[hubapi.Key]kith.AccountID
}

// A hubLog is what is kept of a hub: the key of its notices, as it was when the
// hub was first used, and the notices.
type hubLog struct {
	Key     string
	Notices []HubNotice
	// Keeps is since when it has a seedbox for this device: what is shared from
	// then on is kept there.
	Keeps time.Time
}

func setHubLog(host string) string { return "hub " + host }

func (hs *hubs) newHub(url string) *hub {
	h := &hub{r: hs.r, of: hs, url: url, host: hubapi.Host(url), mail: make(chan hubapi.Mail, hubapi.MailWindow), boxes: map[hubapi.Key]kith.AccountID{}}
	if err := loadJSON(hs.r.ctx, hs.r.store, setHubLog(h.host), &h.log); err != nil {
		hs.r.log.Warn("what was kept of a hub can't be read", "hub", h.host, "error", err)
	}
	var since uint64
	for _, n := range h.log.Notices {
		since = max(since, n.ID)
	}
	h.ctx, h.stop = context.WithCancel(hs.r.ctx)
	h.client = hubapi.New(hubapi.Options{
		URL: url, Key: seal.HubKey(hs.r.id.device, h.host), Since: since, Events: h, HTTP: hs.http, Log: hs.r.log,
	})
	h.courier = call.NewHub(h.client)
	h.keeper = h.newKeeper()
	return h
}

// run uses the hub until it is not wanted any more.
func (h *hub) run() {
	defer h.stop()
	var parts sync.WaitGroup
	parts.Go(func() { h.client.Run(h.ctx) })
	parts.Go(func() { h.courier.Run(h.ctx, h.r.calls) })
	parts.Go(h.takeMail)
	if h.keeper != nil {
		parts.Go(func() { h.keeper.Run(h.ctx) })
	}
	parts.Wait()
}

func (h *hub) mailbox() bool { return slices.Contains(h.client.State().Parts, hubapi.PartMailbox) }

// setBoxes opens a box for each of these.
func (h *hub) setBoxes(who []meet.Correspondent) {
	var boxes []hubapi.OwnBox
	owner := map[hubapi.Key]kith.AccountID{}
	for _, w := range who {
		from := w.Account
		if from.IsZero() {
			from = joinersBox(w.Key)
		}
		key, token := seal.BoxKey(h.r.id.device, h.host, from)
		boxes = append(boxes, hubapi.OwnBox{Key: key, Token: token})
		owner[hubapi.KeyOf(key)] = w.Account // zero: whoever holds an invitation
	}
	h.mu.Lock()
	h.boxes = owner
	h.mu.Unlock()
	h.client.SetBoxes(boxes)
}

// opens reports whether an account has a box here.
func (h *hub) opens(from kith.AccountID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, account := range h.boxes {
		if account == from {
			return true
		}
	}
	return false
}

// takeMail brings envelopes to disk and then takes them out of their boxes, as
// many at a time as have come.
func (h *hub) takeMail() {
	for {
		select {
		case first := <-h.mail:
			batch := []hubapi.Mail{first}
			for more := true; more && len(batch) < hubapi.MailWindow; {
				select {
				case m := <-h.mail:
					batch = append(batch, m)
				default:
					more = false
				}
			}
			byBox := map[hubapi.Key][]hubapi.Mail{}
			for _, m := range batch {
				byBox[m.Box] = append(byBox[m.Box], m)
			}
			for box, mails := range byBox {
				h.take(box, mails)
			}
		case <-h.ctx.Done():
			return
		}
	}
}

// take takes what came in one box.
func (h *hub) take(box hubapi.Key, mails []hubapi.Mail) {
	h.mu.Lock()
	from, ok := h.boxes[box]
	h.mu.Unlock()
	if !ok {
		return // a box that is not ours any more
	}
	envelopes := make([][]byte, len(mails))
	for i, m := range mails {
		envelopes[i] = m.Body
	}
	var taken []uint64
	for i, err := range h.r.mailsCame(h.ctx, from, h.host, envelopes) {
		switch {
		case err == nil:
		case kith.KindOf(err) == kith.BadPeer:
			h.r.dropped.add("an envelope that does not open")
			h.r.log.Info("an envelope was dropped", "hub", h.host, "reason", err)
		default:
			if h.ctx.Err() == nil {
				h.r.log.Warn("an envelope could not be stored; it stays with the hub", "hub", h.host, "error", err)
			}
			continue
		}
		taken = append(taken, mails[i].ID)
	}
	h.client.Taken(box, taken...)
}

// Connected is called when the hub greeted us.
func (h *hub) Connected(hubapi.Welcome) {
	h.r.working.Go(h.learn)
	h.r.joinMail.publishSoon()
}

// learn asks for the key of the hub's notices, which is believed the first time.
func (h *hub) learn() {
	if _, known := h.noticeKey(); known {
		return
	}
	info, err := hubapi.FetchInfo(h.ctx, h.of.http, h.url)
	if err != nil {
		h.r.log.Debug("a hub does not say who it is", "hub", h.host, "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log.Key = info.Notices
	h.save()
}

func (h *hub) noticeKey() (key hubapi.Key, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, err := hex.DecodeString(h.log.Key)
	if err != nil || len(b) != len(key) {
		return key, false
	}
	return hubapi.Key(b), true
}

// save keeps the log. h.mu is held.
func (h *hub) save() {
	if err := saveJSON(h.ctx, h.r.store, setHubLog(h.host), h.log); err != nil && h.ctx.Err() == nil {
		h.r.log.Error("could not keep what a hub says", "hub", h.host, "error", err)
	}
}

// Present passes on what the hub tells.
func (h *hub) Present(tag hubapi.Tag) { h.courier.Present(tag) }

// Note passes on what the hub tells.
func (h *hub) Note(tag hubapi.Tag, body []byte) { h.courier.Note(tag, body) }

// Mail takes an envelope. A hub that sends more than it may loses nothing of
// ours: what finds no room comes again.
func (h *hub) Mail(m hubapi.Mail) {
	select {
	case h.mail <- m:
	default:
		h.r.dropped.add("an envelope beyond what a hub may send at a time")
	}
}

// Notice shows a word of the hub's moderator, if the hub signed it.
func (h *hub) Notice(n hubapi.Notice) {
	h.learn()
	key, known := h.noticeKey()
	if !known || hubapi.CheckNotice(&n, key, h.client.Key()) != nil {
		h.r.dropped.add("a notice that the hub did not sign")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.ContainsFunc(h.log.Notices, func(have HubNotice) bool { return have.ID == n.ID }) {
		return
	}
	notice := HubNotice{Hub: h.host, ID: n.ID, At: hubapi.Time(n.At), ToYou: len(n.To) > 0, Text: n.Text}
	h.log.Notices = append(h.log.Notices, notice)
	h.log.Notices = h.log.Notices[max(0, len(h.log.Notices)-maxHubNotices):]
	h.save()
	h.r.notices.publish(Notice{Type: "hub-notice", HubNotice: &notice})
}

// Relay takes new credentials at the hub's STUN and TURN servers.
func (h *hub) Relay(hubapi.Relay) { h.r.relaysChanged() }

// Space takes how much the hub's seedbox keeps for this device.
func (h *hub) Space(s hubapi.Space) {
	h.spaceCame(s)
	h.of.changed()
}

// Changed shows how the hub does.
func (h *hub) Changed() {
	h.of.changed()
	h.r.mail.hubsChanged()
}

func (h *hub) view(own bool) Hub {
	s := h.client.State()
	h.mu.Lock()
	notices := slices.Clone(h.log.Notices)
	h.mu.Unlock()
	if notices == nil {
		notices = []HubNotice{}
	}
	if s.Parts == nil {
		s.Parts = []string{}
	}
	return Hub{
		URL: h.url, Name: h.host, Own: own, Phase: string(s.Phase), Reason: h.courier.State().Reason, Since: s.Since,
		Next: optional(s.Next), Parts: s.Parts, Device: h.client.Key().Short(), Space: viewSpace(h.client.Space()), Notices: notices,
	}
}

// A Hub is a helper server as this device uses it.
type Hub struct {
	URL    string     `json:"url"`
	Name   string     `json:"name" doc:"Host, and port if it is not the usual one"`
	Own    bool       `json:"own" doc:"On this person's list; else a contact can be met there"`
	Phase  string     `json:"phase" enum:"connecting,connected,waiting,blocked,stopped"`
	Reason string     `json:"reason" doc:"How it does, a sentence for people"`
	Since  time.Time  `json:"since" doc:"Of the phase"`
	Next   *time.Time `json:"next,omitempty" doc:"Of the next attempt, or the end of the block"`
	Parts  []string   `json:"parts" doc:"What the hub does: meet, relay, mailbox, tracker, seedbox"`
	Device string     `json:"device" doc:"What this device is called there, and nowhere else"`
	Space  *HubSpace  `json:"space,omitempty" doc:"How much its seedbox keeps of this device's files; absent if it has none"`
	// Notices are the words of its moderator, oldest first.
	Notices []HubNotice `json:"notices"`
}

// A HubNotice is a signed word of a hub's moderator.
type HubNotice struct {
	Hub   string    `json:"hub"`
	ID    uint64    `json:"id"`
	At    time.Time `json:"at"`
	ToYou bool      `json:"to_you" doc:"To this device alone"`
	Text  string    `json:"text"`
}
