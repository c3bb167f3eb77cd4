package seal

import (
	"crypto/hmac"
	"crypto/sha256"

	"kith"
)

// SelfTagSize is the size of a self tag, in bytes.
const SelfTagSize = 16

// NewSelfKey draws the key of an account's self tags, which no other account
// ever learns.
func NewSelfKey() kith.Secret { return randomSecret() }

// SelfTag is the author's own mark on an event of a direct conversation. To
// others it proves nothing, so the author can deny the words; but after a loss
// the author's devices can take their own events back from anybody and know
// that these are unchanged.
func SelfTag(key kith.Secret, conv kith.ConversationID, device kith.DeviceID, raw []byte) []byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write(message(labelSelfTag, conv[:], device[:]))
	mac.Write(raw)
	return mac.Sum(nil)[:SelfTagSize]
}

// CheckSelfTag compares in constant time.
func CheckSelfTag(key kith.Secret, conv kith.ConversationID, device kith.DeviceID, raw, tag []byte) bool {
	return hmac.Equal(tag, SelfTag(key, conv, device, raw))
}
