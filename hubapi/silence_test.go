package hubapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"kith"
)

// What people are told when a hub does not answer, by real connections where
// this machine can make them.
func TestWhyAHubIsSilent(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	mute := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer mute.Close()
	curt := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }))
	defer curt.Close()
	for _, c := range []struct{ hub, want string }{
		{gone.URL, "no hub runs there"},
		{secure.URL, "signed by nobody whom this device trusts"},
		{strings.Replace(plain.URL, "http:", "https:", 1), "is no hub"},
		{mute.URL, "no answer came in time"},
		{curt.URL, "the connection was cut off"},
	} {
		ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := FetchInfo(ctx, http.DefaultClient, c.hub)
		stop()
		if kith.KindOf(err) != kith.Unreachable || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want one that says %q", c.hub, err, c.want)
		}
		for _, raw := range []string{"dial tcp", "EOF", "x509:", "tls:"} {
			if err != nil && strings.Contains(err.Error(), raw) {
				t.Errorf("%q is not for people", err)
			}
		}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "hub.example", IsNotFound: true}}, "nobody knows its name hub.example"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "hub.example", IsTemporary: true}}, "its name can't be looked up; perhaps this device is offline"},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, "there is no way to it from this network"},
		{errors.New("odd"), "it does not answer: odd"},
	} {
		if got := silent(c.err); got.Error() != c.want || !errors.Is(got, c.err) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
