//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kith/internal/lab"
)

// A hubProcess is `kith hub run` on a public host of the lab.
type hubProcess struct {
	t    *testing.T
	host *lab.Host
	dir  string
	url  string
	cmd  *exec.Cmd
}

// runsHub makes a hub and runs it until the test ends. edit may change its
// configuration: pairs of what is there and what shall be.
func runsHub(t *testing.T, h *lab.Host, edit ...string) *hubProcess {
	t.Helper()
	return runsNamedHub(t, h, h.Addr().String(), edit...)
}

// runsNamedHub is runsHub for one that is known by this name.
func runsNamedHub(t *testing.T, h *lab.Host, name string, edit ...string) *hubProcess {
	t.Helper()
	p := &hubProcess{t: t, host: h, dir: filepath.Join(t.TempDir(), "hub")}
	p.do("init", p.dir, "--listen", ":443", "--name", name)
	certify(t, p.dir, name)
	path := filepath.Join(p.dir, "hub.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(edit); i += 2 {
		if !bytes.Contains(text, []byte(edit[i])) {
			t.Fatalf("hub.toml has no %q:\n%s", edit[i], text)
		}
		text = bytes.Replace(text, []byte(edit[i]), []byte(edit[i+1]), 1)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	p.start()
	return p
}

// do gives a command about the hub.
func (p *hubProcess) do(args ...string) string {
	p.t.Helper()
	out, err := p.host.Command(p.t.Context(), lab.Binary(p.t), append([]string{"hub"}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("kith hub %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// start runs the hub and waits until it says that it does.
func (p *hubProcess) start() {
	p.t.Helper()
	p.cmd = p.host.Command(context.Background(), lab.Binary(p.t), "hub", "run", p.dir)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	var errs bytes.Buffer
	p.cmd.Stderr = &errs
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "Hub is running: "); ok {
			p.url = url
			go func() {
				for lines.Scan() { // lest it blocks
				}
			}()
			return
		}
	}
	p.cmd.Wait()
	p.t.Fatalf("the hub does not run:\n%s", errs.String())
}

// kill ends it as a crash would.
func (p *hubProcess) kill() {
	if p.cmd != nil && p.cmd.Process != nil {
		p.cmd.Process.Signal(syscall.SIGKILL)
		p.cmd.Wait()
		p.cmd = nil
	}
}

// roots is what nodes need in their environment to trust the hub.
func (p *hubProcess) roots() string { return "SSL_CERT_FILE=" + filepath.Join(p.dir, "cert.pem") }

// certify writes a certificate of its own for a name or address.
func certify(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a hub of the lab"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// at makes somebody use a hub, and waits until they are connected to it.
func (p *person) at(t *testing.T, hub *hubProcess) {
	t.Helper()
	p.Run(t, "hubs", "add", hub.url)
	lab.Eventually(t, soon, func() error {
		hubs, err := p.api.Hubs(t.Context())
		if err != nil {
			return err
		}
		for _, h := range hubs {
			if h.Phase == "connected" {
				return nil
			}
		}
		return fmt.Errorf("%s's hubs: %+v", p.name, hubs)
	})
}
