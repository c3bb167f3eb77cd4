package node

import (
	"context"
	"io"
	"mime"
	"path"
	"time"

	"kith"
	"kith/folder"
	"kith/preview"
	"kith/shelf"
	"kith/store"
	"kith/swarm"
)

// enterFiles gives the present run and what it shares. What takes long leaves
// before it is done, lest a change of the passphrase, or the end of the program,
// wait for it; a shelf that is closed meanwhile fails it.
func (n *Node) enterFiles() (*run, func(), error) {
	r, leave, err := n.enter()
	if err == nil && r.shelf == nil {
		leave()
		return nil, nil, kith.Errorf(kith.Conflict, "this node shares no files")
	}
	return r, leave, err
}

// shared finds a message that shares something, for what takes long.
func (n *Node) shared(ctx context.Context, id string) (*run, store.Entry, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return nil, store.Entry{}, err
	}
	defer leave()
	entry, err := r.entry(ctx, id)
	return r, entry, err
}

// ShareFiles shares files and folders of this machine. It returns when they are
// read, hashed and durably said; if one of them can't be read, none is shared.
func (n *Node) ShareFiles(ctx context.Context, ref string, o ShareRequest) ([]Message, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return nil, err
	}
	conv, err := r.mayShare(ctx, ref, o.Caption, o.ReplyTo)
	leave()
	if err != nil {
		return nil, err
	}
	for _, p := range o.Paths {
		if err := folder.Readable(p); err != nil {
			return nil, err
		}
	}
	req := shelf.Request{Caption: o.Caption, KeepLocation: o.KeepLocation}
	if o.ReplyTo != nil {
		req.ReplyTo = *o.ReplyTo
	}
	var shared []kith.EventID
	for _, p := range o.Paths {
		req.Path = p
		id, err := r.shelf.Share(ctx, conv, req)
		if err != nil {
			return nil, err
		}
		shared = append(shared, id)
		req.Caption, req.ReplyTo = "", kith.EventID{}
	}
	return r.messagesOf(ctx, shared)
}

// mayShare finds the conversation, and tells why nothing can be shared in it.
func (r *run) mayShare(ctx context.Context, ref, caption string, replyTo *kith.EventID) (kith.ConversationID, error) {
	conv, err := r.place(ref)
	if err != nil {
		return conv, err
	}
	if err := r.mayWrite(conv); err != nil {
		return conv, err
	}
	if len(caption) > kith.MaxCaption {
		return conv, kith.Errorf(kith.Invalid, "the text beside a file holds at most %d KiB; send the rest as a message", kith.MaxCaption>>10)
	}
	if replyTo != nil {
		return conv, r.checkReply(ctx, conv, *replyTo)
	}
	return conv, nil
}

func (r *run) messagesOf(ctx context.Context, ids []kith.EventID) ([]Message, error) {
	list := []Message{}
	for _, id := range ids {
		msg, err := r.message(ctx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, msg)
	}
	return list, nil
}

// Files lists what was shared, the newest first: in one conversation, or in all
// if ref is empty.
func (n *Node) Files(ctx context.Context, ref string, page FilesPage) ([]Message, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	limit, err := pageSize(page.Limit)
	if err != nil {
		return nil, err
	}
	ask := store.FilePage{Before: page.Before, Limit: limit, All: ref == ""}
	var conv kith.ConversationID
	if ref != "" {
		if conv, err = r.place(ref); err != nil {
			return nil, err
		}
	}
	entries, err := r.store.Files(ctx, conv, ask)
	if err != nil {
		return nil, err
	}
	return r.views(entries), nil
}

// ForwardFile shares in other conversations what a message shared. Nothing is
// read or copied for it.
func (n *Node) ForwardFile(ctx context.Context, id string, refs []string, caption string) ([]Message, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return nil, err
	}
	defer leave()
	entry, err := r.entry(ctx, id)
	if err != nil {
		return nil, err
	}
	var convs []kith.ConversationID
	for _, ref := range refs {
		conv, err := r.mayShare(ctx, ref, caption, nil)
		if err != nil {
			return nil, err
		}
		convs = append(convs, conv)
	}
	var shared []kith.EventID
	for _, conv := range convs {
		again, err := r.shelf.Again(ctx, entry.ID, conv, caption)
		if err != nil {
			return nil, err
		}
		shared = append(shared, again)
	}
	return r.messagesOf(ctx, shared)
}

// listPatience is how long one waits for the list of a folder's files.
const listPatience = 10 * time.Second

// FileEntries lists the files of a share.
func (n *Node) FileEntries(ctx context.Context, id string) ([]FileEntry, error) {
	r, entry, err := n.shared(ctx, id)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, listPatience)
	defer stop()
	files, err := r.shelf.Files(ctx, entry.ID)
	if err != nil {
		return nil, err
	}
	list := make([]FileEntry, 0, len(files))
	for i, f := range files {
		list = append(list, FileEntry{
			Number: i, Path: f.Path, Size: f.Size, Done: f.Done, Complete: f.Complete, Wanted: f.Priority > swarm.Skip, First: f.Priority > swarm.Normal, Local: f.Local,
		})
	}
	return list, nil
}

// OpenFile opens a file of a share by its place in FileEntries, to be read while
// it arrives. The caller closes it.
func (n *Node) OpenFile(ctx context.Context, id string, number int) (*Content, error) {
	r, entry, err := n.shared(ctx, id)
	if err != nil {
		return nil, err
	}
	waiting, stop := context.WithTimeout(ctx, listPatience)
	defer stop()
	reader, size, modified, err := r.shelf.Reader(waiting, entry.ID, number)
	if err != nil {
		return nil, err
	}
	c := &Content{ReadSeekCloser: reader, Size: size, Modified: modified, Name: path.Base(entry.File.Path), Type: preview.Check(entry.File.Media).Type}
	files, err := r.shelf.Files(waiting, entry.ID)
	if err != nil || number >= len(files) {
		reader.Close()
		return nil, kith.Errorf(kith.NotFound, "the share has no file %d", number)
	}
	c.Complete = files[number].Complete
	if entry.File.Folder {
		c.Name = path.Base(files[number].Path)
		c.Type = mime.TypeByExtension(path.Ext(c.Name))
	}
	return c, nil
}

// Preview gives the small picture that a share came with, made anew here.
func (n *Node) Preview(ctx context.Context, id string) ([]byte, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	entry, err := r.entry(ctx, id)
	if err != nil {
		return nil, err
	}
	raw, err := r.store.Preview(ctx, entry.ID)
	if err != nil {
		return nil, err
	}
	picture := preview.Check(kith.Media{Preview: raw}).Preview
	if picture == nil {
		return nil, kith.Errorf(kith.NotFound, "message %s has no preview that can be shown", id)
	}
	return picture, nil
}

// aboutFile does something about a share, and gives its message after it.
func (n *Node) aboutFile(ctx context.Context, id string, do func(*run, kith.EventID) error) (Message, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return Message{}, err
	}
	defer leave()
	entry, err := r.entry(ctx, id)
	if err != nil {
		return Message{}, err
	}
	if entry.Deleted {
		return Message{}, kith.Errorf(kith.Conflict, "it was taken back by who shared it")
	}
	if entry.File == nil && entry.Torrent == nil {
		return Message{}, kith.Errorf(kith.Invalid, "message %s shares no file", id)
	}
	if err := do(r, entry.ID); err != nil {
		return Message{}, err
	}
	return r.message(ctx, entry.ID)
}

// FetchFile fetches a share, or the named files of a shared folder.
func (n *Node) FetchFile(ctx context.Context, id string, o FetchRequest) (Message, error) {
	return n.aboutFile(ctx, id, func(r *run, share kith.EventID) error {
		if err := r.shelf.Fetch(ctx, share, o.Files); err != nil {
			return err
		}
		if first := r.shelf.Active(); o.First && len(first) > 0 && first[0] != share {
			return r.shelf.Move(share, first[0])
		}
		return nil
	})
}

// PauseFile stops fetching a share; what is here is still handed on.
func (n *Node) PauseFile(ctx context.Context, id string) (Message, error) {
	return n.aboutFile(ctx, id, func(r *run, share kith.EventID) error { return r.shelf.Pause(share) })
}

// ResumeFile goes on with it, and tries again what failed.
func (n *Node) ResumeFile(ctx context.Context, id string) (Message, error) {
	return n.aboutFile(ctx, id, func(r *run, share kith.EventID) error { return r.shelf.Resume(share) })
}

// VerifyFile hashes again what lies on the disk, and fetches what is damaged.
func (n *Node) VerifyFile(ctx context.Context, id string) (Message, error) {
	return n.aboutFile(ctx, id, func(r *run, share kith.EventID) error { return r.shelf.Verify(share) })
}

// DropFile ends the wish for a share and deletes what was fetched of it.
func (n *Node) DropFile(ctx context.Context, id string) (Message, error) {
	return n.aboutFile(ctx, id, func(r *run, share kith.EventID) error { return r.shelf.Drop(ctx, share) })
}

// MoveFile puts a share before another in the order of fetching; last if before
// is empty.
func (n *Node) MoveFile(ctx context.Context, id, before string) (Message, error) {
	return n.aboutFile(ctx, id, func(r *run, share kith.EventID) error {
		var next kith.EventID
		if before != "" {
			entry, err := r.entry(ctx, before)
			if err != nil {
				return err
			}
			next = entry.ID
		}
		return r.shelf.Move(share, next)
	})
}

// Transfers gives what is being fetched or handed on.
func (n *Node) Transfers(ctx context.Context) (Transfers, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return Transfers{}, err
	}
	defer leave()
	settings, now := r.shelf.Settings()
	view := Transfers{Messages: []Message{}, Settings: viewSettings(settings), Now: Limits(now)}
	view.Down, view.Up = r.shelf.Speeds()
	active := r.shelf.Active()
	view.Messages, err = r.messagesOf(ctx, active[:min(len(active), maxPage)])
	return view, err
}

// SetTransferSettings changes what holds for all transfers.
func (n *Node) SetTransferSettings(ctx context.Context, o TransferSettings) (TransferSettings, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return o, err
	}
	defer leave()
	settings, err := o.settings()
	if err != nil {
		return o, err
	}
	if err := r.shelf.SetSettings(ctx, settings); err != nil {
		return o, err
	}
	settings, _ = r.shelf.Settings()
	return viewSettings(settings), nil
}

// ShareTorrent passes an ordinary torrent on: a magnet link, or what a .torrent
// file holds.
func (n *Node) ShareTorrent(ctx context.Context, ref, magnet string, torrent []byte, caption string) (Message, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return Message{}, err
	}
	defer leave()
	conv, err := r.mayShare(ctx, ref, caption, nil)
	if err != nil {
		return Message{}, err
	}
	t, _, err := swarm.DescribeMagnet(magnet)
	if magnet == "" {
		t, _, err = swarm.DescribeTorrent(torrent)
	}
	if err != nil {
		return Message{}, err
	}
	id, err := r.shelf.ShareTorrent(ctx, conv, t)
	if err != nil {
		return Message{}, err
	}
	if caption != "" {
		if _, err := r.write(ctx, conv, kith.Text{Text: caption, ReplyTo: id}); err != nil {
			return Message{}, err
		}
	}
	return r.message(ctx, id)
}

// priorities of files, as the API names them.
var priorities = map[string]swarm.Priority{"skip": swarm.Skip, "normal": swarm.Normal, "high": swarm.High}

// SetTorrentOptions changes how an ordinary torrent is fetched.
func (n *Node) SetTorrentOptions(ctx context.Context, id string, o TorrentOptions) (Message, error) {
	plain := swarm.PlainOptions{Sequential: o.Sequential, FirstLast: o.FirstLast, Ratio: o.Ratio}
	for name, word := range o.Files {
		p, ok := priorities[word]
		if !ok {
			return Message{}, kith.Errorf(kith.Invalid, "%q is no priority of a file: it is one of skip, normal, high", word)
		}
		if plain.Priorities.Files == nil {
			plain.Priorities.Files = map[string]swarm.Priority{}
		}
		plain.Priorities.Files[name] = p
	}
	return n.aboutFile(ctx, id, func(r *run, share kith.EventID) error {
		return r.shelf.SetTorrentOptions(share, plain)
	})
}

// Upload takes the bytes of a file of a batch, which lies nowhere yet.
func (n *Node) Upload(ctx context.Context, ref, batch, name string, in io.Reader) error {
	r, leave, err := n.enterFiles()
	if err != nil {
		return err
	}
	conv, err := r.place(ref)
	leave()
	if err != nil {
		return err
	}
	return r.shelf.Upload(ctx, conv, batch, name, in)
}

// ShareUpload shares what a batch holds, also if who asked has gone meanwhile:
// a browser waits for an answer no longer than some minutes.
func (n *Node) ShareUpload(ctx context.Context, ref, batch string, o UploadRequest) ([]Message, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return nil, err
	}
	conv, err := r.mayShare(ctx, ref, o.Caption, o.ReplyTo)
	leave()
	if err != nil {
		return nil, err
	}
	req := shelf.Request{Caption: o.Caption, KeepLocation: o.KeepLocation}
	if o.ReplyTo != nil {
		req.ReplyTo = *o.ReplyTo
	}
	shared, err := r.shelf.ShareUpload(context.WithoutCancel(ctx), conv, batch, req)
	if err != nil {
		return nil, err
	}
	return r.messagesOf(ctx, shared)
}

// CancelUpload drops what a batch holds.
func (n *Node) CancelUpload(ctx context.Context, ref, batch string) error {
	r, leave, err := n.enterFiles()
	if err != nil {
		return err
	}
	defer leave()
	conv, err := r.place(ref)
	if err != nil {
		return err
	}
	return r.shelf.CancelUpload(conv, batch)
}
