package seal

import (
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"strings"

	"kith"
)

// safetyRounds is how often the hash is repeated, which makes an account whose
// number resembles another's that much dearer to find.
const safetyRounds = 5200

// SafetyNumber is what two people compare to know that nobody stands between
// them: 60 digits in 12 groups of 5, the same on both sides. The construction
// is that of Signal's numeric fingerprint (libsignal NumericFingerprintGenerator):
// for each account SHA-512, repeated 5200 times with the key mixed in each time,
// of which the first 30 bytes give six groups; the smaller half comes first.
func SafetyNumber(a, b kith.AccountID) string {
	first, second := safetyHalf(a), safetyHalf(b)
	if first > second {
		first, second = second, first
	}
	return first + " " + second
}

func safetyHalf(account kith.AccountID) string {
	sum := sha512.Sum512(message(labelSafety, account[:]))
	for range safetyRounds {
		sum = sha512.Sum512(append(sum[:], account[:]...))
	}
	groups := make([]string, 6)
	for i := range groups {
		var number [8]byte
		copy(number[3:], sum[5*i:5*i+5])
		groups[i] = fmt.Sprintf("%05d", binary.BigEndian.Uint64(number[:])%100000)
	}
	return strings.Join(groups, " ")
}
