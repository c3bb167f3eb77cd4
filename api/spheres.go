package api

import (
	"context"
	"net/http"
	"time"

	"kith/node"
)

// spheres are people, a room and a folder in one.
type spheres interface {
	Spheres(context.Context) ([]node.Sphere, error)
	Sphere(ctx context.Context, ref string) (node.Sphere, error)
	NewSphere(ctx context.Context, p node.SphereProfile) (node.Sphere, error)
	DescribeSphere(ctx context.Context, ref string, p node.SphereProfile) (node.Sphere, error)
	InviteToSphere(ctx context.Context, ref string, names []string) (node.Sphere, error)
	Uninvite(ctx context.Context, ref, name string) (node.Sphere, error)
	InviteLine(ctx context.Context, ref string, o node.InviteOptions) (node.Invitation, error)
	JoinSphere(ctx context.Context, ref string) (node.Sphere, error)
	DeclineSphere(ctx context.Context, ref string) error
	LeaveSphere(ctx context.Context, ref string) (node.Sphere, error)
	RemoveMember(ctx context.Context, ref, name string) (node.Sphere, error)
	Promote(ctx context.Context, ref, name string) (node.Sphere, error)
	Demote(ctx context.Context, ref, name string) (node.Sphere, error)
	HandOver(ctx context.Context, ref, name string) (node.Sphere, error)
	Mute(ctx context.Context, ref, name string, d time.Duration) (node.Sphere, error)
}

// BySphere names a sphere. It has to be exported for huma to look inside where
// it is embedded.
type BySphere struct {
	Sphere string `path:"sphere" doc:"A sphere's name, its ID or the unambiguous start of it" example:"Family"`
}

// ByMember names a member of a sphere.
type ByMember struct {
	BySphere
	Ref string `path:"ref" doc:"A petname, a name, an account or the unambiguous start of one" example:"anna"`
}

type newSphere struct{ Body node.SphereProfile }

type describeSphere struct {
	BySphere
	Body node.SphereProfile
}

type inviteToSphere struct {
	BySphere
	Body struct {
		Contacts []string `json:"contacts" minItems:"1" maxItems:"1000" doc:"Each as in {ref}"`
	}
}

type sphereLine struct {
	BySphere
	Body inviteBody
}

type mute struct {
	ByMember
	Body struct {
		Seconds int64 `json:"seconds" minimum:"0" maximum:"86400" doc:"1 to 24 hours; 0 ends it" example:"3600"`
	}
}

func addSpheres(s *service, n spheres) {
	add(s, http.MethodGet, "/spheres", "listSpheres", "All spheres, those left and invitations included", func(ctx context.Context, _ *none) ([]node.Sphere, error) {
		return n.Spheres(ctx)
	})
	add(s, http.MethodPost, "/spheres", "createSphere", "Make a sphere", func(ctx context.Context, in *newSphere) (node.Sphere, error) {
		return n.NewSphere(ctx, in.Body)
	})
	add(s, http.MethodGet, "/spheres/{sphere}", "getSphere", "One sphere", func(ctx context.Context, in *BySphere) (node.Sphere, error) {
		return n.Sphere(ctx, in.Sphere)
	})
	add(s, http.MethodPatch, "/spheres/{sphere}", "describeSphere", "Change name, picture, description or rules", func(ctx context.Context, in *describeSphere) (node.Sphere, error) {
		return n.DescribeSphere(ctx, in.Sphere, in.Body)
	})
	add(s, http.MethodPost, "/spheres/{sphere}/invite", "inviteToSphere", "Invite contacts; they come in once they say yes", func(ctx context.Context, in *inviteToSphere) (node.Sphere, error) {
		return n.InviteToSphere(ctx, in.Sphere, in.Body.Contacts)
	})
	add(s, http.MethodPost, "/spheres/{sphere}/lines", "createSphereLine", "Make an invitation for somebody who is no contact", func(ctx context.Context, in *sphereLine) (node.Invitation, error) {
		return n.InviteLine(ctx, in.Sphere, in.Body.options())
	})
	add(s, http.MethodPost, "/spheres/{sphere}/join", "joinSphere", "Say yes to an invitation that came in", func(ctx context.Context, in *BySphere) (node.Sphere, error) {
		return n.JoinSphere(ctx, in.Sphere)
	})
	do(s, http.MethodPost, "/spheres/{sphere}/decline", "declineSphere", "Say no to it", func(ctx context.Context, in *BySphere) error {
		return n.DeclineSphere(ctx, in.Sphere)
	})
	add(s, http.MethodPost, "/spheres/{sphere}/leave", "leaveSphere", "Leave; what was said stays here", func(ctx context.Context, in *BySphere) (node.Sphere, error) {
		return n.LeaveSphere(ctx, in.Sphere)
	})
	addMembers(s, n)
}

// addMembers registers what is done about one member.
func addMembers(s *service, n spheres) {
	one := func(path, id, summary string, f func(ctx context.Context, ref, name string) (node.Sphere, error)) {
		add(s, http.MethodPost, "/spheres/{sphere}/members/{ref}/"+path, id, summary, func(ctx context.Context, in *ByMember) (node.Sphere, error) {
			return f(ctx, in.Sphere, in.Ref)
		})
	}
	one("uninvite", "uninvite", "Take an invitation to a contact back", n.Uninvite)
	one("remove", "removeMember", "Put somebody out; they get nothing that is written after", n.RemoveMember)
	one("promote", "promoteMember", "Make a member an admin", n.Promote)
	one("demote", "demoteMember", "Make an admin a member again", n.Demote)
	one("hand-over", "handOver", "Make a member the creator", n.HandOver)
	add(s, http.MethodPost, "/spheres/{sphere}/members/{ref}/mute", "muteMember", "Keep a member from writing for a time", func(ctx context.Context, in *mute) (node.Sphere, error) {
		return n.Mute(ctx, in.Sphere, in.Ref, time.Duration(in.Body.Seconds)*time.Second)
	})
}
