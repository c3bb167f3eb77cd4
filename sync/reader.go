package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"kith"
	"kith/store"
	"kith/wire"
)

// read takes frames until the stream ends.
func (t *Talk) read(ctx context.Context) error {
	frames := wire.NewReader(t.Stream)
	for {
		frame, err := frames.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = t.take(ctx, frame)
		for kith.KindOf(err) == kith.Full && t.wait(ctx) {
			err = t.take(ctx, frame)
		}
		if err != nil {
			return err
		}
	}
}

// take does what one frame asks for. Doing it again changes nothing.
func (t *Talk) take(ctx context.Context, frame wire.Frame) error {
	switch f := frame.(type) {
	case wire.Hello:
		return t.onHello(ctx, f)
	case wire.Have:
		return t.onHave(ctx, f)
	case wire.Events:
		return t.onEvents(ctx, f)
	case wire.Typing:
		t.onTyping(f)
	default:
		t.Host.Dropped("a frame that does not belong into a talk")
	}
	return nil
}

// fullPause is how long a frame waits that a full disk has no room for. Ending
// the link instead would make both sides link again for each new message.
const fullPause = 2 * time.Second

// wait lets the pause pass, and reports whether the link is still there then.
func (t *Talk) wait(ctx context.Context) bool {
	timer := time.NewTimer(fullPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.Link.Done():
	case <-ctx.Done():
	}
	return false
}

func (t *Talk) onHello(ctx context.Context, hello wire.Hello) error {
	open, err := t.Host.Greeted(ctx, hello)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.open = open
	t.ahead = hello.Now.Sub(t.Now())
	t.mu.Unlock()
	t.signal()
	return nil
}

// isOpen reports whether both sides accepted each other.
func (t *Talk) isOpen() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

func (t *Talk) onTyping(typing wire.Typing) {
	if _, ok := t.lanes[typing.Conversation]; ok && t.isOpen() {
		t.Host.Typing(typing.Conversation, typing.Active)
	}
}

func (t *Talk) onHave(ctx context.Context, have wire.Have) error {
	lane, ok := t.lanes[have.Conversation]
	if !ok || !t.isOpen() {
		t.Host.Dropped("a have vector of a conversation that is not common")
		return nil
	}
	fits, err := t.fits(ctx, lane, have.Marks[t.Own.Device])
	if err != nil {
		return fmt.Errorf("comparing histories: %w", err)
	}
	if fits {
		lane.setDoubt(nil)
		if _, err := t.Store.PutMarks(ctx, t.peer, have.Conversation, have.Marks, t.Now()); err != nil {
			return fmt.Errorf("storing what device %s has: %w", t.peer.Device.Short(), err)
		}
	}
	lane.tell(have.Marks)
	t.signal()
	return nil
}

// fits compares the peer's mark for this very device with our own history, and
// raises a doubt if they contradict each other.
func (t *Talk) fits(ctx context.Context, lane *lane, mark kith.Mark) (bool, error) {
	if mark.Seq == 0 {
		return true, nil
	}
	id, ok, err := t.Store.EventAt(ctx, lane.id, t.Own.Device, mark.Seq)
	if err != nil || ok && id == mark.ID {
		return err == nil, err
	}
	marks, err := t.Store.Marks(ctx, lane.id)
	if err != nil {
		return false, err
	}
	last := marks[t.peer][t.Own.Device]
	through := last.Seq
	if id, ok, err := t.Store.EventAt(ctx, lane.id, t.Own.Device, last.Seq); err != nil {
		return false, err
	} else if !ok || id != last.ID {
		through = 0
	}
	lane.setDoubt(&through)
	return false, nil
}

func (t *Talk) onEvents(ctx context.Context, frame wire.Events) error {
	lane, ok := t.lanes[frame.Conversation]
	if !ok || !t.isOpen() {
		t.Host.Dropped("events of a conversation that is not common")
		return nil
	}
	if err := t.mayAuthor(ctx, frame); err != nil {
		return err
	}
	events, err := t.parse(frame)
	if err != nil {
		return err
	}
	if frame.Author.Device == t.Own.Device {
		return t.onOwnEvents(ctx, lane, events)
	}
	t.mu.Lock()
	ahead := t.ahead
	t.mu.Unlock()
	hidden := func(ev *kith.Event) bool { return t.Host.Hidden(ev, ahead) }
	applied, err := t.Store.Apply(ctx, lane.id, frame.Author, frame.First, events, hidden)
	if errors.Is(err, store.ErrGap) {
		// The peer believed that we have more than we do; our first have
		// vector, which is on its way, sets it right.
		return nil
	}
	if err != nil {
		return fmt.Errorf("storing events of device %s: %w", frame.Author.Device.Short(), err)
	}
	for range applied.Void {
		t.Host.Dropped("an event that its author may not write")
	}
	t.signal()
	return nil
}

// mayAuthor refuses events that this peer has no business to hand on in a
// direct conversation: it speaks for its own account, and gives ours back.
func (t *Talk) mayAuthor(ctx context.Context, frame wire.Events) error {
	author := frame.Author
	if author.Account != t.peer.Account && author.Account != t.Own.Account {
		return kith.Errorf(kith.BadPeer, "events of account %s, which is not in the conversation", author.Account.Short())
	}
	if author.Device == t.Own.Device && author.Account != t.Own.Account {
		return kith.Errorf(kith.BadPeer, "events under the name of this device")
	}
	known, err := t.Store.Devices(ctx, frame.Conversation)
	if err != nil {
		return fmt.Errorf("looking up the devices of the conversation: %w", err)
	}
	account, ok := known[author.Device]
	if ok && account != author.Account {
		return kith.Errorf(kith.BadPeer, "device %s changed its account", author.Device.Short())
	}
	if !ok && len(known) >= maxAuthors {
		return kith.Errorf(kith.BadPeer, "a conversation of more than %d devices", maxAuthors)
	}
	return nil
}

// parse decodes the events of a frame and checks their numbers, and the tags
// of those that claim to be our own.
func (t *Talk) parse(frame wire.Events) ([]kith.Event, error) {
	events := make([]kith.Event, len(frame.Events))
	for i, sealed := range frame.Events {
		ev := &events[i]
		if err := wire.ParseEvent(sealed.Raw, ev); err != nil {
			return nil, err
		}
		ev.Conversation, ev.Author, ev.Proof = frame.Conversation, frame.Author, sealed.Proof
		if ev.Seq != frame.First+uint64(i) {
			return nil, kith.Errorf(kith.BadPeer, "event number %d came in the place of number %d", ev.Seq, frame.First+uint64(i))
		}
		if ev.Author.Account == t.Own.Account && !t.CheckTag(t.SelfKey, ev.Conversation, ev.Author.Device, ev.Raw, ev.Proof) {
			return nil, kith.Errorf(kith.BadPeer, "an event that claims to be ours but is not")
		}
	}
	return events, nil
}

// onOwnEvents takes events of this very device, which are proven to be its
// own: they are known, or the store was rolled back.
func (t *Talk) onOwnEvents(ctx context.Context, lane *lane, events []kith.Event) error {
	for i := range events {
		id, ok, err := t.Store.EventAt(ctx, lane.id, t.Own.Device, events[i].Seq)
		if err != nil {
			return err
		}
		if !ok || id != events[i].ID {
			return ErrRolledBack
		}
	}
	return nil
}

// through is a copy of v in which device is known only up to seq.
func through(v kith.Vector, device kith.DeviceID, seq uint64, id kith.EventID) kith.Vector {
	v = maps.Clone(v)
	if seq == 0 {
		delete(v, device)
	} else {
		v[device] = kith.Mark{Seq: seq, ID: id}
	}
	return v
}
