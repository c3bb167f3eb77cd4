package client

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"kith"
	"kith/node"
)

// OpenFile opens a file of what a message shares, to be read over the API; the
// caller closes it. It can be read until then, or until ctx ends. Its type is
// the one that the API serves it with, and Complete is not told: see
// FileEntries.
func (c *Client) OpenFile(ctx context.Context, id string, number int) (*node.Content, error) {
	file := &remoteFile{client: c, ctx: ctx, path: at("files", id, "content", strconv.Itoa(number))}
	answer, err := c.request(ctx, http.MethodGet, file.path, nil, nil)
	if err != nil {
		return nil, err
	}
	file.body, file.etag, file.size = answer.Body, answer.Header.Get("ETag"), answer.ContentLength
	if file.size < 0 || file.etag == "" {
		answer.Body.Close()
		return nil, kith.Errorf(kith.Internal, "what answers at %s is not Kith: it sends no file", answer.Request.URL.Host)
	}
	_, named, _ := mime.ParseMediaType(answer.Header.Get("Content-Disposition"))
	modified, _ := http.ParseTime(answer.Header.Get("Last-Modified"))
	return &node.Content{
		ReadSeekCloser: file,
		Name:           named["filename"],
		Type:           answer.Header.Get("Content-Type"),
		Size:           file.size,
		Modified:       modified,
	}, nil
}

// A remoteFile reads a file by requests for its parts: one is open at a time,
// from where it is read to the end.
type remoteFile struct {
	client *Client
	ctx    context.Context // of OpenFile
	path   string
	etag   string
	size   int64
	offset int64         // of the next Read
	body   io.ReadCloser // that begins there; nil after Seek went elsewhere
}

func (f *remoteFile) Read(p []byte) (int, error) {
	if f.offset >= f.size {
		return 0, io.EOF
	}
	if f.body == nil {
		answer, err := f.client.request(f.ctx, http.MethodGet, f.path, nil, http.Header{
			"Range": {fmt.Sprintf("bytes=%d-", f.offset)}, "If-Match": {f.etag},
		})
		if err != nil {
			return 0, err
		}
		if answer.StatusCode != http.StatusPartialContent {
			answer.Body.Close()
			return 0, kith.Errorf(kith.Internal, "a part of a file was asked for, and the answer was %s", answer.Status)
		}
		f.body = answer.Body
	}
	n, err := f.body.Read(p)
	f.offset += int64(n)
	switch {
	case err == io.EOF && f.offset < f.size:
		err = io.ErrUnexpectedEOF
	case err != nil && err != io.EOF:
		err = f.client.failed(f.ctx, err)
	}
	return n, err
}

func (f *remoteFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, kith.Errorf(kith.Invalid, "there is nothing before the beginning of a file")
	}
	if offset != f.offset {
		f.Close()
		f.offset = offset
	}
	return offset, nil
}

// Close ends the open request.
func (f *remoteFile) Close() error {
	if f.body == nil {
		return nil
	}
	body := f.body
	f.body = nil
	return body.Close()
}
