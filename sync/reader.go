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
	case wire.Roster:
		return t.onRoster(ctx, f)
	case wire.Records:
		return t.onRecords(ctx, f)
	default:
		if !t.mayTalkOfSpheres() {
			t.Host.Dropped("a frame before the greeting")
			return nil
		}
		return t.Host.Said(ctx, frame)
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
	t.enterSpheres()
	t.signal()
	return nil
}

func (t *Talk) onTyping(typing wire.Typing) {
	if lane, ok := t.lane(typing.Conversation); ok && t.flows(lane) {
		t.Host.Typing(typing.Conversation, typing.Active)
	}
}

func (t *Talk) onHave(ctx context.Context, have wire.Have) error {
	lane, ok := t.lane(have.Conversation)
	if !ok || !t.flows(lane) {
		t.Host.Dropped("a have vector of a conversation that is not common")
		return nil
	}
	if have.Partial {
		have.Marks = lane.merge(have.Marks)
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
	if mark.Seq == 0 || mark.ID.IsZero() {
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
	lane, ok := t.lane(frame.Conversation)
	if !ok || !t.flows(lane) {
		t.Host.Dropped("events of a conversation that is not common")
		return nil
	}
	if err := t.mayAuthor(ctx, lane, frame); err != nil {
		return err
	}
	events, err := t.intake().parse(lane.sphere, frame)
	if err != nil {
		return err
	}
	if frame.Author.Device == t.Own.Device {
		return t.onOwnEvents(ctx, lane, events)
	}
	applied, err := t.Store.Apply(ctx, lane.id, frame.Author, frame.First, events, t.applyOptions(lane, frame))
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

// applyOptions says how the store is to take the events of a frame.
func (t *Talk) applyOptions(lane *lane, frame wire.Events) store.ApplyOptions {
	var ahead time.Duration
	if frame.Author.Account == t.peer.Account {
		t.mu.Lock()
		ahead = t.ahead
		t.mu.Unlock()
	}
	hide := func(ev *kith.Event) bool { return t.Host.Hidden(ev, ahead) }
	return t.intake().options(lane.sphere, hide, frame)
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
