package client

import (
	"context"

	"kith/node"
)

// Status is everything about being connected.
func (c *Client) Status(ctx context.Context) (node.Status, error) {
	var out node.Status
	err := c.get(ctx, "/status", &out)
	return out, err
}

// Doctor finds out what stands between the node's device and others. It takes
// some seconds.
func (c *Client) Doctor(ctx context.Context) ([]node.Finding, error) {
	var out []node.Finding
	err := c.get(ctx, "/connections/doctor", &out)
	return out, err
}

// Retry looks for a contact at once, or for all if ref is empty.
func (c *Client) Retry(ctx context.Context, ref string) error {
	return c.post(ctx, "/connections/retry", object{"contact": ref}, nil)
}

// Offer makes a line that the contact is to answer.
func (c *Client) Offer(ctx context.Context, ref string) (string, error) {
	var out struct {
		Line string `json:"line"`
	}
	err := c.post(ctx, "/connections/offers", object{"contact": ref}, &out)
	return out.Line, err
}

// AnswerOffer takes a line that a contact made: for an offer it gives the
// answer line; for an answer it links and gives an empty line. ref may be
// empty.
func (c *Client) AnswerOffer(ctx context.Context, ref, line string) (string, error) {
	var out struct {
		Line string `json:"line"`
	}
	err := c.post(ctx, "/connections/answers", object{"contact": ref, "line": line}, &out)
	return out.Line, err
}
