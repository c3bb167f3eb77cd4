package api

import (
	"context"
	"io"

	"kith/node"
)

func (f *fakeNode) ShareFiles(_ context.Context, ref string, o node.ShareRequest) ([]node.Message, error) {
	return give[[]node.Message](f, "ShareFiles", ref, o)
}
func (f *fakeNode) Files(_ context.Context, ref string, page node.FilesPage) ([]node.Message, error) {
	return give[[]node.Message](f, "Files", ref, page)
}
func (f *fakeNode) FileEntries(_ context.Context, id string) ([]node.FileEntry, error) {
	return give[[]node.FileEntry](f, "FileEntries", id)
}
func (f *fakeNode) FetchFile(_ context.Context, id string, o node.FetchRequest) (node.Message, error) {
	return give[node.Message](f, "FetchFile", id, o)
}
func (f *fakeNode) PauseFile(_ context.Context, id string) (node.Message, error) {
	return give[node.Message](f, "PauseFile", id)
}
func (f *fakeNode) ResumeFile(_ context.Context, id string) (node.Message, error) {
	return give[node.Message](f, "ResumeFile", id)
}
func (f *fakeNode) VerifyFile(_ context.Context, id string) (node.Message, error) {
	return give[node.Message](f, "VerifyFile", id)
}
func (f *fakeNode) DropFile(_ context.Context, id string) (node.Message, error) {
	return give[node.Message](f, "DropFile", id)
}
func (f *fakeNode) MoveFile(_ context.Context, id, before string) (node.Message, error) {
	return give[node.Message](f, "MoveFile", id, before)
}
func (f *fakeNode) ForwardFile(_ context.Context, id string, to []string, caption string) ([]node.Message, error) {
	return give[[]node.Message](f, "ForwardFile", id, to, caption)
}
func (f *fakeNode) LaunchFile(_ context.Context, id string, number int) error {
	return f.only("LaunchFile", id, number)
}
func (f *fakeNode) RevealFile(_ context.Context, id string) error { return f.only("RevealFile", id) }

// OpenFile gives content, if there is any.
func (f *fakeNode) OpenFile(_ context.Context, id string, number int) (*node.Content, error) {
	f.note("OpenFile", id, number)
	if f.content == nil {
		return nil, f.err
	}
	return f.content(), f.err
}
func (f *fakeNode) Preview(_ context.Context, id string) ([]byte, error) {
	return give[[]byte](f, "Preview", id)
}
func (f *fakeNode) Folder(_ context.Context, ref string) (node.Folder, error) {
	return give[node.Folder](f, "Folder", ref)
}
func (f *fakeNode) SetFolder(_ context.Context, ref string, o node.FolderChange) (node.Folder, error) {
	return give[node.Folder](f, "SetFolder", ref, o)
}
func (f *fakeNode) RevealFolder(_ context.Context, ref string) error {
	return f.only("RevealFolder", ref)
}

// Upload fails at once with err, if there is one, and reads to the end
// otherwise.
func (f *fakeNode) Upload(_ context.Context, ref, batch, path string, r io.Reader) error {
	if f.err != nil {
		return f.only("Upload", ref, batch, path)
	}
	n, err := io.Copy(io.Discard, r)
	f.note("Upload", ref, batch, path, n)
	return err
}
func (f *fakeNode) ShareUpload(_ context.Context, ref, batch string, o node.UploadRequest) ([]node.Message, error) {
	return give[[]node.Message](f, "ShareUpload", ref, batch, o)
}
func (f *fakeNode) CancelUpload(_ context.Context, ref, batch string) error {
	return f.only("CancelUpload", ref, batch)
}
func (f *fakeNode) Transfers(context.Context) (node.Transfers, error) {
	return give[node.Transfers](f, "Transfers")
}
func (f *fakeNode) SetTransferSettings(_ context.Context, o node.TransferSettings) (node.TransferSettings, error) {
	return give[node.TransferSettings](f, "SetTransferSettings", o)
}
func (f *fakeNode) ShareTorrent(_ context.Context, ref, magnet string, torrent []byte, caption string) (node.Message, error) {
	return give[node.Message](f, "ShareTorrent", ref, magnet, torrent, caption)
}
func (f *fakeNode) SetTorrentOptions(_ context.Context, id string, o node.TorrentOptions) (node.Message, error) {
	return give[node.Message](f, "SetTorrentOptions", id, o)
}
