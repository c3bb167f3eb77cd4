package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"kith"
	"kith/wire"
)

// pump sends whatever there is to send, and waits for more.
func (t *Talk) pump(ctx context.Context) error {
	frames := wire.NewWriter(t.Stream)
	for {
		t.mu.Lock()
		hello, typing := t.hello, t.typing
		t.hello, t.typing = false, nil
		var say []wire.Frame
		if t.open.Spheres {
			say, t.say = t.say, nil
		}
		t.mu.Unlock()

		if hello {
			if err := frames.Write(t.Host.Hello()); err != nil {
				return err
			}
		}
		more := false
		for _, lane := range t.opened() {
			sentAll, err := t.serve(ctx, frames, lane)
			if err != nil {
				return err
			}
			more = more || !sentAll
		}
		// After the rosters, which they may depend on.
		for _, frame := range say {
			if err := frames.Write(frame); err != nil {
				return err
			}
		}
		for _, typing := range typing {
			if lane, ok := t.lane(typing.Conversation); !ok || !t.flows(lane) {
				continue
			}
			if err := frames.Write(typing); err != nil {
				return err
			}
		}
		if more {
			continue
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// serve tells what we have, if that changed, and sends one batch of events of
// each author. It reports whether the peer has been sent all that it lacks.
func (t *Talk) serve(ctx context.Context, frames *wire.Writer, lane *lane) (sentAll bool, err error) {
	// What is sent in the end is no more than what is here now. So the roster,
	// which is sent between, holds every record that the authors of these
	// events knew.
	have, err := t.Store.Have(ctx, lane.id)
	if err != nil {
		return false, fmt.Errorf("reading what we have of a conversation: %w", err)
	}
	if lane.sphere != nil {
		sent, err := t.serveRoster(frames, lane)
		if err != nil {
			return false, err
		}
		if !sent || !lane.sphere.Shared(t.peer.Account) {
			return true, nil
		}
		lane.skip(lane.sphere.Since(t.peer.Account))
	}
	if err := t.tellHave(ctx, frames, lane, have); err != nil {
		return false, err
	}
	if !lane.take() {
		return true, nil // until the peer told what it has
	}
	sentAll = true
	for device, mark := range have {
		if device == t.Own.Device && lane.doubted() != nil {
			continue
		}
		if lane.sent[device] >= mark.Seq {
			continue
		}
		more, err := t.sendBatch(ctx, frames, lane, device, mark.Seq)
		if err != nil {
			return false, err
		}
		sentAll = sentAll && !more
	}
	return sentAll, nil
}

// tellHave sends our vector if it differs from the last one sent.
func (t *Talk) tellHave(ctx context.Context, frames *wire.Writer, lane *lane, have kith.Vector) error {
	told := maps.Clone(have)
	if !t.Host.TellsRead() {
		for device, mark := range told {
			mark.Read = 0
			told[device] = mark
		}
	}
	if doubt := lane.doubted(); doubt != nil {
		id, _, err := t.Store.EventAt(ctx, lane.id, t.Own.Device, *doubt)
		if err != nil {
			return err
		}
		told = through(told, t.Own.Device, *doubt, id)
	}
	if lane.last != nil && maps.Equal(told, lane.last) {
		return nil
	}
	frame := wire.Have{Conversation: lane.id, Marks: told}
	if lane.last != nil && !lost(lane.last, told) {
		frame.Marks, frame.Partial = news(lane.last, told), true
	}
	lane.last = told
	return frames.Write(frame)
}

// lost reports whether a vector lacks an author that it had before.
func lost(before, now kith.Vector) bool {
	for device := range before {
		if _, ok := now[device]; !ok {
			return true
		}
	}
	return false
}

// news are the marks of a vector that are not as they were before.
func news(before, now kith.Vector) kith.Vector {
	changed := kith.Vector{}
	for device, mark := range now {
		if before[device] != mark {
			changed[device] = mark
		}
	}
	return changed
}

// sendBatch sends the next events of one author, up to number last, and reports
// whether there are more. Of a sphere's history from before we came we may lack
// what the peer lacks, too: then somebody else has to send it.
func (t *Talk) sendBatch(ctx context.Context, frames *wire.Writer, lane *lane, device kith.DeviceID, last uint64) (more bool, err error) {
	batch, err := t.Store.EventsAfter(ctx, lane.id, device, lane.sent[device], batchSize)
	if err != nil {
		return false, fmt.Errorf("reading events to send: %w", err)
	}
	for len(batch) > 0 && batch[len(batch)-1].Seq > last {
		batch = batch[:len(batch)-1]
	}
	if len(batch) == 0 || batch[0].Seq != lane.sent[device]+1 {
		return false, nil
	}
	certificate, err := t.certificateOf(ctx, lane, device)
	if err != nil {
		return false, err
	}
	for chunk := range slices.Chunk(batch, wire.MaxEventsInFrame) {
		frame := wire.Events{Conversation: lane.id, Author: chunk[0].Author, First: chunk[0].Seq, Certificate: certificate}
		for _, ev := range chunk {
			frame.Events = append(frame.Events, wire.SealedEvent{Raw: ev.Raw, Proof: ev.Proof})
		}
		if err := frames.Write(frame); err != nil {
			return false, err
		}
		lane.sent[device] = chunk[len(chunk)-1].Seq
	}
	return lane.sent[device] < last, nil
}

// certificateOf gives what proves that an author device of a sphere belongs to
// its account.
func (t *Talk) certificateOf(ctx context.Context, lane *lane, device kith.DeviceID) ([]byte, error) {
	switch {
	case lane.sphere == nil:
		return nil, nil
	case device == t.Own.Device:
		return t.Certificate, nil
	}
	certificate, err := t.Store.Certificate(ctx, lane.id, device)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of device %s: %w", device.Short(), err)
	}
	return certificate, nil
}
