package seal

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"encoding/binary"
	"slices"

	"kith"
)

// A prekey is what others begin a session with while its device is away: the
// public half of an X-Wing key (draft-connolly-cfrg-xwing-kem, X25519 with
// ML-KEM-768), signed by the device. It serves one session.
//
//	01 ‖ device:32 ‖ id:8 ‖ public:1216 ‖ signature:64
//
// The signature is over the account and all that stands before it. It says that
// the device offers the key, not to whom or for what, so it takes nothing from
// the deniability of a conversation.
const (
	labelPrekey      = "kith v1 prekey"
	labelEnvelopeKEM = "kith v1 envelope key"
	prekeyVersion    = 1
	prekeySigned     = 1 + 32 + 8 + kemPublic
	kemPublic        = 1216 // bytes of a public key of X-Wing
	kemEncapsulation = 1120 // bytes of what is encapsulated to one
	kemSecret        = 32   // bytes of what both then share
)

// PrekeySize is the size of a prekey bundle in bytes.
const PrekeySize = prekeySigned + ed25519.SignatureSize

// A Prekey is a bundle whose signature was checked.
type Prekey struct {
	Owner  kith.Peer // whose it is
	ID     uint64    // what the owner finds the secret half by
	public []byte
}

// NewPrekey draws a prekey of a device. The bundle is for others; the secret is
// kept under the ID, and deleted in the transaction that stores the session
// begun with it.
func NewPrekey(device ed25519.PrivateKey, account kith.AccountID, id uint64) (bundle []byte, secret kith.Secret) {
	secret = randomSecret()
	return newPrekey(device, account, id, secret), secret
}

func newPrekey(device ed25519.PrivateKey, account kith.AccountID, id uint64, secret kith.Secret) []byte {
	of := DeviceOf(device)
	bundle := make([]byte, 0, PrekeySize)
	bundle = append(bundle, prekeyVersion)
	bundle = append(bundle, of[:]...)
	bundle = binary.BigEndian.AppendUint64(bundle, id)
	bundle = append(bundle, kemPublicOf(secret)...)
	return append(bundle, ed25519.Sign(device, message(labelPrekey, account[:], bundle))...)
}

// OpenPrekey checks a bundle that is said to be of this device. That the device
// speaks for the account is for VerifyDevice. An error is of kind kith.BadPeer.
func OpenPrekey(bundle []byte, owner kith.Peer) (Prekey, error) {
	if len(bundle) != PrekeySize || bundle[0] != prekeyVersion {
		return Prekey{}, kith.Errorf(kith.BadPeer, "a key of %s for messages left behind has a form that this version does not know", owner.Device.Short())
	}
	signed, signature := bundle[:prekeySigned], bundle[prekeySigned:]
	if owner.Device.IsZero() || kith.DeviceID(signed[1:33]) != owner.Device ||
		!ed25519.Verify(owner.Device[:], message(labelPrekey, owner.Account[:], signed), signature) {
		return Prekey{}, kith.Errorf(kith.BadPeer, "a key for messages left behind is not signed by the device %s that it should be of", owner.Device.Short())
	}
	public := slices.Clone(signed[41:])
	if _, err := hpke.MLKEM768X25519().NewPublicKey(public); err != nil {
		return Prekey{}, kith.Errorf(kith.BadPeer, "a key of %s for messages left behind is no key: %w", owner.Device.Short(), err)
	}
	return Prekey{Owner: owner, ID: binary.BigEndian.Uint64(signed[33:]), public: public}, nil
}

// draws is where randomness comes from: the machine, and in tests what a known
// answer needs.
type draws struct {
	read        func([]byte)
	encapsulate func(public []byte) (enc, secret []byte, err error)
}

var fresh = draws{
	read:        func(b []byte) { rand.Read(b) },
	encapsulate: encapsulate,
}

func (d draws) secret() (s kith.Secret) {
	d.read(s[:])
	return s
}

// encapsulate makes a secret that only the owner of public can find from enc:
// HPKE in base mode (RFC 9180) with X-Wing and HKDF-SHA-256, of which only the
// exporter is used.
func encapsulate(public []byte) (enc, secret []byte, err error) {
	key, err := hpke.MLKEM768X25519().NewPublicKey(public)
	if err != nil {
		return nil, nil, err
	}
	enc, sender, err := hpke.NewSender(key, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(labelEnvelopeKEM))
	if err != nil {
		return nil, nil, err
	}
	secret, err = sender.Export("", kemSecret)
	return enc, secret, err
}

// decapsulate is the owner's half. For an enc that was made for another key it
// gives a secret that nobody else has, or an error.
func decapsulate(seed kith.Secret, enc []byte) ([]byte, error) {
	recipient, err := hpke.NewRecipient(enc, kemPrivate(seed), hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(labelEnvelopeKEM))
	if err != nil {
		return nil, err
	}
	return recipient.Export("", kemSecret)
}

func kemPublicOf(seed kith.Secret) []byte { return kemPrivate(seed).PublicKey().Bytes() }

func kemPrivate(seed kith.Secret) hpke.PrivateKey {
	key, err := hpke.MLKEM768X25519().NewPrivateKey(seed[:])
	if err != nil {
		panic(err) // any 32 bytes are a seed
	}
	return key
}
