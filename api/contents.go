package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kith"
	"kith/node"
)

// contents are the bytes of files.
type contents interface {
	OpenFile(ctx context.Context, id string, number int) (*node.Content, error)
	Preview(ctx context.Context, id string) ([]byte, error)
}

type getFile struct {
	ByID
	Number   int  `path:"number" minimum:"0" doc:"Which file, as in listFileEntries; 0 is that of a single one" example:"0"`
	Download bool `query:"download" doc:"To be saved, not shown"`
}

func addContents(s *service, n contents) {
	op := s.operation(http.MethodGet, "/files/{id}/content/{number}", "getFile", "The bytes of a file, with ranges; what is not here yet is fetched first")
	op.Description = `What a browser can show or play safely comes with its type, text always as text/plain; everything else comes as application/octet-stream to be saved. No script runs in any of it.`
	op.Responses["200"] = binary("The file, or with a Range a part of it and status 206", "*/*")
	huma.Register(s.huma, op, func(_ context.Context, in *getFile) (*huma.StreamResponse, error) {
		return s.stream(func(w http.ResponseWriter, r *http.Request) error {
			if err := forShow(r); err != nil {
				return err
			}
			content, err := n.OpenFile(r.Context(), in.ID, in.Number)
			if err != nil {
				return err
			}
			defer content.Close()
			return serveContent(w, r, content, in)
		}), nil
	})
	op = s.operation(http.MethodGet, "/files/{id}/preview", "getPreview", "A small picture of it")
	op.Responses["200"] = binary("The picture", "image/jpeg")
	huma.Register(s.huma, op, func(_ context.Context, in *ByID) (*huma.StreamResponse, error) {
		return s.stream(func(w http.ResponseWriter, r *http.Request) error {
			picture, err := n.Preview(r.Context(), in.ID)
			if err != nil {
				return err
			}
			w.Header().Set("Content-Type", "image/jpeg")
			contain(w.Header(), policyOfContent)
			w.Header().Set("ETag", etag(string(picture)))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(picture))
			return nil
		}), nil
	})
}

// stream answers with what f writes, or with the Problem that it fails with
// before it has written anything.
func (s *service) stream(f func(http.ResponseWriter, *http.Request) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		if err := f(w, r); err != nil {
			WriteProblem(w, s.problem(r.Context(), err))
		}
	}}
}

func binary(description, mediaType string) *huma.Response {
	return &huma.Response{
		Description: description,
		Content:     map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}
}

// forShow refuses to hand content to what would run it. The types it comes
// with would stop a browser as well; this does not depend on them. See
// https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header.
func forShow(r *http.Request) error {
	switch dest := r.Header.Get("Sec-Fetch-Dest"); dest {
	case "", "empty", "document", "iframe", "embed", "object", "image", "video", "audio":
		return nil
	default:
		return kith.Errorf(kith.Forbidden, "a file of a message is to be looked at, not to be used as %s", dest)
	}
}

// serveContent answers with a file, or a part of it.
func serveContent(w http.ResponseWriter, r *http.Request, content *node.Content, in *getFile) error {
	mediaType, show := saved, false
	if !in.Download {
		begin := make([]byte, sniffed)
		n, err := io.ReadFull(content, begin)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return err
		}
		mediaType, show = contentType(content.Name, begin[:n])
	}
	head := w.Header()
	head.Set("Content-Type", mediaType)
	head.Set("Content-Disposition", disposition(show, content.Name))
	head.Set("ETag", etag(in.ID, strconv.Itoa(in.Number), strconv.FormatInt(content.Size, 10)))
	if mediaType == "application/pdf" {
		contain(head, policyOfPDF)
	} else {
		contain(head, policyOfContent)
	}
	modified := content.Modified
	if !content.Complete {
		modified = time.Time{} // it changes with every piece, the content does not
	}
	http.ServeContent(w, r, "", modified, content)
	return nil
}

const (
	// policyOfContent lets a browser show a file by itself, and nothing in it
	// act: as a document it has an origin of its own, without scripts. The
	// styles and the media are those of the browser's own viewers.
	policyOfContent = "sandbox; default-src 'none'; style-src 'unsafe-inline'; media-src 'self'; img-src 'self'; frame-ancestors 'self'"
	// policyOfPDF has no sandbox: older versions of Chromium do not start their
	// viewer in one. The viewer is no part of the page's origin, and neither
	// are scripts in a PDF.
	policyOfPDF = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
)

// contain sets what every answer with content carries.
func contain(head http.Header, policy string) {
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Referrer-Policy", "no-referrer")
	// Seeking asks for parts, which have to be of the same file.
	head.Set("Cache-Control", "private, no-cache")
}

// etag makes a strong one: what a message shares never changes.
func etag(parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		io.WriteString(hash, part+"\x00")
	}
	return `"` + hex.EncodeToString(hash.Sum(nil)[:12]) + `"`
}
