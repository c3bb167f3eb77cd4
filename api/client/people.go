package client

import (
	"context"
	"time"

	"kith/node"
)

// Invite makes an invitation.
func (c *Client) Invite(ctx context.Context, o node.InviteOptions) (node.Invitation, error) {
	var out node.Invitation
	err := c.post(ctx, "/invitations", object{"expires_seconds": seconds(o.Expires), "reusable": o.Reusable}, &out)
	return out, err
}

// Invitations lists the invitations that were given out.
func (c *Client) Invitations(ctx context.Context) ([]node.Invitation, error) {
	var out []node.Invitation
	err := c.get(ctx, "/invitations", &out)
	return out, err
}

// Revoke makes an invitation useless.
func (c *Client) Revoke(ctx context.Context, line string) error {
	return c.post(ctx, "/invitations/revoke", object{"line": line}, nil)
}

// Join uses somebody's invitation. It waits up to 10 s for their answer.
func (c *Client) Join(ctx context.Context, line string) (node.Contact, error) {
	var out node.Contact
	err := c.post(ctx, "/contacts", object{"line": line}, &out)
	return out, err
}

// Contacts lists everybody, and who asks or was asked.
func (c *Client) Contacts(ctx context.Context) ([]node.Contact, error) {
	var out []node.Contact
	err := c.get(ctx, "/contacts", &out)
	return out, err
}

// Contact finds one by petname, name, account or its unambiguous start.
func (c *Client) Contact(ctx context.Context, ref string) (node.Contact, error) {
	var out node.Contact
	err := c.get(ctx, at("contacts", ref), &out)
	return out, err
}

// Accept makes somebody who asks a contact.
func (c *Client) Accept(ctx context.Context, ref string) (node.Contact, error) {
	var out node.Contact
	err := c.post(ctx, at("contacts", ref, "accept"), nil, &out)
	return out, err
}

// Refuse turns down somebody who asks.
func (c *Client) Refuse(ctx context.Context, ref string) error {
	return c.post(ctx, at("contacts", ref, "refuse"), nil, nil)
}

// Befriend asks somebody of a common sphere to become a contact.
func (c *Client) Befriend(ctx context.Context, ref string) (node.Contact, error) {
	var out node.Contact
	err := c.post(ctx, at("contacts", ref, "befriend"), nil, &out)
	return out, err
}

// Rename sets the petname; an empty one withdraws it.
func (c *Client) Rename(ctx context.Context, ref, petname string) (node.Contact, error) {
	var out node.Contact
	err := c.patch(ctx, at("contacts", ref), object{"petname": petname}, &out)
	return out, err
}

// Remove ends being contacts; the history stays.
func (c *Client) Remove(ctx context.Context, ref string) error {
	return c.delete(ctx, at("contacts", ref), nil)
}

// SafetyNumber gives what two people compare.
func (c *Client) SafetyNumber(ctx context.Context, ref string) (node.SafetyNumber, error) {
	var out node.SafetyNumber
	err := c.get(ctx, at("contacts", ref, "safety-number"), &out)
	return out, err
}

// SetVerified notes that the safety numbers were equal, or takes it back.
func (c *Client) SetVerified(ctx context.Context, ref string, verified bool) (node.Contact, error) {
	var out node.Contact
	err := c.put(ctx, at("contacts", ref, "verified"), object{"verified": verified}, &out)
	return out, err
}

// Block keeps somebody out, for good if d is 0.
func (c *Client) Block(ctx context.Context, ref string, d time.Duration) (node.Contact, error) {
	var out node.Contact
	err := c.post(ctx, at("contacts", ref, "block"), object{"seconds": seconds(d)}, &out)
	return out, err
}

// Unblock lets somebody in again, with what they wrote meanwhile.
func (c *Client) Unblock(ctx context.Context, ref string) (node.Contact, error) {
	var out node.Contact
	err := c.post(ctx, at("contacts", ref, "unblock"), nil, &out)
	return out, err
}

// seconds rounds away from zero, so that no wish becomes the special case 0.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	switch rest := d % time.Second; {
	case rest > 0:
		s++
	case rest < 0:
		s--
	}
	return s
}
