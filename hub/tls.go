package hub

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"kith"
	"kith/hub/relay"
)

// certificates gives the settings of TLS; nil if there is none.
func (h *Hub) certificates(ctx context.Context) (*tls.Config, error) {
	switch h.cfg.TLS.Mode {
	case TLSFiles:
		files := &certFiles{cert: h.cfg.TLS.Cert, key: h.cfg.TLS.Key, log: func(err error) {
			h.log.Error("the certificate can't be read anew; the former one stays", "error", err)
		}}
		if err := files.load(); err != nil {
			return nil, kith.Errorf(kith.Invalid, "tls: read the certificate: %w", err)
		}
		return &tls.Config{GetCertificate: files.get, NextProtos: h.protocols(), MinVersion: tls.VersionTLS12}, nil
	case TLSACME:
		return h.acme(ctx)
	}
	return nil, nil
}

// protocols are what connections may be for. TURN's are first: its clients may
// name HTTP, too.
func (h *Hub) protocols() []string {
	if h.cfg.Relay.On {
		return append(slices.Clone(relay.TLSProtocols), "http/1.1")
	}
	return []string{"http/1.1"}
}

// acme gets certificates by itself.
func (h *Hub) acme(ctx context.Context) (*tls.Config, error) {
	m := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		HostPolicy: autocert.HostWhitelist(h.cfg.Name),
		Cache:      autocert.DirCache(filepath.Join(h.dir, "acme")),
		Email:      h.cfg.TLS.Email,
	}
	if h.cfg.TLS.Directory != "" {
		m.Client = &acme.Client{DirectoryURL: h.cfg.TLS.Directory}
	}
	if at := h.cfg.TLS.HTTP; at != "" {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at)
		if err != nil {
			return nil, kith.Errorf(kith.Invalid, "tls.http: listen on %s: %w", at, err)
		}
		challenges := h.newServer(m.HTTPHandler(nil))
		h.run(challenges, l, "challenges")
		context.AfterFunc(h.running, func() { challenges.Close() })
	}
	cfg := m.TLSConfig()
	cfg.NextProtos = append(h.protocols(), acme.ALPNProto)
	return cfg, nil
}

// certFiles is a certificate in files, which whoever renews it replaces.
type certFiles struct {
	cert, key string
	log       func(error)

	mu     sync.Mutex // guards the rest
	loaded *tls.Certificate
	of     time.Time // when the file was changed
	looked time.Time
}

// lookEvery is how soon a new certificate is seen.
const lookEvery = time.Minute

func (f *certFiles) load() error {
	info, err := os.Stat(f.cert)
	if err != nil {
		return err
	}
	loaded, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.loaded, f.of = &loaded, info.ModTime()
	return nil
}

func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) > lookEvery {
		f.looked = now
		if info, err := os.Stat(f.cert); err == nil && !info.ModTime().Equal(f.of) {
			if err := f.load(); err != nil {
				f.log(err)
			}
		}
	}
	return f.loaded, nil
}
