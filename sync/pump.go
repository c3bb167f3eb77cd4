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
		hello, open, typing := t.hello, t.open, t.typing
		t.hello, t.typing = false, nil
		t.mu.Unlock()

		if hello {
			if err := frames.Write(t.Host.Hello()); err != nil {
				return err
			}
		}
		more := false
		if open {
			for _, lane := range t.lanes {
				sentAll, err := t.serve(ctx, frames, lane)
				if err != nil {
					return err
				}
				more = more || !sentAll
			}
			for _, typing := range typing {
				if err := frames.Write(typing); err != nil {
					return err
				}
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
	have, err := t.Store.Have(ctx, lane.id)
	if err != nil {
		return false, fmt.Errorf("reading what we have of a conversation: %w", err)
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
		if err := t.sendBatch(ctx, frames, lane, device); err != nil {
			return false, err
		}
		sentAll = sentAll && lane.sent[device] >= mark.Seq
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
	lane.last = told
	return frames.Write(wire.Have{Conversation: lane.id, Marks: told})
}

// sendBatch sends the next events of one author.
func (t *Talk) sendBatch(ctx context.Context, frames *wire.Writer, lane *lane, device kith.DeviceID) error {
	batch, err := t.Store.EventsAfter(ctx, lane.id, device, lane.sent[device], batchSize)
	if err != nil {
		return fmt.Errorf("reading events to send: %w", err)
	}
	for chunk := range slices.Chunk(batch, wire.MaxEventsInFrame) {
		frame := wire.Events{Conversation: lane.id, Author: chunk[0].Author, First: chunk[0].Seq}
		for _, ev := range chunk {
			frame.Events = append(frame.Events, wire.SealedEvent{Raw: ev.Raw, Proof: ev.Proof})
		}
		if err := frames.Write(frame); err != nil {
			return err
		}
		lane.sent[device] = chunk[len(chunk)-1].Seq
	}
	return nil
}
