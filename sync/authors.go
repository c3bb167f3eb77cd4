package sync

import (
	"context"
	"fmt"

	"kith/wire"
)

// mayAuthor refuses events that a peer has no business to hand on.
func (t *Talk) mayAuthor(ctx context.Context, lane *lane, frame wire.Events) error {
	known, err := t.Store.Devices(ctx, frame.Conversation)
	if err != nil {
		return fmt.Errorf("looking up the devices of the conversation: %w", err)
	}
	return t.intake().mayAuthor(lane.sphere, known, lane.certified, frame)
}

func (t *Talk) intake() *intake {
	return &intake{own: t.Own, from: t.peer, selfKey: t.SelfKey, proofs: t.Proofs}
}
