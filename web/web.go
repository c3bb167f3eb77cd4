// Package web serves a node on its own machine: the API and the page on a
// loopback port for browsers, and the API alone on the private way of package
// local for the command line.
//
// The private way needs no login. A browser does: every other program and user
// of the machine, and through the browser every web site, can knock at the
// port. What stands between, in this order:
//
//   - only loopback is listened on;
//   - the Host has to be this machine's own name and port, so that no site can
//     point a name of its own here (DNS rebinding);
//   - a request to the API, or one that changes something, has to come from
//     the page's own origin (Sec-Fetch-Site and Origin);
//   - the API wants a session, a random cookie that scripts cannot read. It
//     is set by a link that works once, within five minutes, and is handed out
//     over the private way only;
//   - the page runs no script and loads nothing that is not embedded here
//     (Content-Security-Policy).
//
// A logout ends the streams of events in all tabs of that session. Sessions
// last 30 days, also over restarts: HOME/sessions holds their
// SHA-256, and the port, so that an open page finds the node again.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"kith"
	"kith/api"
	"kith/api/local"
)

// Options say what to serve and where.
type Options struct {
	// Listen is the loopback address for browsers, such as 127.0.0.1:7000.
	// Port 0 takes the port of the last time if it is free, else any.
	Listen string
	API    http.Handler // see api.New
	Home   string       // of the node; it has to exist
	Log    *slog.Logger // nil: none
}

// closeTime is how long Close waits for requests that are being answered.
const closeTime = 500 * time.Millisecond

// A Server serves one node until it is closed.
type Server struct {
	url      string // of the page, without a slash at the end
	log      *slog.Logger
	tickets  tickets
	sessions *sessions

	browsers, private *http.Server
	ending            context.Context // ends the streams of events
	end               context.CancelFunc
	serving           sync.WaitGroup
	closed            func() error // closes once
}

// Start listens and serves until Close, or the end of ctx, which closes too.
// An address that others could reach is Invalid; another server on the same
// home is a Conflict.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	saved, err := openSessions(o.Home)
	if err != nil {
		return nil, err
	}
	private, err := local.Listen(o.Home)
	if err != nil {
		return nil, err
	}
	browsers, err := listen(ctx, o.Listen, saved.port())
	if err != nil {
		private.Close()
		return nil, err
	}
	port := browsers.Addr().(*net.TCPAddr).AddrPort().Port()
	if err := saved.setPort(port); err != nil {
		o.Log.Warn("an open page will not find this node after a restart", "error", err)
	}
	s := &Server{url: "http://" + browsers.Addr().String(), log: o.Log, sessions: saved}
	s.ending, s.end = context.WithCancel(context.Background())
	stream := s.endingStreams(o.API)
	s.browsers = s.server(s.forBrowsers(stream, port))
	s.private = s.server(private.Guard(s.forOwner(stream)))
	s.serve(s.browsers, browsers)
	s.serve(s.private, private)
	s.closed = sync.OnceValue(s.close)
	context.AfterFunc(ctx, func() { s.Close() })
	return s, nil
}

// URL is the address of the page; a browser that has logged in can open it.
func (s *Server) URL() string { return s.url + "/" }

// Link makes an address that opens the page once, within five minutes, and
// logs the browser in. It is a secret.
func (s *Server) Link() string {
	return s.url + "/login?token=" + s.tickets.issue(time.Now())
}

// Close ends the streams of events, waits up to half a second for requests
// that are being answered, and cuts those that are left.
func (s *Server) Close() error { return s.closed() }

func (s *Server) close() error {
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var both sync.WaitGroup
	var errs [2]error
	for i, server := range []*http.Server{s.browsers, s.private} {
		both.Go(func() {
			if err := server.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				errs[i] = err
			}
			server.Close()
		})
	}
	both.Wait()
	s.serving.Wait()
	return errors.Join(errs[:]...)
}

// server has no limit of time for an answer: a backup may take minutes, and a
// stream of events does not end. Bodies and streams have theirs in package api.
func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

func (s *Server) serve(server *http.Server, l net.Listener) {
	s.serving.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("serving ended", "address", l.Addr().String(), "error", err)
		}
	})
}

// endingStreams gives requests for the events a context that Close ends. All
// others may finish.
func (s *Server) endingStreams(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isStream(r) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(s.ending, cancel)()
			r = r.WithContext(ctx)
		}
		h.ServeHTTP(w, r)
	})
}

// isStream tells the request whose answer does not come to an end.
func isStream(r *http.Request) bool { return r.URL.Path == api.Prefix+"/events" }

// listen opens a loopback address. Instead of port 0 it tries the last port
// first.
func listen(ctx context.Context, address string, last uint16) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "%q is not an address to listen on, such as 127.0.0.1:7000: %w", address, err)
	}
	ip := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if host != "localhost" {
		if ip, err = netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
			return nil, kith.Errorf(kith.Invalid, "the page can be opened on this machine only: listen on 127.0.0.1, not on %q", host)
		}
	}
	var config net.ListenConfig
	if port == "0" && last != 0 {
		if l, err := config.Listen(ctx, "tcp", netip.AddrPortFrom(ip, last).String()); err == nil {
			return l, nil
		}
	}
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(ip.String(), port))
	if err != nil {
		return nil, kith.Errorf(kith.Conflict, "%s cannot be listened on: %w", address, err)
	}
	return l, nil
}
