package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"kith/node"
)

// ShareFiles shares files and folders of the node's machine, all or none. It
// returns when they were read.
func (c *Client) ShareFiles(ctx context.Context, ref string, o node.ShareRequest) ([]node.Message, error) {
	var out []node.Message
	err := c.post(ctx, at("conversations", ref, "files"), o, &out)
	return out, err
}

// Files lists messages that share something, newest first; those of all
// conversations if ref is empty.
func (c *Client) Files(ctx context.Context, ref string, p node.FilesPage) ([]node.Message, error) {
	q := url.Values{}
	if ref != "" {
		q.Set("conversation", ref)
	}
	if !p.Before.IsZero() {
		q.Set("before", p.Before.String())
	}
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	var out []node.Message
	err := c.get(ctx, "/files"+query(q), &out)
	return out, err
}

// FileEntries lists the files of what a message shares.
func (c *Client) FileEntries(ctx context.Context, id string) ([]node.FileEntry, error) {
	var out []node.FileEntry
	err := c.get(ctx, at("files", id, "entries"), &out)
	return out, err
}

// Preview is a small picture, as JPEG.
func (c *Client) Preview(ctx context.Context, id string) ([]byte, error) {
	answer, err := c.request(ctx, http.MethodGet, at("files", id, "preview"), nil, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	picture, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	return picture, nil
}

// FetchFile fetches what a message shares, or some files of a folder.
func (c *Client) FetchFile(ctx context.Context, id string, o node.FetchRequest) (node.Message, error) {
	return c.onFile(ctx, id, "fetch", o)
}

// PauseFile stops fetching it; what is here is still handed on.
func (c *Client) PauseFile(ctx context.Context, id string) (node.Message, error) {
	return c.onFile(ctx, id, "pause", nil)
}

// ResumeFile goes on with it.
func (c *Client) ResumeFile(ctx context.Context, id string) (node.Message, error) {
	return c.onFile(ctx, id, "resume", nil)
}

// VerifyFile checks what lies on the disk, and fetches again what is wrong.
func (c *Client) VerifyFile(ctx context.Context, id string) (node.Message, error) {
	return c.onFile(ctx, id, "verify", nil)
}

// DropFile wants it no more: what was fetched is deleted, what was shared from
// here is not.
func (c *Client) DropFile(ctx context.Context, id string) (node.Message, error) {
	return c.onFile(ctx, id, "drop", nil)
}

// MoveFile has it fetched before that of another message; after all others if
// before is empty.
func (c *Client) MoveFile(ctx context.Context, id, before string) (node.Message, error) {
	return c.onFile(ctx, id, "move", object{"before": before})
}

// ForwardFile shares it in other conversations too.
func (c *Client) ForwardFile(ctx context.Context, id string, to []string, caption string) ([]node.Message, error) {
	var out []node.Message
	err := c.post(ctx, at("files", id, "forward"), object{"to": to, "caption": caption}, &out)
	return out, err
}

func (c *Client) onFile(ctx context.Context, id, verb string, in any) (node.Message, error) {
	var out node.Message
	err := c.post(ctx, at("files", id, verb), in, &out)
	return out, err
}

// LaunchFile opens a file with the program that the system has for it.
func (c *Client) LaunchFile(ctx context.Context, id string, number int) error {
	return c.post(ctx, at("files", id, "launch")+query(url.Values{"number": {strconv.Itoa(number)}}), nil, nil)
}

// RevealFile shows it in the system's file manager.
func (c *Client) RevealFile(ctx context.Context, id string) error {
	return c.post(ctx, at("files", id, "reveal"), nil, nil)
}

// Folder is where the files of a conversation lie.
func (c *Client) Folder(ctx context.Context, ref string) (node.Folder, error) {
	var out node.Folder
	err := c.get(ctx, at("conversations", ref, "folder"), &out)
	return out, err
}

// SetFolder moves it, or changes what is fetched.
func (c *Client) SetFolder(ctx context.Context, ref string, o node.FolderChange) (node.Folder, error) {
	var out node.Folder
	err := c.patch(ctx, at("conversations", ref, "folder"), o, &out)
	return out, err
}

// RevealFolder shows it in the system's file manager.
func (c *Client) RevealFolder(ctx context.Context, ref string) error {
	return c.post(ctx, at("conversations", ref, "folder", "reveal"), nil, nil)
}

// Upload brings one file in, to be shared with the others of its batch.
func (c *Client) Upload(ctx context.Context, ref, batch, path string, r io.Reader) error {
	// Another type than Reader would be closed, or its length guessed.
	body := struct{ io.Reader }{r}
	answer, err := c.request(ctx, http.MethodPut, at("conversations", ref, "uploads", batch)+query(url.Values{"path": {path}}),
		body, http.Header{"Content-Type": {"application/octet-stream"}})
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// ShareUpload shares what was uploaded, all of it together.
func (c *Client) ShareUpload(ctx context.Context, ref, batch string, o node.UploadRequest) ([]node.Message, error) {
	var out []node.Message
	err := c.post(ctx, at("conversations", ref, "uploads", batch), o, &out)
	return out, err
}

// CancelUpload throws away what was uploaded.
func (c *Client) CancelUpload(ctx context.Context, ref, batch string) error {
	return c.delete(ctx, at("conversations", ref, "uploads", batch), nil)
}

// Transfers is all that is being fetched or handed on.
func (c *Client) Transfers(ctx context.Context) (node.Transfers, error) {
	var out node.Transfers
	err := c.get(ctx, "/transfers", &out)
	return out, err
}

// SetTransferSettings sets limits of speed and what is fetched by itself.
func (c *Client) SetTransferSettings(ctx context.Context, o node.TransferSettings) (node.TransferSettings, error) {
	if o.Hours == nil {
		o.Hours = []node.Hours{}
	}
	var out node.TransferSettings
	err := c.put(ctx, "/transfers/settings", o, &out)
	return out, err
}

// ShareTorrent passes an ordinary torrent on: a magnet link, or else the bytes
// of a .torrent file.
func (c *Client) ShareTorrent(ctx context.Context, ref, magnet string, torrent []byte, caption string) (node.Message, error) {
	in := object{"caption": caption}
	if magnet != "" {
		in["magnet"] = magnet
	}
	if len(torrent) > 0 {
		in["torrent"] = torrent
	}
	var out node.Message
	err := c.post(ctx, at("conversations", ref, "torrents"), in, &out)
	return out, err
}

// SetTorrentOptions changes how an ordinary torrent is fetched.
func (c *Client) SetTorrentOptions(ctx context.Context, id string, o node.TorrentOptions) (node.Message, error) {
	var out node.Message
	err := c.put(ctx, at("files", id, "torrent"), o, &out)
	return out, err
}
