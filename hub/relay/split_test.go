package relay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// certificate makes one for the loopback.
func certificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hub"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{loopback.AsSlice()}, DNSNames: []string{"hub"},
	}
	raw, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// startBoth serves HTTPS and TURN on one port, and gives its address.
func startBoth(t *testing.T, s *Server) string {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate(t)},
		NextProtos:   append(slices.Clone(TLSProtocols), "h2", "http/1.1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s over TLS: %t", r.Proto, r.TLS != nil)
	})}
	done := make(chan error, 1)
	go func() { done <- web.Serve(s.Split(l)) }()
	t.Cleanup(func() {
		web.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestOnePortForHTTPSAndTURN(t *testing.T) {
	s := start(t, lab())
	addr := startBoth(t, s)
	for _, named := range []string{"", "stun.turn"} {
		t.Run("TURN naming "+named, func(t *testing.T) {
			cfg := &tls.Config{InsecureSkipVerify: true}
			if named != "" {
				cfg.NextProtos = []string{named}
			}
			conn, err := tls.Dial("tcp", addr, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			relayed := allocate(t, clientOf(t, s, conn))
			peer := echo(t)
			exchange(t, relayed, relayed, peer.LocalAddr(), "1", "22", "333", strings.Repeat("x", 1400))
			waitFor(t, "a channel", func() bool { return channels(s) > 0 })
			exchange(t, relayed, relayed, peer.LocalAddr(), "1", "22", "333", strings.Repeat("x", 1400))
		})
	}
	for _, test := range []struct {
		named []string
		want  string
	}{
		{[]string{"h2", "http/1.1"}, "HTTP/2.0 over TLS: true"},
		{[]string{"http/1.1"}, "HTTP/1.1 over TLS: true"},
		{nil, "HTTP/1.1 over TLS: false"},
	} {
		t.Run("HTTP naming "+strings.Join(test.named, ","), func(t *testing.T) {
			var protocols http.Protocols
			protocols.SetHTTP1(true)
			protocols.SetHTTP2(len(test.named) == 2)
			transport := &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: test.named}}
			if len(test.named) == 0 {
				transport.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, network, addr)
				}
			}
			defer transport.CloseIdleConnections()
			answer, err := (&http.Client{Transport: transport}).Get("https://" + addr)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if text, err := io.ReadAll(answer.Body); err != nil || string(text) != test.want {
				t.Errorf("heard %q, %v; want %q", text, err, test.want)
			}
		})
	}
}

// TestCoturnsClientOverTLS has coturn's test client use our TURN over TLS, on
// the port of HTTPS. It names HTTP, too, in its handshake.
func TestCoturnsClientOverTLS(t *testing.T) {
	if _, err := exec.LookPath("turnutils_uclient"); err != nil {
		t.Skip("turnutils_uclient is not installed: it is in Debian's package coturn")
	}
	s := start(t, lab())
	_, port, err := net.SplitHostPort(startBoth(t, s))
	if err != nil {
		t.Fatal(err)
	}
	c := s.Credentials(time.Now(), "")
	peer := echo(t).LocalAddr().(*net.UDPAddr)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "turnutils_uclient", "-t", "-S", "-n", "50", "-l", "997", "-z", "1", "-c", "-L", "127.0.0.1",
		"-u", c.Username, "-w", c.Password, "-p", port, "-e", "127.0.0.1", "-r", strconv.Itoa(peer.Port), "127.0.0.1").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Total lost packets 0 (0.000000%)") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestMetrics: what Prometheus reads is well-formed and complete.
func TestMetrics(t *testing.T) {
	s := start(t, lab())
	allocate(t, clientOf(t, s, nil))
	families := gather(t, s)
	if got := families["kith_hub_relay_allocations"]; got != 1 {
		t.Errorf("%v allocations, want 1 (%v)", got, families)
	}
	if len(families) != 7 {
		t.Errorf("%d families: %v", len(families), families)
	}
}
