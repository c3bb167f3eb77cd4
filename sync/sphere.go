package sync

import (
	"context"
	"slices"

	"kith"
	"kith/wire"
)

// A Sphere is what a talk needs of one sphere. Its methods may be called from
// any goroutine.
type Sphere interface {
	ID() kith.ConversationID
	// Heads are those of the roster that is here, in ascending order.
	Heads() []kith.RecordID
	// Lacks gives the records that a device of account, which has all up to
	// heads, is to get: none before its parents, and to somebody who is no
	// longer a member none after the one that says so.
	Lacks(account kith.AccountID, heads []kith.RecordID) []*kith.Record
	// Take verifies and stores records that were handed on. They are durable
	// when it returns.
	Take(ctx context.Context, records []wire.SealedRecord) error
	// Shared reports whether this account and another are both members now:
	// then events flow.
	Shared(account kith.AccountID) bool
	// Known reports whether an account ever was a member.
	Known(account kith.AccountID) bool
	// Since tells what of each author device a member does not get.
	Since(account kith.AccountID) kith.Cut
	// Counts reports whether the author of an event may say what it says.
	Counts(ev *kith.Event) bool
}

// recordsSize is how many bytes of records go into a frame.
const recordsSize = 512 << 10

// serveRoster tells what records are here, if that changed, and sends those
// that the peer lacks. It comes before the events of the sphere, always: so
// whoever has an event has every record that its author knew, and whoever was
// removed gets nothing that was written by somebody who knows it.
//
// It reports whether the peer has been sent every record that it may have,
// which it has not before it told what it has.
func (t *Talk) serveRoster(frames *wire.Writer, lane *lane) (sent bool, err error) {
	heads := lane.sphere.Heads()
	if again := lane.tellAgain(); again || lane.toldHeads == nil || !slices.Equal(heads, lane.toldHeads) {
		lane.toldHeads = append([]kith.RecordID{}, heads...)
		lane.stale = true
		if err := frames.Write(wire.Roster{Conversation: lane.id, Heads: heads}); err != nil {
			return false, err
		}
	}
	theirs, told, news := lane.roster()
	if !told || !news && !lane.stale {
		return told, nil
	}
	lane.stale = false
	var batch []wire.SealedRecord
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := frames.Write(wire.Records{Conversation: lane.id, Records: batch})
		batch, size = nil, 0
		return err
	}
	for _, rec := range lane.sphere.Lacks(t.peer.Account, theirs) {
		if lane.given[rec.ID] {
			continue
		}
		if size+len(rec.Raw) > recordsSize || len(batch) == wire.MaxRecordsInFrame {
			if err := flush(); err != nil {
				return false, err
			}
		}
		batch = append(batch, wire.SealedRecord{Author: rec.Author, Raw: rec.Raw, Proof: rec.Proof, Certificate: rec.Certificate})
		size += len(rec.Raw)
		lane.given[rec.ID] = true
	}
	return true, flush()
}

// onRoster takes what records the peer has. A sphere that is not known here is
// none of the peer's business, and no fault of theirs: they may have heard of
// this account's joining, or not yet of its leaving, before this device did.
func (t *Talk) onRoster(ctx context.Context, frame wire.Roster) error {
	lane, ok := t.sphereLane(frame.Conversation)
	if !ok {
		return nil
	}
	lane.tellRoster(frame.Heads)
	t.signal()
	return t.Host.HasRoster(ctx, frame.Conversation, frame.Heads)
}

func (t *Talk) onRecords(ctx context.Context, frame wire.Records) error {
	lane, ok := t.sphereLane(frame.Conversation)
	if !ok {
		t.Host.Dropped("records of a sphere that is not common")
		return nil
	}
	if err := lane.sphere.Take(ctx, frame.Records); err != nil {
		return err
	}
	t.signal()
	return nil
}

// sphereLane finds the lane of a sphere, and makes it if the sphere is common
// with the peer since.
func (t *Talk) sphereLane(id kith.ConversationID) (*lane, bool) {
	if !t.mayTalkOfSpheres() {
		return nil, false
	}
	if lane, ok := t.lane(id); ok {
		return lane, lane.sphere != nil
	}
	t.enterSpheres()
	return t.lane(id)
}

// enterSpheres makes lanes of the spheres that became common.
func (t *Talk) enterSpheres() {
	for _, sphere := range t.Host.Spheres() {
		t.mu.Lock()
		if _, ok := t.lanes[sphere.ID()]; !ok {
			lane := newLane(sphere.ID())
			lane.sphere, lane.given = sphere, map[kith.RecordID]bool{}
			t.lanes[sphere.ID()] = lane
		}
		t.mu.Unlock()
	}
}

func (t *Talk) mayTalkOfSpheres() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open.Spheres
}
