package web

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"kith"
	"kith/api"
)

// policy lets the page load what is embedded and speak to its own origin, and
// nothing else. Films and PDFs of messages come from the same origin; they
// have a policy of their own, under which nothing in them acts (see package
// api). Trusted types forbid scripts to write HTML.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self'",
	"style-src 'self'",
	"img-src 'self' data: blob:",
	"media-src 'self'",
	"frame-src 'self'",
	"connect-src 'self'",
	"font-src 'self'",
	"manifest-src 'self'",
	"frame-ancestors 'none'",
	"base-uri 'none'",
	"form-action 'self'",
	"require-trusted-types-for 'script'",
	"trusted-types 'none'",
}, "; ")

// forBrowsers is what the loopback port serves.
func (s *Server) forBrowsers(apiHandler http.Handler, port uint16) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(api.Prefix+"/", s.guardAPI(apiHandler))
	mux.HandleFunc("GET /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if !s.loggedIn(r) {
			s.page(w, r, http.StatusUnauthorized, "login.html")
			return
		}
		s.page(w, r, http.StatusOK, "index.html")
	})
	mux.HandleFunc("GET /{file}", func(w http.ResponseWriter, r *http.Request) {
		s.page(w, r, http.StatusOK, r.PathValue("file"))
	})
	var origins http.CrossOriginProtection
	origins.SetDenyHandler(http.HandlerFunc(refuseOrigin))
	return withHeaders(checkHost(origins.Handler(mux), strconv.Itoa(int(port))))
}

// withHeaders sets what every answer carries, if it does not say otherwise.
func withHeaders(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", policy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		// The page reads QR codes with the camera, if the person lets it.
		head.Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=(), usb=()")
		head.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// checkHost answers only to this machine's own names.
func checkHost(h http.Handler, port string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, at, err := net.SplitHostPort(r.Host)
		if err != nil {
			host, at = strings.Trim(r.Host, "[]"), "80"
		}
		ip := net.ParseIP(host)
		if at != port || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			api.WriteProblem(w, kith.Errorf(kith.Forbidden, "this is the Kith of one person, on their own machine: it does not answer as %q", r.Host))
			return
		}
		h.ServeHTTP(w, r)
	})
}

// guardAPI wants a session, and that even questions come from the page: a
// stream that another site opened would stay open.
func (s *Server) guardAPI(h http.Handler) http.Handler {
	var origins http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asChange := *r // questions are let through otherwise
		asChange.Method = http.MethodPost
		if origins.Check(&asChange) != nil {
			refuseOrigin(w, r)
			return
		}
		if !s.loggedIn(r) {
			api.WriteProblem(w, api.Unauthorized("you are not logged in: run kith in a terminal, it opens the page"))
			return
		}
		if isStream(r) {
			ctx, cancel := s.sessions.during(r.Context(), s.secret(r))
			defer cancel()
			r = r.WithContext(ctx)
		}
		h.ServeHTTP(w, r)
	})
}

func refuseOrigin(w http.ResponseWriter, _ *http.Request) {
	api.WriteProblem(w, kith.Errorf(kith.Forbidden, "only Kith's own page may ask this, not another site"))
}
