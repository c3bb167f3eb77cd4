package hub

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kith"
	"kith/hubapi"
)

// serve opens the ports and lets devices in.
func (h *Hub) serve(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", h.cfg.Listen)
	if err != nil {
		return kith.Errorf(kith.Invalid, "listen on %s: %w", h.cfg.Listen, err)
	}
	secure, err := h.certificates(ctx)
	if err == nil {
		err = h.findURL(tcpPort(l))
	}
	if err == nil {
		err = h.startParts(ctx, l)
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	public := net.Listener(&limitedListener{l, h})
	if secure != nil {
		public = tls.NewListener(public, secure)
		for _, p := range h.parts {
			if s, ok := p.(splitter); ok {
				public = s.Split(public)
			}
		}
	}
	h.main = h.newServer(h.handler())
	h.run(h.main, public, "devices")
	if err := h.serveAdmin(); err != nil {
		return err
	}
	if h.cfg.Metrics != "" {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", h.cfg.Metrics)
		if err != nil {
			return kith.Errorf(kith.Invalid, "metrics: listen on %s: %w", h.cfg.Metrics, err)
		}
		h.side = h.newServer(h.sideHandler())
		h.run(h.side, l, "metrics")
	}
	h.serving.Go(h.tend)
	h.log.Info("the hub runs", "parts", strings.Join(h.partNames(), " "), "tls", h.cfg.TLS.Mode)
	return nil
}

// findURL makes out where devices reach the hub, and what they may call it.
func (h *Hub) findURL(port int) error {
	host, _, err := net.SplitHostPort(h.cfg.Listen)
	if err != nil {
		return err
	}
	if h.cfg.Name != "" {
		host = h.cfg.Name
	}
	scheme := "https"
	if h.cfg.TLS.Mode == TLSOff {
		scheme = "http"
	}
	text := h.cfg.URL
	if text == "" {
		text = scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port))
	}
	if h.url, err = hubapi.ParseURL(text); err != nil {
		return err
	}
	h.hosts = []string{hubapi.Host(h.url)}
	if isLoopback(host) && h.cfg.URL == "" {
		for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
			h.hosts = append(h.hosts, net.JoinHostPort(name, strconv.Itoa(port)))
		}
	}
	return nil
}

func (h *Hub) startParts(ctx context.Context, l net.Listener) error {
	at := place{
		Dir: h.dir, TLS: h.cfg.TLS.Mode != TLSOff, Log: h.log, Client: h.client,
		Limited: h.limited, Pace: h.pace, Fail: h.failure, TellSpace: h.tellSpace,
		Blocked: func(device hubapi.Key) bool {
			_, blocked := h.rules.Blocked(device, time.Now())
			return blocked
		},
	}
	at.Public, _ = l.Addr().(*net.TCPAddr)
	u, err := url.Parse(h.url)
	if err != nil {
		return kith.Errorf(kith.Invalid, "url: %w", err)
	}
	at.Host, at.Port = u.Hostname(), map[string]int{"http": 80, "https": 443}[u.Scheme]
	if port, err := strconv.Atoi(u.Port()); err == nil {
		at.Port = port
	}
	for _, p := range h.parts {
		if err := p.Start(ctx, at); err != nil {
			return err
		}
		if r, ok := p.(relayer); ok {
			h.relay = r
		}
		if k, ok := p.(keeper); ok {
			h.keeper = k
		}
		if m, ok := p.(measured); ok {
			h.metrics.registry.MustRegister(m.Collector())
		}
	}
	return nil
}

// newServer makes a server that nobody can hold up.
func (h *Hub) newServer(handler http.Handler) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(&serverErrors{h.log, h.metrics}, "", 0),
		Protocols:         new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	return s
}

func (h *Hub) run(s *http.Server, l net.Listener, what string) {
	h.serving.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			h.failed <- kith.Errorf(kith.Internal, "the server for %s ended: %w", what, err)
		}
	})
}

// serverErrors takes what package net/http would log. It names addresses, and
// most of it is what strangers do wrong, so only faults of ours are told, from
// their second line on.
type serverErrors struct {
	log     *slog.Logger
	metrics *metrics
}

func (e *serverErrors) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("http: panic")) {
		_, stack, _ := bytes.Cut(line, []byte("\n"))
		e.log.Error("a fault in the hub", "stack", string(stack))
	}
	e.metrics.serverErrors.Inc()
	return len(line), nil
}

// tend does, again and again, what would else need a timer for each device.
func (h *Hub) tend() {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	spaces := time.NewTicker(spaceEvery)
	defer spaces.Stop()
	for {
		select {
		case <-h.running.Done():
			return
		case <-tick.C:
			now := time.Now()
			h.metrics.silent.Add(float64(h.devices.endSilent(now)))
			h.limits.sweep(now)
		case <-spaces.C:
			h.tellSpaces()
		}
	}
}

const (
	tendEvery = 15 * time.Second
	// silence is how long a device may say nothing.
	silence = 3 * time.Minute
)

// limitedListener takes only so many connections from an address, and in all.
type limitedListener struct {
	net.Listener
	h *Hub
}

// Accept gives the next connection that may be.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addressOf(c.RemoteAddr())
		if l.h.trusted(from) {
			return c, nil // counted by whom it speaks for
		}
		release, ok := l.h.limits.connect(from)
		if !ok {
			l.h.metrics.refused.WithLabelValues("connections").Inc()
			c.Close()
			continue
		}
		return &countedConn{Conn: c, release: release}, nil
	}
}

// A countedConn gives its place free when it is closed.
type countedConn struct {
	net.Conn
	release func() // once
}

// Close closes the connection.
func (c *countedConn) Close() error {
	c.release()
	return c.Conn.Close()
}

// trusted reports whether an address is a proxy that is believed.
func (h *Hub) trusted(from netip.Addr) bool {
	for _, proxies := range h.cfg.TrustedProxies {
		if proxies.Contains(from) {
			return true
		}
	}
	return false
}

// client is the address that a request comes from, as far as can be known.
func (h *Hub) client(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := from.Addr().Unmap()
	if !h.trusted(addr) {
		return addr
	}
	forwarded := r.Header.Values("X-Forwarded-For")
	if len(forwarded) == 0 {
		return addr
	}
	list := strings.Split(forwarded[len(forwarded)-1], ",")
	if told, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
		return told.Unmap()
	}
	return addr
}

func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
