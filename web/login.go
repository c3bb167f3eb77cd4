package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"kith/api"
)

const (
	ticketTime = 5 * time.Minute
	maxTickets = 16 // outstanding; the oldest makes room
)

// newSecret draws 32 random bytes, as text for an address or a cookie.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// A ticket is the secret of one link that logs in.
type ticket struct {
	hash    [sha256.Size]byte
	expires time.Time
}

// tickets are those that were not used yet, the oldest first.
type tickets struct {
	mu   sync.Mutex
	list []ticket // guarded by mu
}

func (t *tickets) issue(now time.Time) string {
	secret := newSecret()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.list) == maxTickets {
		t.list = slices.Delete(t.list, 0, 1)
	}
	t.list = append(t.list, ticket{sha256.Sum256([]byte(secret)), now.Add(ticketTime)})
	return secret
}

// use reports whether the secret is good, and makes it useless.
func (t *tickets) use(secret string, now time.Time) bool {
	hash := sha256.Sum256([]byte(secret))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = slices.DeleteFunc(t.list, func(k ticket) bool { return !now.Before(k.expires) })
	for i := range t.list {
		if subtle.ConstantTimeCompare(t.list[i].hash[:], hash[:]) == 1 {
			t.list = slices.Delete(t.list, i, i+1)
			return true
		}
	}
	return false
}

// forOwner is what the private way serves: the API, and links to log in with.
func (s *Server) forOwner(apiHandler http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", apiHandler)
	mux.HandleFunc("POST "+api.Prefix+"/login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		json.NewEncoder(w).Encode(map[string]string{"url": s.Link()})
	})
	return mux
}

// login makes a session of a ticket. Who has a session already need not care
// that a link was used before.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		// A HEAD, by which some programs look at a link, must not use it up.
		w.WriteHeader(http.StatusNoContent)
		return
	}
	now := time.Now()
	if s.tickets.use(r.URL.Query().Get("token"), now) {
		secret, err := s.sessions.add(now)
		if err != nil {
			s.log.Warn("this login will not survive a restart", "error", err)
		}
		http.SetCookie(w, s.cookie(secret, int(sessionTime/time.Second)))
	} else if !s.loggedIn(r) {
		s.page(w, r, http.StatusUnauthorized, "login.html")
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends the session in all tabs of its browser.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if secret := s.secret(r); secret != "" {
		if err := s.sessions.remove(secret); err != nil {
			s.log.Error("a logout could not be written down", "error", err)
			api.WriteProblem(w, err)
			return
		}
	}
	http.SetCookie(w, s.cookie("", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// cookie is not Secure: the page comes over plain HTTP, which on loopback
// nobody overhears, and not all browsers would keep it.
func (s *Server) cookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name:     s.sessions.cookie,
		Value:    value,
		Path:     "/",
		MaxAge:   seconds,
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
	}
}

func (s *Server) loggedIn(r *http.Request) bool {
	return s.sessions.valid(s.secret(r), time.Now())
}

// secret is that of the session of a request, good or not; empty if it has none.
func (s *Server) secret(r *http.Request) string {
	c, err := r.Cookie(s.sessions.cookie)
	if err != nil {
		return ""
	}
	return c.Value
}
