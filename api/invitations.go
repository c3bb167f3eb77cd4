package api

import (
	"context"
	"net/http"
	"time"

	"kith/node"
)

// invitations are how two people become contacts.
type invitations interface {
	Invite(context.Context, node.InviteOptions) (node.Invitation, error)
	Invitations(context.Context) ([]node.Invitation, error)
	Revoke(ctx context.Context, line string) error
	Join(ctx context.Context, line string) (node.Contact, error)
}

type invite struct{ Body inviteBody }

type inviteBody struct {
	Expires  int64 `json:"expires_seconds,omitempty" minimum:"0" maximum:"3153600000" doc:"Seconds until it expires; 0 or absent: the usual time" example:"604800"`
	Reusable bool  `json:"reusable,omitempty" doc:"May be used by many; each has to be accepted. Into a sphere whoever has it comes in"`
}

func (b inviteBody) options() node.InviteOptions {
	return node.InviteOptions{Expires: time.Duration(b.Expires) * time.Second, Reusable: b.Reusable}
}

type byLine struct {
	Body struct {
		Line string `json:"line" doc:"The invitation, one line of text" example:"kith:…"`
	}
}

func addInvitations(s *service, n invitations) {
	add(s, http.MethodPost, "/invitations", "invite", "Make an invitation", func(ctx context.Context, in *invite) (node.Invitation, error) {
		return n.Invite(ctx, in.Body.options())
	})
	add(s, http.MethodGet, "/invitations", "listInvitations", "The invitations that were given out", func(ctx context.Context, _ *none) ([]node.Invitation, error) {
		return n.Invitations(ctx)
	})
	// The line is a secret: it stays out of paths, which end up in histories.
	do(s, http.MethodPost, "/invitations/revoke", "revokeInvitation", "Make an invitation useless", func(ctx context.Context, in *byLine) error {
		return n.Revoke(ctx, in.Body.Line)
	})
	add(s, http.MethodPost, "/contacts", "join", "Use somebody's invitation; waits up to 10 s for their answer", func(ctx context.Context, in *byLine) (node.Contact, error) {
		return n.Join(ctx, in.Body.Line)
	})
}
