package local

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"kith"
)

// A ticket is what HOME/kith.token holds.
type ticket struct {
	Address string `json:"address"`
	Token   string `json:"token"`
}

func ticketFile(home string) string { return filepath.Join(home, "kith.token") }

func listenTCP(home string) (*Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, kith.Errorf(kith.Internal, "no port on this machine for the command line: %w", err)
	}
	t := ticket{Address: l.Addr().String(), Token: rand.Text()}
	if err := writeTicket(home, t); err != nil {
		l.Close()
		return nil, err
	}
	want := sha256.Sum256([]byte("Bearer " + t.Token))
	return &Listener{
		Listener: l,
		guard: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
				if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
					http.Error(w, "this way is for the owner of the node only", http.StatusUnauthorized)
					return
				}
				h.ServeHTTP(w, r)
			})
		},
		clean: sync.OnceFunc(func() {
			if now, err := readTicket(home); err == nil && now == t {
				os.Remove(ticketFile(home))
			}
		}),
	}, nil
}

// writeTicket replaces the file whole: a client never reads half of it.
func writeTicket(home string, t ticket) error {
	f, err := os.CreateTemp(home, ".kith.token-*") // 0600
	if err != nil {
		return kith.Errorf(kith.Internal, "the command line's way in cannot be written to %s: %w", home, err)
	}
	defer os.Remove(f.Name())
	err = json.NewEncoder(f).Encode(t)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), ticketFile(home))
	}
	if err != nil {
		return kith.Errorf(kith.Internal, "the command line's way in cannot be written to %s: %w", home, err)
	}
	return nil
}

func readTicket(home string) (ticket, error) {
	var t ticket
	text, err := os.ReadFile(ticketFile(home))
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(text, &t)
}

// tokenTransport reads the ticket anew for every request: a client outlives a
// restart of its node.
type tokenTransport struct {
	home string
	http *http.Transport
}

func transportTCP(home string) http.RoundTripper {
	return &tokenTransport{home: home, http: &http.Transport{Proxy: nil}}
}

func (t *tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ticket, err := readTicket(t.home)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Host = ticket.Address
	r.Header.Set("Authorization", "Bearer "+ticket.Token)
	return t.http.RoundTrip(r)
}
