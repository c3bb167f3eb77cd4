package seal

import (
	"crypto/ed25519"

	"kith"
)

// NewAccountKey draws the key of an account.
func NewAccountKey() ed25519.PrivateKey { return newKey() }

// NewDeviceKey draws the key of a device.
func NewDeviceKey() ed25519.PrivateKey { return newKey() }

func newKey() ed25519.PrivateKey {
	seed := randomSecret()
	return ed25519.NewKeyFromSeed(seed[:])
}

// AccountOf gives the account whose key it is.
func AccountOf(key ed25519.PrivateKey) kith.AccountID {
	return kith.AccountID(key.Public().(ed25519.PublicKey))
}

// DeviceOf gives the device whose key it is.
func DeviceOf(key ed25519.PrivateKey) kith.DeviceID {
	return kith.DeviceID(key.Public().(ed25519.PublicKey))
}

// CertifyDevice gives the account's 64-byte signature over a device: this
// installation speaks for me.
func CertifyDevice(account ed25519.PrivateKey, device kith.DeviceID) []byte {
	return ed25519.Sign(account, message(labelDevice, device[:]))
}

// VerifyDevice checks what CertifyDevice gave. An error is of kind
// kith.BadPeer.
func VerifyDevice(account kith.AccountID, device kith.DeviceID, cert []byte) error {
	if account.IsZero() || device.IsZero() || !ed25519.Verify(account[:], message(labelDevice, device[:]), cert) {
		return kith.Errorf(kith.BadPeer, "the device %s is not certified by the account %s", device.Short(), account.Short())
	}
	return nil
}
