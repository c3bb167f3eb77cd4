package seal

import (
	"crypto/rand"
	"encoding/binary"
	"slices"

	"golang.org/x/crypto/argon2"

	"kith"
)

// argonCost is what one try of a passphrase costs.
type argonCost struct {
	time   uint32 // passes
	memory uint32 // KiB
	lanes  uint8
}

// The cost is the second option that RFC 9106 section 4 recommends. What is
// read from a file is taken up to these bounds: a wrapping that asks for more
// is damaged, or meant to exhaust the machine.
var (
	vaultCost = argonCost{time: 3, memory: 64 << 10, lanes: 4}
	vaultMost = argonCost{time: 16, memory: 1 << 20, lanes: 64}
)

// A wrapped key:
//
//	version:1 time:4 memory:4 lanes:1 salt:16 nonce:12 ciphertext:32 tag:16
//
// The first 26 bytes, after the label, are the additional data of AES-256-GCM.
const (
	vaultVersion = 1
	vaultSalt    = 16
	vaultHead    = 1 + 4 + 4 + 1 + vaultSalt
	vaultSize    = vaultHead + gcmNonce + 32 + 16
)

// WrapKey locks the store's key by a passphrase. It takes a few tenths of a
// second and 64 MiB, on purpose.
func WrapKey(passphrase string, key [32]byte) ([]byte, error) {
	if passphrase == "" {
		return nil, kith.Errorf(kith.Invalid, "the passphrase is empty: choose one of several words")
	}
	var salt [vaultSalt]byte
	var nonce [gcmNonce]byte
	rand.Read(salt[:])
	rand.Read(nonce[:])
	return wrapKey(passphrase, key, vaultCost, salt, nonce), nil
}

func wrapKey(passphrase string, key [32]byte, cost argonCost, salt [vaultSalt]byte, nonce [gcmNonce]byte) []byte {
	head := make([]byte, 0, vaultSize)
	head = append(head, vaultVersion)
	head = binary.BigEndian.AppendUint32(head, cost.time)
	head = binary.BigEndian.AppendUint32(head, cost.memory)
	head = append(head, cost.lanes)
	head = append(head, salt[:]...)
	lock := newGCM(cost.key(passphrase, salt[:]))
	return lock.Seal(append(slices.Clip(head), nonce[:]...), nonce[:], key[:], message(labelVault, head))
}

// UnwrapKey undoes WrapKey. An error is of kind kith.Invalid if the passphrase
// is wrong, of kind kith.Damaged if wrapped cannot have come from WrapKey.
func UnwrapKey(passphrase string, wrapped []byte) ([32]byte, error) {
	if len(wrapped) > 0 && wrapped[0] > vaultVersion {
		return [32]byte{}, kith.Errorf(kith.Damaged, "the key was locked by a newer version of Kith: update this one, then try again")
	}
	if len(wrapped) != vaultSize || wrapped[0] != vaultVersion {
		return [32]byte{}, kith.Errorf(kith.Damaged, "the locked key is damaged: restore it from a backup")
	}
	head, nonce, sealed := wrapped[:vaultHead], wrapped[vaultHead:vaultHead+gcmNonce], wrapped[vaultHead+gcmNonce:]
	cost := argonCost{
		time:   binary.BigEndian.Uint32(head[1:]),
		memory: binary.BigEndian.Uint32(head[5:]),
		lanes:  head[9],
	}
	if !cost.sane() {
		return [32]byte{}, kith.Errorf(kith.Damaged, "the locked key is damaged, it asks for %d MiB and %d passes: restore it from a backup", cost.memory>>10, cost.time)
	}
	key, err := newGCM(cost.key(passphrase, head[10:])).Open(nil, nonce, sealed, message(labelVault, head))
	if err != nil {
		return [32]byte{}, kith.Errorf(kith.Invalid, "wrong passphrase")
	}
	return [32]byte(key), nil
}

func (c argonCost) key(passphrase string, salt []byte) []byte {
	return argon2.IDKey([]byte(passphrase), salt, c.time, c.memory, c.lanes, 32)
}

func (c argonCost) sane() bool {
	return c.time > 0 && c.lanes > 0 && c.memory >= 8*uint32(c.lanes) &&
		c.time <= vaultMost.time && c.memory <= vaultMost.memory && c.lanes <= vaultMost.lanes
}
