package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"unicode"
)

// The words that a pasted line begins with.
const (
	invitationPrefix = "kith:"
	offerPrefix      = "kith-offer:"
	answerPrefix     = "kith-answer:"
)

const (
	// lineVersion is the first byte of what every line holds.
	lineVersion = 1
	// checksumSize tells a garbled line apart, no more: 4 bytes of SHA-256.
	checksumSize = 4
	// maxLine bounds a pasted line before anything is done with it.
	maxLine = 16 << 10
)

var (
	errNoLine  = errors.New("no such prefix")
	errGarbled = errors.New("damaged or incomplete")
	errNewer   = errors.New("a newer version")
)

// makeLine gives prefix and payload as one line that survives being read,
// mailed and pasted.
func makeLine(prefix string, payload []byte) string {
	payload = append(bytes.Clone(payload), checksum(prefix, payload)...)
	return prefix + base64.RawURLEncoding.EncodeToString(payload)
}

// parseLine undoes makeLine, whatever a mail program or a hand did around the
// line and between its characters. It gives the payload without the checksum;
// its first byte is the version. Whichever version made it, the checksum is
// the last four bytes.
func parseLine(prefix, line string) ([]byte, error) {
	if len(line) > maxLine {
		return nil, errGarbled
	}
	line = strings.Map(dropDecoration, line)
	if len(line) < len(prefix) || !strings.EqualFold(line[:len(prefix)], prefix) {
		return nil, errNoLine
	}
	all, err := base64.RawURLEncoding.Strict().DecodeString(line[len(prefix):])
	if err != nil || len(all) <= checksumSize {
		return nil, errGarbled
	}
	payload, sum := all[:len(all)-checksumSize], all[len(all)-checksumSize:]
	if !bytes.Equal(sum, checksum(prefix, payload)) {
		return nil, errGarbled
	}
	if payload[0] != lineVersion {
		return nil, errNewer
	}
	return payload, nil
}

func checksum(prefix string, payload []byte) []byte {
	h := sha256.New()
	h.Write([]byte(prefix))
	h.Write(payload)
	return h.Sum(nil)[:checksumSize]
}

// dropDecoration removes what is never part of a line: white space, invisible
// characters, quotes and brackets.
func dropDecoration(r rune) rune {
	if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.In(r, unicode.Pi, unicode.Pf) ||
		strings.ContainsRune("\"'`<>()[]{}|*=„‚", r) {
		return -1
	}
	return r
}
