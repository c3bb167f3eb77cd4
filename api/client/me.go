package client

import (
	"context"

	"kith/node"
)

// Me is the node's own account and device.
func (c *Client) Me(ctx context.Context) (node.Me, error) {
	var out node.Me
	err := c.get(ctx, "/me", &out)
	return out, err
}

// SetName changes the display name.
func (c *Client) SetName(ctx context.Context, name string) (node.Me, error) {
	var out node.Me
	err := c.patch(ctx, "/me", object{"name": name}, &out)
	return out, err
}

// SetVisible makes the device visible or hidden.
func (c *Client) SetVisible(ctx context.Context, visible bool) (node.Me, error) {
	var out node.Me
	err := c.patch(ctx, "/me", object{"visible": visible}, &out)
	return out, err
}

// Preferences are what a person can switch.
func (c *Client) Preferences(ctx context.Context) (node.Preferences, error) {
	var out node.Preferences
	err := c.get(ctx, "/me/preferences", &out)
	return out, err
}

// SetPreferences switches them.
func (c *Client) SetPreferences(ctx context.Context, p node.Preferences) (node.Preferences, error) {
	var out node.Preferences
	err := c.put(ctx, "/me/preferences", p, &out)
	return out, err
}

// ICEServers lists the STUN and TURN servers for pasted offers.
func (c *Client) ICEServers(ctx context.Context) ([]node.ICEServer, error) {
	var out []node.ICEServer
	err := c.get(ctx, "/me/ice-servers", &out)
	return out, err
}

// SetICEServers replaces the list.
func (c *Client) SetICEServers(ctx context.Context, servers []node.ICEServer) error {
	if servers == nil {
		servers = []node.ICEServer{}
	}
	return c.put(ctx, "/me/ice-servers", servers, nil)
}

// SetPassphrase encrypts the store anew; an empty new passphrase ends its
// encryption.
func (c *Client) SetPassphrase(ctx context.Context, old, new string) error {
	return c.put(ctx, "/me/passphrase", object{"old": old, "new": new}, nil)
}

// Backup writes a backup to an absolute path on the node's machine.
func (c *Client) Backup(ctx context.Context, path, passphrase string) error {
	return c.post(ctx, "/backups", object{"path": path, "passphrase": passphrase}, nil)
}
