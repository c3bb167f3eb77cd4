package call

import (
	"context"

	"kith/meet"
	"kith/wire"
)

// Over is the courier of a link that there is: by it the two devices look for a
// better path than the link's. Whoever has the link gives what comes by it to
// Calls.Note.
type Over struct{ say func(wire.Frame) }

// NewOver makes the courier of one link. say says a frame over it, and does not
// wait.
func NewOver(say func(wire.Frame)) *Over { return &Over{say} }

// Name is meet.WayLink.
func (o *Over) Name() string { return meet.WayLink }

// Live is true: a link passes notes on, and keeps none.
func (o *Over) Live() bool { return true }

// Run has nothing to do.
func (o *Over) Run(ctx context.Context, _ meet.Mail) error {
	<-ctx.Done()
	return ctx.Err()
}

// SetCorrespondents does nothing: there is one, at the end of the link.
func (o *Over) SetCorrespondents([]meet.Correspondent) {}

// Send says a note over the link.
func (o *Over) Send(_ context.Context, _ meet.Correspondent, note []byte) (heard int, known bool, err error) {
	o.say(wire.Pass{Tag: wire.PassSelf, Note: note})
	return 1, true, nil
}

// Hasten does nothing: a link tells at once.
func (o *Over) Hasten(meet.Correspondent) {}

// NetworkChanged does nothing: the link sees to it.
func (o *Over) NetworkChanged() {}

// State says that it works.
func (o *Over) State() meet.State {
	return meet.State{Way: meet.WayLink, Working: true, Reason: "The devices are connected."}
}

var _ meet.Courier = (*Over)(nil)
