package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kith"
	"kith/node"
)

// uploads are files that come in from the page, to be shared together.
type uploads interface {
	Upload(ctx context.Context, ref, batch, path string, r io.Reader) error
	ShareUpload(ctx context.Context, ref, batch string, o node.UploadRequest) ([]node.Message, error)
	CancelUpload(ctx context.Context, ref, batch string) error
}

// uploadPath is that of the files of one batch. Its body does not go through
// memory.
const uploadPath = "/conversations/{ref}/uploads/{batch}"

// ByBatch names an upload. For its being exported see ByRef.
type ByBatch struct {
	ByRef
	Batch string `path:"batch" doc:"1 to 64 of A-Z, a-z, 0-9 and -, chosen by who uploads" example:"8f14e45f"`
}

type upload struct {
	ByBatch
	Path string `query:"path" required:"true" doc:"Where the file belongs, with / between the segments" example:"Films/a.mp4"`
}

type shareUpload struct {
	ByBatch
	Body node.UploadRequest
}

func addUploads(s *service, n uploads) {
	op := s.operation(http.MethodPut, uploadPath, "upload", "Bring one file in, of any size; nobody sees it before shareUpload")
	op.DefaultStatus = http.StatusNoContent
	huma.Register(s.huma, op, func(ctx context.Context, in *upload) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			body := &incoming{body: r.Body, control: http.NewResponseController(w)}
			defer body.end()
			err := n.Upload(ctx, in.Ref, in.Batch, in.Path, body)
			if body.err != nil {
				err = brokenOffUpload(body.err)
			}
			if err == nil {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			// Who sends on reads no answer: a full disk has to be told after
			// all the rest has come.
			io.Copy(io.Discard, body)
			WriteProblem(w, s.problem(ctx, err))
		}}, nil
	})
	// Named earlier, it would be read by huma, into memory.
	s.huma.OpenAPI().Paths[uploadPath].Put.RequestBody = &huma.RequestBody{
		Required: true,
		Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{
			Type: huma.TypeString, Format: "binary", Description: "The file as it is",
		}}},
	}
	add(s, http.MethodPost, uploadPath, "shareUpload", "Share what was uploaded, all of it together", func(ctx context.Context, in *shareUpload) ([]node.Message, error) {
		return n.ShareUpload(ctx, in.Ref, in.Batch, in.Body)
	})
	do(s, http.MethodDelete, uploadPath, "cancelUpload", "Throw away what was uploaded", func(ctx context.Context, in *ByBatch) error {
		return n.CancelUpload(ctx, in.Ref, in.Batch)
	})
}

// incoming reads a body of any size, as long as it gets on.
type incoming struct {
	body    io.Reader
	control *http.ResponseController
	err     error // why the body broke off
}

func (b *incoming) Read(p []byte) (int, error) {
	// Not every ResponseWriter has deadlines; the server's own has.
	b.control.SetReadDeadline(time.Now().Add(stallTime))
	n, err := b.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

func (b *incoming) end() { b.control.SetReadDeadline(time.Time{}) }

// brokenOffUpload words the failure of a body.
func brokenOffUpload(err error) error {
	return kith.Errorf(kith.Invalid, "the upload broke off, or stood still for %d seconds: %w", int(stallTime.Seconds()), err)
}
