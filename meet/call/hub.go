package call

import (
	"context"
	"fmt"
	"sync"
	"time"

	"kith/hubapi"
	"kith/meet"
)

// dayOverlap is how long before and after midnight both days' tags are listened
// under, for clocks differ.
const dayOverlap = 2 * time.Hour

// Hub is the courier of one hub. Whoever runs its client gives Present and Note
// what the client hears.
type Hub struct {
	client *hubapi.Client
	host   string
	wake   chan struct{} // holds one
	now    func() time.Time

	mu     sync.Mutex // guards the rest
	mail   meet.Mail  // nil unless it runs
	wanted []meet.Correspondent
	byTag  map[hubapi.Tag]meet.Correspondent
}

// NewHub makes the courier of a hub.
func NewHub(client *hubapi.Client) *Hub {
	return &Hub{
		client: client, host: hubapi.Host(client.URL()), wake: make(chan struct{}, 1), now: time.Now,
		byTag: map[hubapi.Tag]meet.Correspondent{},
	}
}

// Name is meet.WayHub.
func (h *Hub) Name() string { return meet.WayHub }

// Live is true: a hub passes notes on, and keeps none.
func (h *Hub) Live() bool { return true }

// Run listens for all correspondents until ctx ends.
func (h *Hub) Run(ctx context.Context, mail meet.Mail) error {
	h.setMail(mail)
	defer func() {
		h.setMail(nil)
		h.client.SetTags(nil)
	}()
	for {
		h.listen()
		timer := time.NewTimer(h.untilChange())
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-h.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (h *Hub) setMail(mail meet.Mail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mail = mail
}

// days are those under whose tags others may listen now.
func days(now time.Time) []uint32 {
	day := func(t time.Time) uint32 { return uint32(t.Unix() / (24 * 60 * 60)) }
	list := []uint32{day(now)}
	for _, other := range []uint32{day(now.Add(-dayOverlap)), day(now.Add(dayOverlap))} {
		if other != list[0] {
			list = append(list, other)
		}
	}
	return list
}

// untilChange is how long the days stay the same.
func (h *Hub) untilChange() time.Duration {
	into := time.Duration(h.now().Unix()%(24*60*60)) * time.Second
	for _, at := range []time.Duration{dayOverlap, 24*time.Hour - dayOverlap, 24 * time.Hour} {
		if into < at {
			return at - into + time.Second
		}
	}
	return time.Hour
}

// listen tells the client under which tags to listen.
func (h *Hub) listen() {
	today := days(h.now())
	h.mu.Lock()
	byTag := make(map[hubapi.Tag]meet.Correspondent, len(h.wanted))
	for _, who := range h.wanted {
		for _, day := range today {
			byTag[hubapi.Tag(who.Key.Tag(h.host, day))] = who
		}
	}
	h.byTag = byTag
	h.mu.Unlock()
	tags := make([]hubapi.Tag, 0, len(byTag))
	for tag := range byTag {
		tags = append(tags, tag)
	}
	h.client.SetTags(tags)
}

// SetCorrespondents listens for these instead.
func (h *Hub) SetCorrespondents(list []meet.Correspondent) {
	h.mu.Lock()
	h.wanted = list
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Send says a note to the other devices that listen now.
func (h *Hub) Send(ctx context.Context, to meet.Correspondent, note []byte) (heard int, known bool, err error) {
	for _, day := range days(h.now()) {
		n, err := h.client.Note(ctx, hubapi.Tag(to.Key.Tag(h.host, day)), note)
		if err != nil {
			return heard, true, err
		}
		if heard += n; heard > 0 {
			break
		}
	}
	return heard, true, nil
}

// Hasten does nothing: a hub tells at once.
func (h *Hub) Hasten(meet.Correspondent) {}

// NetworkChanged looks at once whether the hub can still be reached.
func (h *Hub) NetworkChanged() { h.client.Hasten() }

// Present takes what the client heard.
func (h *Hub) Present(tag hubapi.Tag) {
	if who, mail := h.find(tag); mail != nil {
		mail.Present(who, h)
	}
}

// Note takes what the client heard.
func (h *Hub) Note(tag hubapi.Tag, body []byte) {
	if who, mail := h.find(tag); mail != nil {
		mail.Note(who, h, body)
	}
}

// find gives no mail for a tag that is not, or no longer, listened under.
func (h *Hub) find(tag hubapi.Tag) (meet.Correspondent, meet.Mail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	who, ok := h.byTag[tag]
	if !ok {
		return who, nil
	}
	return who, h.mail
}

// State tells how the connection to the hub does.
func (h *Hub) State() meet.State {
	s := h.client.State()
	state := meet.State{Way: meet.WayHub, Working: s.Phase == hubapi.Connected, Since: s.Since}
	switch s.Phase {
	case hubapi.Connected:
		state.Reason = fmt.Sprintf("Connected to the hub %s.", h.host)
	case hubapi.Connecting:
		state.Reason = fmt.Sprintf("Connecting to the hub %s.", h.host)
	case hubapi.KeptOut:
		state.Reason = fmt.Sprintf("The moderator of the hub %s blocked this device until %s.", h.host, s.Next.Local().Format("2006-01-02 15:04"))
	case hubapi.Waiting:
		state.Reason = fmt.Sprintf("No connection to the hub %s: %s. It is tried again at %s.", h.host, s.Reason, s.Next.Local().Format("15:04:05"))
	default:
		state.Reason = fmt.Sprintf("The hub %s is not used now.", h.host)
	}
	return state
}

var _ meet.Courier = (*Hub)(nil)
