package node

import (
	"context"
	"time"

	"kith"
	"kith/store"
)

// A Position is where a message stands in its conversation.
type Position struct {
	Message kith.EventID `json:"message"`
	Before  int          `json:"before" doc:"How many messages come before it"`
	After   int          `json:"after" doc:"How many come after it"`
}

// A Place names one message of a conversation, by the first of these that is
// not zero: by its ID, as the first from a time on, or by how many come before
// it. Where there is none so late, the newest is meant.
type Place struct {
	Message kith.EventID
	Since   time.Time
	Number  int
}

// Position finds a place in a conversation, so that one can go there without
// the pages between.
func (n *Node) Position(ctx context.Context, ref string, p Place) (Position, error) {
	r, conv, leave, err := n.enterAt(ref)
	if err != nil {
		return Position{}, err
	}
	defer leave()
	var found store.Position
	switch {
	case !p.Message.IsZero():
		found, err = r.store.PositionOf(ctx, conv, p.Message)
	case !p.Since.IsZero():
		found, err = r.store.PositionSince(ctx, conv, p.Since)
	default:
		found, err = r.store.PositionAt(ctx, conv, p.Number)
	}
	return Position{Message: found.ID, Before: found.Before, After: found.After}, err
}
