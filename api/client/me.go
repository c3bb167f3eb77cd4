package client

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"

	"kith"
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

// Keys lists the keys of this account.
func (c *Client) Keys(ctx context.Context) ([]node.Key, error) {
	var out []node.Key
	err := c.get(ctx, "/keys", &out)
	return out, err
}

// Storage tells what the node keeps on disk, and where.
func (c *Client) Storage(ctx context.Context) (node.Storage, error) {
	var out node.Storage
	err := c.get(ctx, "/storage", &out)
	return out, err
}

// Restore uploads a backup, and has the node go on as the account in it. The
// node must not have a name or contacts yet.
func (c *Client) Restore(ctx context.Context, path string, p node.Passphrases) error {
	file, err := os.Open(path)
	if err != nil {
		return kith.Errorf(kith.Invalid, "the backup can't be read: %w", err)
	}
	defer file.Close()
	reader, writer := io.Pipe()
	defer reader.Close()
	form := multipart.NewWriter(writer)
	go func() { writer.CloseWithError(writeForm(form, file, p)) }()
	answer, err := c.request(ctx, http.MethodPost, "/restore", reader, http.Header{"Content-Type": {form.FormDataContentType()}})
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func writeForm(form *multipart.Writer, file io.Reader, p node.Passphrases) error {
	fields := []error{form.WriteField("passphrase", p.Backup)}
	if p.Store != "" {
		fields = append(fields, form.WriteField("store_passphrase", p.Store))
	}
	part, err := form.CreateFormFile("file", "backup")
	if err == nil {
		_, err = io.Copy(part, file)
	}
	return errors.Join(append(fields, err, form.Close())...)
}
