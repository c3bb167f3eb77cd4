package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"kith/node"
)

// Position finds a place in a conversation.
func (c *Client) Position(ctx context.Context, ref string, p node.Place) (node.Position, error) {
	q := url.Values{}
	if !p.Message.IsZero() {
		q.Set("message", p.Message.String())
	}
	if !p.Since.IsZero() {
		q.Set("since", p.Since.Format(time.RFC3339Nano))
	}
	if p.Number != 0 {
		q.Set("number", strconv.Itoa(p.Number))
	}
	var out node.Position
	err := c.get(ctx, at("conversations", ref, "position")+query(q), &out)
	return out, err
}
