package client

import (
	"context"
	"net/url"

	"kith/node"
)

// Hubs lists the hubs in use.
func (c *Client) Hubs(ctx context.Context) ([]node.Hub, error) {
	var out []node.Hub
	err := c.get(ctx, "/hubs", &out)
	return out, err
}

// AddHub begins to use a hub.
func (c *Client) AddHub(ctx context.Context, address string) (node.Hub, error) {
	var out node.Hub
	err := c.post(ctx, "/hubs", object{"url": address}, &out)
	return out, err
}

// RemoveHub ends the use of a hub.
func (c *Client) RemoveHub(ctx context.Context, address string) error {
	return c.delete(ctx, "/hubs?url="+url.QueryEscape(address), nil)
}
