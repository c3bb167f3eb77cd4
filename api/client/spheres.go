package client

import (
	"context"
	"time"

	"kith/node"
)

// Spheres lists all spheres.
func (c *Client) Spheres(ctx context.Context) ([]node.Sphere, error) {
	var list []node.Sphere
	err := c.get(ctx, "/spheres", &list)
	return list, err
}

// Sphere gives one sphere.
func (c *Client) Sphere(ctx context.Context, ref string) (node.Sphere, error) {
	var s node.Sphere
	err := c.get(ctx, at("spheres", ref), &s)
	return s, err
}

// NewSphere makes a sphere.
func (c *Client) NewSphere(ctx context.Context, p node.SphereProfile) (node.Sphere, error) {
	var s node.Sphere
	err := c.post(ctx, "/spheres", p, &s)
	return s, err
}

// DescribeSphere changes name, picture, description or rules.
func (c *Client) DescribeSphere(ctx context.Context, ref string, p node.SphereProfile) (node.Sphere, error) {
	var s node.Sphere
	err := c.patch(ctx, at("spheres", ref), p, &s)
	return s, err
}

// InviteToSphere invites contacts.
func (c *Client) InviteToSphere(ctx context.Context, ref string, names []string) (node.Sphere, error) {
	return c.toSphere(ctx, ref, object{"contacts": names}, "invite")
}

// InviteLine makes an invitation into a sphere for somebody who is no contact.
func (c *Client) InviteLine(ctx context.Context, ref string, o node.InviteOptions) (node.Invitation, error) {
	var inv node.Invitation
	err := c.post(ctx, at("spheres", ref, "lines"), object{"expires_seconds": seconds(o.Expires), "reusable": o.Reusable}, &inv)
	return inv, err
}

// JoinSphere says yes to an invitation that came in.
func (c *Client) JoinSphere(ctx context.Context, ref string) (node.Sphere, error) {
	return c.toSphere(ctx, ref, nil, "join")
}

// DeclineSphere says no to it.
func (c *Client) DeclineSphere(ctx context.Context, ref string) error {
	return c.post(ctx, at("spheres", ref, "decline"), nil, nil)
}

// LeaveSphere leaves a sphere.
func (c *Client) LeaveSphere(ctx context.Context, ref string) (node.Sphere, error) {
	return c.toSphere(ctx, ref, nil, "leave")
}

// Uninvite takes an invitation to a contact back.
func (c *Client) Uninvite(ctx context.Context, ref, name string) (node.Sphere, error) {
	return c.toMember(ctx, ref, name, "uninvite", nil)
}

// RemoveMember puts somebody out.
func (c *Client) RemoveMember(ctx context.Context, ref, name string) (node.Sphere, error) {
	return c.toMember(ctx, ref, name, "remove", nil)
}

// Promote makes a member an admin.
func (c *Client) Promote(ctx context.Context, ref, name string) (node.Sphere, error) {
	return c.toMember(ctx, ref, name, "promote", nil)
}

// Demote makes an admin a member again.
func (c *Client) Demote(ctx context.Context, ref, name string) (node.Sphere, error) {
	return c.toMember(ctx, ref, name, "demote", nil)
}

// HandOver makes a member the creator.
func (c *Client) HandOver(ctx context.Context, ref, name string) (node.Sphere, error) {
	return c.toMember(ctx, ref, name, "hand-over", nil)
}

// Mute keeps a member from writing for a time.
func (c *Client) Mute(ctx context.Context, ref, name string, d time.Duration) (node.Sphere, error) {
	return c.toMember(ctx, ref, name, "mute", object{"seconds": seconds(d)})
}

func (c *Client) toSphere(ctx context.Context, ref string, in any, what ...string) (node.Sphere, error) {
	var s node.Sphere
	err := c.post(ctx, at(append([]string{"spheres", ref}, what...)...), in, &s)
	return s, err
}

func (c *Client) toMember(ctx context.Context, ref, name, what string, in any) (node.Sphere, error) {
	return c.toSphere(ctx, ref, in, "members", name, what)
}
