package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"kith"
)

// person is an account with one device.
type person struct{ account, device ed25519.PrivateKey }

func newPerson() person { return person{NewAccountKey(), NewDeviceKey()} }

func (p person) peer() kith.Peer {
	return kith.Peer{Account: AccountOf(p.account), Device: DeviceOf(p.device)}
}

func (p person) config(t testing.TB) *tls.Config {
	t.Helper()
	config, err := TLSConfig(p.device, AccountOf(p.account), CertifyDevice(p.account, DeviceOf(p.device)))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// pipe gives two ends of a TCP connection. Those of net.Pipe hold nothing, so
// two ends that refuse each other at once would wait for each other for ever.
func pipe(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback here: ", err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	for _, c := range []net.Conn{a, b} {
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

// handshake connects two ends and lets the server say a byte, so that a client
// which is refused after its own handshake hears of it.
func handshake(t *testing.T, clientConfig, serverConfig *tls.Config) (client, server *tls.Conn, clientErr, serverErr error) {
	t.Helper()
	a, b := pipe(t)
	client, server = tls.Client(a, clientConfig), tls.Server(b, serverConfig)
	var both sync.WaitGroup
	both.Go(func() {
		if serverErr = server.HandshakeContext(t.Context()); serverErr == nil {
			_, serverErr = server.Write([]byte{1})
		}
		b.Close()
	})
	clientErr = client.HandshakeContext(t.Context())
	if clientErr == nil {
		_, clientErr = io.ReadFull(client, make([]byte, 1))
	}
	a.Close()
	both.Wait()
	return client, server, clientErr, serverErr
}

func TestLink(t *testing.T) {
	anna, ben := newPerson(), newPerson()
	client, server, clientErr, serverErr := handshake(t, anna.config(t), ben.config(t))
	if clientErr != nil || serverErr != nil {
		t.Fatal(clientErr, serverErr)
	}
	if got, err := PeerOf(client.ConnectionState()); err != nil || got != ben.peer() {
		t.Errorf("the client sees %v, %v", got, err)
	}
	if got, err := PeerOf(server.ConnectionState()); err != nil || got != anna.peer() {
		t.Errorf("the server sees %v, %v", got, err)
	}
	one, err := Binding(client.ConnectionState())
	if err != nil || len(one) != 32 {
		t.Fatal(one, err)
	}
	if two, err := Binding(server.ConnectionState()); err != nil || !bytes.Equal(one, two) {
		t.Errorf("bindings %x and %x, %v", one, two, err)
	}
	client2, _, _, _ := handshake(t, anna.config(t), ben.config(t))
	if other, err := Binding(client2.ConnectionState()); err != nil || bytes.Equal(one, other) {
		t.Errorf("two links have one binding: %v", err)
	}
	if client2.ConnectionState().DidResume {
		t.Error("resumed")
	}
}

// made gives a certificate of key with these extensions.
func made(t *testing.T, key crypto.Signer, extensions ...pkix.Extension) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: notBefore, NotAfter: notAfter, ExtraExtensions: extensions}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func extension(t *testing.T, id identity) pkix.Extension {
	t.Helper()
	value, err := asn1.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: identityOID, Value: value}
}

// TestRefusedPeers: at either end, whoever does not prove device and account,
// or speaks less than is asked, gets no link.
func TestRefusedPeers(t *testing.T) {
	anna, mallory := newPerson(), newPerson()
	account := AccountOf(anna.account)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certOf := func(c tls.Certificate) func(*tls.Config) {
		return func(config *tls.Config) { config.Certificates = []tls.Certificate{c} }
	}
	good := extension(t, identity{account[:], CertifyDevice(anna.account, DeviceOf(mallory.device))})
	stolen := extension(t, identity{account[:], CertifyDevice(anna.account, DeviceOf(anna.device))})
	forged := extension(t, identity{account[:], CertifyDevice(mallory.account, DeviceOf(mallory.device))})
	short := extension(t, identity{account[:31], CertifyDevice(anna.account, DeviceOf(mallory.device))})
	garbage := pkix.Extension{Id: identityOID, Value: []byte{0x30, 0x01}}
	chain := made(t, mallory.device, good)
	chain.Certificate = append(chain.Certificate, chain.Certificate[0])

	for name, change := range map[string]func(*tls.Config){
		"wrong account signature": certOf(made(t, mallory.device, forged)),
		"another's certification": certOf(made(t, mallory.device, stolen)),
		"no account":              certOf(made(t, mallory.device)),
		"two accounts":            certOf(made(t, mallory.device, good, good)),
		"short account":           certOf(made(t, mallory.device, short)),
		"garbage":                 certOf(made(t, mallory.device, garbage)),
		"not Ed25519":             certOf(made(t, ec, good)),
		"a chain":                 certOf(chain),
		"TLS 1.2": func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CurvePreferences = tls.VersionTLS12, tls.VersionTLS12, nil
		},
		"another curve":    func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519} },
		"another protocol": func(c *tls.Config) { c.NextProtos = []string{"h2"} },
		"no protocol":      func(c *tls.Config) { c.NextProtos = nil },
	} {
		t.Run(name, func(t *testing.T) {
			bad := mallory.config(t)
			bad.VerifyConnection = nil // mallory takes everybody
			change(bad)
			if _, _, _, err := handshake(t, bad, anna.config(t)); err == nil {
				t.Error("accepted as the client")
			}
			if _, _, err, _ := handshake(t, anna.config(t), bad); err == nil {
				t.Error("accepted as the server")
			}
		})
	}

	t.Run("no certificate", func(t *testing.T) {
		bad := mallory.config(t)
		bad.Certificates = nil
		if _, _, _, err := handshake(t, bad, anna.config(t)); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("good after all", func(t *testing.T) {
		config := mallory.config(t)
		certOf(made(t, mallory.device, good))(config)
		if _, _, clientErr, serverErr := handshake(t, config, anna.config(t)); clientErr != nil || serverErr != nil {
			t.Error("the cases above fail for another reason: ", clientErr, serverErr)
		}
	})
}

// TestPeerOfChecksTheState: PeerOf does not lean on the configuration.
func TestPeerOfChecksTheState(t *testing.T) {
	client, _, err, _ := handshake(t, newPerson().config(t), newPerson().config(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*tls.ConnectionState){
		"version":     func(s *tls.ConnectionState) { s.Version = tls.VersionTLS12 },
		"curve":       func(s *tls.ConnectionState) { s.CurveID = tls.X25519 },
		"protocol":    func(s *tls.ConnectionState) { s.NegotiatedProtocol = "" },
		"certificate": func(s *tls.ConnectionState) { s.PeerCertificates = nil },
	} {
		t.Run(name, func(t *testing.T) {
			state := client.ConnectionState()
			spoil(&state)
			_, err := PeerOf(state)
			wantKind(t, err, kith.BadPeer)
		})
	}
}

func TestTLSConfigRefusesAWrongCertification(t *testing.T) {
	anna, ben := newPerson(), newPerson()
	if _, err := TLSConfig(anna.device, AccountOf(anna.account), CertifyDevice(ben.account, DeviceOf(anna.device))); err == nil {
		t.Error("no error")
	}
}

func FuzzPeerOfCertificate(f *testing.F) {
	p := newPerson()
	der, err := certificate(p.device, AccountOf(p.account), CertifyDevice(p.account, DeviceOf(p.device)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(slices.Clip(der[:len(der)/2]))
	f.Fuzz(func(t *testing.T, der []byte) {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		if _, err := peerOf(certificate); err != nil {
			wantKind(t, err, kith.BadPeer)
		}
	})
}
