package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"kith"
)

// A Problem is the body of every answer that is not a success (RFC 9457), as
// application/problem+json.
type Problem struct {
	Title  string         `json:"title" doc:"The status in words" example:"Not Found"`
	Status int            `json:"status" example:"404"`
	Detail string         `json:"detail" doc:"What was attempted, what went wrong and what to do, as a sentence" example:"there is no contact \"anna\""`
	Kind   kith.ErrorKind `json:"kind" doc:"What kind of failure it is; stable" enum:"internal,invalid,not_found,conflict,forbidden,unreachable,full,damaged,bad_peer"`
}

// statuses is the status code of each kind of error.
var statuses = map[kith.ErrorKind]int{
	kith.Internal:    http.StatusInternalServerError,
	kith.Invalid:     http.StatusUnprocessableEntity,
	kith.NotFound:    http.StatusNotFound,
	kith.Conflict:    http.StatusConflict,
	kith.Forbidden:   http.StatusForbidden,
	kith.Unreachable: http.StatusServiceUnavailable,
	kith.Full:        http.StatusInsufficientStorage,
	kith.Damaged:     http.StatusInternalServerError,
	kith.BadPeer:     http.StatusBadGateway,
}

// internal is all that is told of a fault of ours.
var internal = newProblem(http.StatusInternalServerError, kith.Internal, "something went wrong inside Kith; its log says what")

func newProblem(status int, kind kith.ErrorKind, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail, Kind: kind}
}

// Error is the sentence.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the status code, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType names the format, for huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// WriteProblem answers with an error outside the API's own operations, such as
// one of the listener's checks: a Problem as it is, any other by its kind.
func WriteProblem(w http.ResponseWriter, err error) {
	var p *Problem
	if !errors.As(err, &p) {
		kind := kith.KindOf(err)
		if p = internal; kind != kith.Internal {
			p = newProblem(statuses[kind], kind, err.Error())
		}
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

// Unauthorized is the answer to a request without a login.
func Unauthorized(detail string) *Problem {
	return newProblem(http.StatusUnauthorized, kith.Forbidden, detail)
}

// problem turns an operation's error into its answer. Faults of ours are
// logged and not told.
func (s *service) problem(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	switch kind := kith.KindOf(err); {
	case kind != kith.Internal:
		if kind == kith.Damaged {
			s.log.Error("stored data is damaged", "error", err)
		}
		return newProblem(statuses[kind], kind, err.Error())
	case ctx.Err() != nil: // whoever asked has gone, or the node ends
		return newProblem(http.StatusServiceUnavailable, kith.Unreachable, "the request was interrupted")
	}
	s.log.Error("a request failed", "error", err)
	return internal
}

// asProblem is the huma.Transformer that words huma's own refusals, of input
// that does not fit the document, as Problems.
func asProblem(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if m.Status >= 500 {
		return internal, nil
	}
	said := []string{m.Detail}
	if len(m.Errors) > 0 {
		said = nil // it says no more than they do
	}
	for i, e := range m.Errors {
		if i == maxMisfits {
			said = append(said, "and more")
			break
		}
		said = append(said, misfit(e))
	}
	return newProblem(m.Status, kith.Invalid, "the request does not fit: "+strings.Join(said, "; ")), nil
}

// problemResponse documents that anything but success is a Problem.
func (s *service) problemResponse() map[string]*huma.Response {
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	return map[string]*huma.Response{"default": {
		Description: "What went wrong",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
	}}
}

// refuse answers for the mux where no operation matches: 404 or 405.
func refuse(w http.ResponseWriter, r *http.Request, h http.Handler) {
	seen := refusal{header: http.Header{}}
	h.ServeHTTP(&seen, r)
	if allow := seen.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		WriteProblem(w, newProblem(http.StatusMethodNotAllowed, kith.Invalid, r.Method+" is not possible there, only "+allow))
		return
	}
	WriteProblem(w, newProblem(http.StatusNotFound, kith.NotFound, "there is nothing under this path: see "+Prefix+"/openapi.json"))
}

// A refusal keeps the header of an answer and drops the rest.
type refusal struct{ header http.Header }

func (r *refusal) Header() http.Header         { return r.header }
func (r *refusal) Write(b []byte) (int, error) { return len(b), nil }
func (r *refusal) WriteHeader(int)             {}

const (
	// maxMisfits is how much is told of what is wrong with a request.
	maxMisfits = 5
	// maxBody is what a request may hold.
	maxBody = 1 << 20
	// maxLargeBody is what one may hold that lists files, or holds a .torrent
	// file of 10 MiB in base64.
	maxLargeBody = 16 << 20
	// maxDrained is what is read and thrown away of a body that is too large,
	// so that whoever sends it gets to read the refusal instead of a reset.
	maxDrained = 32 << 20
	// bodyTime is how long a body may take.
	bodyTime = 10 * time.Second
)

// streamed is the limit of a body that does not go through memory.
const streamed = -1

// bodyLimit is what the body of a request may hold.
func bodyLimit(pattern string) int64 {
	switch pattern {
	case restorePattern, http.MethodPut + " " + Prefix + uploadPath:
		return streamed
	case http.MethodPost + " " + Prefix + "/files/{id}/fetch",
		http.MethodPost + " " + Prefix + "/conversations/{ref}/files",
		http.MethodPost + " " + Prefix + "/conversations/{ref}/torrents":
		return maxLargeBody
	}
	return maxBody
}

// readBody brings the body into memory, within its limits of size and time,
// or answers why not.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) bool {
	if limit == streamed || r.Body == nil || r.Body == http.NoBody {
		return true
	}
	// Not every ResponseWriter has deadlines; the server's own has.
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(bodyTime))
	defer control.SetReadDeadline(time.Time{})
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		WriteProblem(w, newProblem(http.StatusRequestTimeout, kith.Invalid, "the body of the request broke off, or took more than 10 seconds"))
		return false
	case int64(len(body)) > limit:
		io.CopyN(io.Discard, r.Body, maxDrained)
		WriteProblem(w, newProblem(http.StatusRequestEntityTooLarge, kith.Invalid, fmt.Sprintf("the request is too large: it holds at most %d MiB, and a message at most 64 KiB of text", limit>>20)))
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return true
}
