// Package client is the Go client of the API of a node.
//
// A [Client] has one method for each method of node.Node, with the same name,
// arguments and results, so that a program reads the same inside the node's
// process and outside. Errors come back as they left: a kith.Error of the same
// kind with the same sentence.
//
// [Home] reaches the node that runs on a home on this machine, by the private
// way of package local. [New] reaches any other address of the API.
//
// All methods are safe for concurrent use. They end when their context does,
// and have no time limit of their own.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kith"
	"kith/api/local"
)

// maxAnswer bounds what is read of an answer: 500 messages of the largest text
// with every byte escaped, and some.
const maxAnswer = 256 << 20

// A Client speaks to one node.
type Client struct {
	base string // without a slash at the end
	http *http.Client
	gone string // what to say when nothing answers
}

// New makes a client of the node at baseURL, such as http://127.0.0.1:7000.
// The http.Client carries whatever proves the right to ask.
func New(baseURL string, h *http.Client) *Client {
	baseURL = strings.TrimRight(baseURL, "/")
	return &Client{base: baseURL + "/api/v1", http: h, gone: "no Kith answers at " + baseURL}
}

// Home makes a client of the node that runs on a home, and makes sure that it
// answers: otherwise the error is of kind Unreachable.
func Home(home string) (*Client, error) {
	h, base, err := local.Client(home)
	if err != nil {
		return nil, err
	}
	c := New(base, h)
	c.gone = fmt.Sprintf("no Kith runs in %s: start it with kith up", home)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := c.Me(ctx); errors.Is(err, context.DeadlineExceeded) {
		return nil, kith.Errorf(kith.Unreachable, "the Kith of %s runs but does not answer: %w", home, err)
	} else if err != nil {
		return nil, err
	}
	return c, nil
}

// Login asks for a link that opens the page once, within five minutes.
func (c *Client) Login(ctx context.Context) (string, error) {
	var out struct {
		URL string `json:"url"`
	}
	err := c.post(ctx, "/login", nil, &out)
	return out.URL, err
}

// Shutdown asks the node to end. It returns before the node has ended.
func (c *Client) Shutdown(ctx context.Context) error {
	return c.post(ctx, "/shutdown", nil, nil)
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPost, path, in, out)
}

func (c *Client) put(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPut, path, in, out)
}

func (c *Client) patch(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPatch, path, in, out)
}

func (c *Client) delete(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodDelete, path, nil, out)
}

// object is the body of a request.
type object map[string]any

// do sends in, unless nil, and decodes the answer into out, unless nil.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return kith.Errorf(kith.Invalid, "the request cannot be written: %w", err)
		}
		body = bytes.NewReader(text)
	}
	answer, err := c.request(ctx, method, path, body, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return kith.Errorf(kith.Unreachable, "the answer of Kith broke off or cannot be read: %w", err)
	}
	return nil
}

// request sends a request and turns every answer but success into an error.
func (c *Client) request(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "the request cannot be made: %w", err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if body != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if answer.StatusCode/100 != 2 {
		defer answer.Body.Close()
		return nil, problem(answer)
	}
	return answer, nil
}

// failed words an error of the transport.
func (c *Client) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var known *kith.Error
	if errors.As(err, &known) {
		return known
	}
	return &kith.Error{Kind: kith.Unreachable, Text: c.gone, Err: err}
}

// problem reads an RFC 9457 body. An answer without one did not come from the
// API, but from whatever else listens there.
func problem(answer *http.Response) error {
	var p struct {
		Kind   kith.ErrorKind `json:"kind"`
		Detail string         `json:"detail"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&p); err != nil || p.Detail == "" {
		return kith.Errorf(kith.Internal, "what answers at %s is not Kith: %s", answer.Request.URL.Host, answer.Status)
	}
	return &kith.Error{Kind: p.Kind, Text: p.Detail}
}

// at makes a path of segments; each may hold anything, slashes included. The
// error for an empty one is the server's, which sees a lone space.
func at(segments ...string) string {
	var path strings.Builder
	for _, s := range segments {
		path.WriteByte('/')
		switch s {
		case "":
			path.WriteString("%20") // an empty segment would name another path
		case ".", "..":
			path.WriteString(strings.ReplaceAll(s, ".", "%2E")) // as would these
		default:
			path.WriteString(url.PathEscape(s))
		}
	}
	return path.String()
}
