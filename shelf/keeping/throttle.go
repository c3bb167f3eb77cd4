package keeping

import (
	"context"
	"io"
	"net/http"
)

// throttledPart is sent at once, in bytes: little, so that a slow limit does not
// look like a line on which nothing moves.
const throttledPart = 8 << 10

// Throttle has what requests send wait for leave, part by part.
func Throttle(base http.RoundTripper, leave func(ctx context.Context, n int) error) http.RoundTripper {
	return &throttled{base, leave}
}

type throttled struct {
	base  http.RoundTripper
	leave func(ctx context.Context, n int) error
}

// RoundTrip sends a request.
func (t *throttled) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		req = req.Clone(req.Context())
		req.Body = &slowBody{req.Body, req.Context(), t.leave}
		req.GetBody = nil
	}
	return t.base.RoundTrip(req)
}

type slowBody struct {
	io.ReadCloser
	ctx   context.Context
	leave func(ctx context.Context, n int) error
}

// Read reads a part, when it may be sent.
func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), throttledPart)])
	if n > 0 {
		if err := b.leave(b.ctx, n); err != nil {
			return n, err
		}
	}
	return n, err
}
