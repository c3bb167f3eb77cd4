package seedbox

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/hubapi"
)

func TestTokens(t *testing.T) {
	now := time.UnixMilli(1_763_750_000_000)
	good := Token("secret", device(7), now.Add(time.Hour))
	if got, err := Holder("secret", good, now); err != nil || got != device(7) || len(good) > hubapi.MaxToken {
		t.Errorf("a token of %d bytes is of %v, %v", len(good), got, err)
	}
	if _, err := Holder("secret", good, now.Add(time.Hour)); err != nil {
		t.Errorf("at its end: %v", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		if got, err := Holder("secret", base64.RawURLEncoding.EncodeToString(raw), now); kith.KindOf(err) != kith.Forbidden || got != (hubapi.Key{}) {
			t.Errorf("with byte %d changed: %v, %v", i, got, err)
		}
		raw[i] ^= 1
	}
	for what, err := range map[string]error{
		"too late":       holderError("secret", good, now.Add(time.Hour+time.Millisecond)),
		"of another hub": holderError("another", good, now),
		"none":           holderError("secret", "", now),
		"short":          holderError("secret", good[:40], now),
		"long":           holderError("secret", good+good, now),
		"very long":      holderError("secret", strings.Repeat("A", 1<<20), now),
		"not base64":     holderError("secret", "!"+good[1:], now),
	} {
		if kith.KindOf(err) != kith.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func holderError(secret, token string, now time.Time) error {
	_, err := Holder(secret, token, now)
	return err
}
