package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"

	"kith"
)

// A DoorKey is how a device is recognised before it is answered. Whoever wants
// a link sends a knock, a STUN Binding request (RFC 8489):
//
//	USERNAME           nonce:16 ‖ AES-128(Tag, nonce):16
//	MESSAGE-INTEGRITY  with the key Integrity
//
// The receiver tries the Tag of all its doors on the nonce. To everybody who
// lacks the key two knocks have nothing in common, and a device says nothing to
// them. A knock that was overheard can be sent again: it opens no more than the
// TLS handshake behind the door, which the sender then fails.
type DoorKey struct {
	Tag       [16]byte
	Integrity [32]byte
}

// UsernameSize is the size of the USERNAME of a knock, in bytes.
const UsernameSize = 2 * aes.BlockSize

// PairDoor is the door between two contacts, in both directions.
func PairDoor(pair kith.Secret) DoorKey { return doorKey(pair[:]) }

// InvitationDoor is the door for whoever holds an invitation.
func InvitationDoor(secret kith.InvitationSecret) DoorKey { return doorKey(secret[:]) }

func doorKey(secret []byte) DoorKey {
	return DoorKey{
		Tag:       [16]byte(derive(secret, 16, labelDoorTag)),
		Integrity: [32]byte(derive(secret, 32, labelDoorIntegrity)),
	}
}

// String hides the key.
func (DoorKey) String() string { return "secret" }

// GoString hides the key.
func (DoorKey) GoString() string { return "secret" }

// Username makes the USERNAME of one knock, with a fresh nonce.
func (k DoorKey) Username() []byte {
	var nonce [aes.BlockSize]byte
	rand.Read(nonce[:])
	return k.username(nonce)
}

func (k DoorKey) username(nonce [aes.BlockSize]byte) []byte {
	username := make([]byte, UsernameSize)
	copy(username, nonce[:])
	newAES(k.Tag[:]).Encrypt(username[aes.BlockSize:], nonce[:])
	return username
}

// Doors finds among many keys the one that a USERNAME was made with. It may be
// used by any number of goroutines.
type Doors struct{ ciphers []cipher.Block }

// NewDoors prepares the keys; Find gives the place in this order.
func NewDoors(keys []DoorKey) *Doors {
	d := &Doors{ciphers: make([]cipher.Block, len(keys))}
	for i := range keys {
		d.ciphers[i] = newAES(keys[i].Tag[:])
	}
	return d
}

// Find tells which door is knocked at, in 8 ns for each door, give or take the
// machine: 10,000 doors cost a stranger who knocks 0.1 ms of ours.
func (d *Doors) Find(username []byte) (index int, ok bool) {
	if len(username) != UsernameSize {
		return 0, false
	}
	var block [aes.BlockSize]byte
	nonce, tag := username[:aes.BlockSize], username[aes.BlockSize:]
	high, low := binary.NativeEndian.Uint64(tag), binary.NativeEndian.Uint64(tag[8:])
	for i, c := range d.ciphers {
		c.Encrypt(block[:], nonce)
		if binary.NativeEndian.Uint64(block[:])^high|binary.NativeEndian.Uint64(block[8:])^low == 0 {
			return i, true
		}
	}
	return 0, false
}

func newAES(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // every key here has one of the sizes of AES
	}
	return block
}
