package hub

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/hubapi"
)

// A hub with TLS from files and every part: the real client connects, and gets
// credentials for the relay, which shares the port.
func TestAllPartsOverTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key, pool := certificate(t, dir)
	h, _ := startHub(t, dir, func(c *Config) {
		c.Name, c.TLS = "localhost", TLS{Mode: TLSFiles, Cert: cert, Key: key}
		c.Relay = Relay{On: true, Listen: "127.0.0.1:0", Public: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Secret: "s", AllowPrivate: true}
		c.Tracker = Tracker{On: true, UDP: "127.0.0.1:0"}
		c.Metrics = freeAddress(t)
		withSeedbox(c)
	})
	if !strings.HasPrefix(h.URL(), "https://localhost:") {
		t.Fatalf("the hub is at %s", h.URL())
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	heard := &relays{got: make(chan hubapi.Relay, 1)}
	c := hubapi.New(hubapi.Options{URL: h.URL(), Key: keyNumber(1), Events: heard, HTTP: client})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	select {
	case r := <-heard.got:
		all := strings.Join(r.URLs, " ")
		if !strings.Contains(all, "turns:localhost:") || !strings.Contains(all, "stun:localhost:") || r.Username == "" || r.Password == "" {
			t.Errorf("the relay is %+v", r)
		}
	case <-time.After(patience):
		t.Fatalf("no credentials came; the client is %+v", c.State())
	}
	if got := strings.Join(c.State().Parts, " "); got != "mailbox meet relay seedbox tracker" {
		t.Errorf("the parts are %s", got)
	}
	resp, err := client.Get(h.URL() + hubapi.PathTracker + "?info_hash=" + strings.Repeat("a", 20) + "&peer_id=" + strings.Repeat("b", 20) + "&port=6881&compact=1")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the tracker answers %s", resp.Status)
	}
	f, got := newSeed(1, 2*seedPiece), make([]byte, 2*seedPiece)
	if _, err := hubapi.Keep(t.Context(), client, h.URL(), token(1), f.hash, f.info); err != nil {
		t.Fatal(err)
	}
	for n, piece := range f.pieces() {
		if err := hubapi.KeepPiece(t.Context(), client, h.URL(), token(1), f.hash, n, piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := hubapi.FetchKept(t.Context(), client, h.URL(), f.hash, 0, got); err != nil || !bytes.Equal(got, f.data) {
		t.Errorf("a file comes back as something else, %v", err)
	}
	_, _, metrics := request(t, http.MethodGet, "http://"+h.cfg.Metrics+hubapi.PathMetrics, "", "")
	for _, name := range []string{"kith_hub_relay_allocations", "kith_hub_tracker", "kith_hub_seedbox_files 1", "kith_hub_devices 1"} {
		if !strings.Contains(metrics, name) {
			t.Errorf("the metrics have no %s", name)
		}
	}
}

type relays struct {
	ignore
	got chan hubapi.Relay
}

func (r *relays) Relay(got hubapi.Relay) { r.got <- got }

// certificate makes one for localhost.
func certificate(t *testing.T, dir string) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		text := pem.EncodeToMemory(block)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		pool.AppendCertsFromPEM(text)
	}
	return certFile, keyFile, pool
}

// A certificate that was renewed is used without a restart; a broken one is not.
func TestRenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key, _ := certificate(t, dir)
	complained := 0
	files := &certFiles{cert: cert, key: key, log: func(error) { complained++ }}
	if err := files.load(); err != nil {
		t.Fatal(err)
	}
	get := func() *tls.Certificate {
		t.Helper()
		files.looked = time.Time{}
		c, err := files.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := get()
	later := time.Now().Add(time.Minute)
	if err := os.WriteFile(cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(cert, later, later); err != nil {
		t.Fatal(err)
	}
	if get() != first || complained != 1 {
		t.Errorf("a broken certificate was taken, or nobody told (%d)", complained)
	}
	certificate(t, dir)
	if err := os.Chtimes(cert, later, later.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if get() == first {
		t.Error("the new certificate is not used")
	}
}

func TestTurnUsers(t *testing.T) {
	dir := t.TempDir()
	if _, err := AddTurnUser(dir, "phone"); kith.KindOf(err) != kith.NotFound {
		t.Errorf("without a hub: %v", err)
	}
	if _, err := Init(dir, "", ""); err != nil {
		t.Fatal(err)
	}
	first, err := AddTurnUser(dir, "phone")
	if err != nil || first == "" {
		t.Fatal(first, err)
	}
	if _, err := AddTurnUser(dir, "fax"); err != nil {
		t.Fatal(err)
	}
	users, err := turnUsers(dir)
	if err != nil || len(users) != 2 || len(users["phone"]) != 32 || strings.Contains(users["phone"], first) {
		t.Errorf("%v, %v", users, err)
	}
	for _, name := range []string{"", "a b", "a:b"} {
		if _, err := AddTurnUser(dir, name); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}
