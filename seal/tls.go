package seal

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"kith"
)

// ALPN is the application protocol of a link (RFC 7301).
const ALPN = "kith/1"

// LaneALPN is that of a further connection of a link.
const LaneALPN = "kith-lane/1"

// bindingSize is the size of what Binding gives.
const bindingSize = 32

// identityOID marks the extension with the account: under 2.25, which is free
// for anybody, the number 0x4B495448, "KITH".
var identityOID = asn1.ObjectIdentifier{2, 25, 0x4B495448}

// identity is the content of the extension, in DER.
type identity struct {
	Account       []byte // 32 bytes
	Certification []byte // 64 bytes, see CertifyDevice
}

// Validity is never checked, since clocks are wrong by years; a device is
// dropped by a new card without it. These are the widest bounds that every
// library reads (RFC 5280 section 4.1.2.5).
var (
	notBefore = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// TLSConfig makes the configuration of a link, for either end. It accepts every
// peer that proves a device key and the certification of its account; whether
// that peer is wanted is for the caller to decide, by PeerOf. TLS 1.3 with
// X25519MLKEM768 is the only thing it speaks; there are no tickets and so no
// early data. cert is what CertifyDevice gave.
func TLSConfig(device ed25519.PrivateKey, account kith.AccountID, cert []byte) (*tls.Config, error) {
	if err := VerifyDevice(account, DeviceOf(device), cert); err != nil {
		return nil, kith.Errorf(kith.Internal, "make the certificate for links: %w", err)
	}
	der, err := certificate(device, account, cert)
	if err != nil {
		return nil, kith.Errorf(kith.Internal, "make the certificate for links: %w", err)
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: device}},
		NextProtos:             []string{ALPN},
		MinVersion:             tls.VersionTLS13,
		CurvePreferences:       []tls.CurveID{tls.X25519MLKEM768},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // no chain to verify; VerifyConnection does it, at both ends
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := PeerOf(state)
			return err
		},
	}, nil
}

func certificate(device ed25519.PrivateKey, account kith.AccountID, cert []byte) ([]byte, error) {
	extension, err := asn1.Marshal(identity{Account: account[:], Certification: cert})
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:    big.NewInt(1),
		NotBefore:       notBefore,
		NotAfter:        notAfter,
		ExtraExtensions: []pkix.Extension{{Id: identityOID, Value: extension}},
	}
	// Ed25519 signs without randomness, so nil will do.
	return x509.CreateCertificate(nil, template, template, device.Public(), device)
}

// PeerOf tells who is at the other end of a TLS connection made with
// TLSConfig, or with one that adds LaneALPN to it. An error is of kind
// kith.BadPeer.
func PeerOf(state tls.ConnectionState) (kith.Peer, error) {
	if state.Version != tls.VersionTLS13 || state.CurveID != tls.X25519MLKEM768 ||
		state.NegotiatedProtocol != ALPN && state.NegotiatedProtocol != LaneALPN {
		return kith.Peer{}, kith.Errorf(kith.BadPeer, "the other side speaks %s with %s and protocol %q instead of TLS 1.3 with X25519MLKEM768 and %q",
			tls.VersionName(state.Version), state.CurveID, state.NegotiatedProtocol, ALPN)
	}
	if len(state.PeerCertificates) != 1 {
		return kith.Peer{}, kith.Errorf(kith.BadPeer, "the other side shows %d certificates instead of one", len(state.PeerCertificates))
	}
	return peerOf(state.PeerCertificates[0])
}

func peerOf(certificate *x509.Certificate) (kith.Peer, error) {
	key, ok := certificate.PublicKey.(ed25519.PublicKey)
	if !ok {
		return kith.Peer{}, kith.Errorf(kith.BadPeer, "the other side's certificate is of a %v key instead of an Ed25519 key", certificate.PublicKeyAlgorithm)
	}
	var found *identity
	for _, extension := range certificate.Extensions {
		if !extension.Id.Equal(identityOID) {
			continue
		}
		var id identity
		rest, err := asn1.Unmarshal(extension.Value, &id)
		if err != nil || len(rest) > 0 || len(id.Account) != len(kith.AccountID{}) || found != nil {
			return kith.Peer{}, kith.Errorf(kith.BadPeer, "the other side's certificate names its account in a wrong form")
		}
		found = &id
	}
	if found == nil {
		return kith.Peer{}, kith.Errorf(kith.BadPeer, "the other side's certificate names no account")
	}
	peer := kith.Peer{Account: kith.AccountID(found.Account), Device: kith.DeviceID(key)}
	if err := VerifyDevice(peer.Account, peer.Device, found.Certification); err != nil {
		return kith.Peer{}, err
	}
	return peer, nil
}

// Binding gives the 32 bytes that both ends of this connection, and nobody
// else, share (RFC 8446 section 7.5).
func Binding(state tls.ConnectionState) ([]byte, error) {
	binding, err := state.ExportKeyingMaterial(labelBinding, nil, bindingSize)
	if err != nil {
		return nil, kith.Errorf(kith.Internal, "bind to the link: %w", err)
	}
	return binding, nil
}
