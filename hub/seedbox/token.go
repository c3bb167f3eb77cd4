package seedbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"kith"
	"kith/hubapi"
)

// A token lets its holder keep files as one device, until a time:
//
//	base64url(device:32 ‖ until:8, Unix milliseconds ‖ mac:32)
//	mac = HMAC-SHA-256(secret, "kith hub v1 seedbox" ‖ 0x00 ‖ device ‖ until)
//
// Nothing about it is kept.
const (
	tokenLabel = "kith hub v1 seedbox\x00"
	tokenSaid  = len(hubapi.Key{}) + 8
)

// Token makes a token.
func Token(secret string, device hubapi.Key, until time.Time) string {
	said := binary.BigEndian.AppendUint64(device[:], uint64(until.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(said, tokenMAC(secret, said)...))
}

// Holder tells whose token it is. An error is of kind kith.Forbidden.
func Holder(secret, token string, now time.Time) (device hubapi.Key, err error) {
	if len(token) > hubapi.MaxToken {
		return device, errToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != tokenSaid+sha256.Size || !hmac.Equal(b[tokenSaid:], tokenMAC(secret, b[:tokenSaid])) {
		return device, errToken
	}
	if now.UnixMilli() > int64(binary.BigEndian.Uint64(b[len(device):])) {
		return device, kith.Errorf(kith.Forbidden, "the token for the seedbox has run out; the hub gives a new one over its socket")
	}
	return hubapi.Key(b[:len(device)]), nil
}

var errToken = kith.Errorf(kith.Forbidden, "this is not a token for this hub's seedbox; the hub gives one over its socket")

func tokenMAC(secret string, said []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(tokenLabel))
	mac.Write(said)
	return mac.Sum(nil)
}
