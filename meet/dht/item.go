package dht

import (
	"crypto/ed25519"
	"crypto/sha1"
	"math"
	"strconv"
	"time"

	"github.com/anacrolix/dht/v2/bep44"

	"kith"
	"kith/meet"
	"kith/seal"
)

// joiner is the writer of the items of those who hold an invitation: its giver
// has no account to name them by.
const joiner = "joiner"

// border is how far from midnight, UTC, the other day's item is read too: clocks
// differ, and a note of the last minute of a day is still good.
const border = time.Hour

// An item is one place of the DHT that we write to or read from.
type item struct {
	key    ed25519.PrivateKey
	public [32]byte
	target id
}

func newItem(k seal.MeetKey, day uint32, writer string) item {
	it := item{key: k.Item(day, []byte(writer))}
	it.public = [32]byte(it.key.Public().(ed25519.PublicKey))
	it.target = sha1.Sum(it.public[:])
	return it
}

// sign makes the message that puts a note. The library encodes the value.
func (it *item) sign(seq int64, note []byte) bep44.Put {
	p := bep44.Put{V: note, K: &it.public, Seq: seq}
	p.Sign(it.key)
	return p
}

// open gives the note of an answer if it is signed and of the right form.
func (it *item) open(a *answer) (note []byte, ok bool) {
	note, ok = bencodedString(a.value)
	if !ok || len(note) == 0 || len(note) > meet.MaxNote || a.key != it.public || a.seq == nil {
		return nil, false
	}
	return note, bep44.Verify(it.public[:], nil, *a.seq, a.value, a.sig[:])
}

// bencodedString undoes the bencoding of a byte string of less than 10000 bytes.
func bencodedString(b []byte) ([]byte, bool) {
	const digits = 4
	for i := range min(len(b), digits+1) {
		if b[i] != ':' {
			continue
		}
		n, err := strconv.ParseUint(string(b[:i]), 10, 16)
		rest := b[i+1:]
		return rest, err == nil && int(n) == len(rest)
	}
	return nil, false
}

// writes is into whose item a note to somebody goes, reads whose item theirs is
// found in.
func writes(own kith.AccountID, to meet.Correspondent) (writer string) {
	if to.Joining {
		return joiner
	}
	return string(own[:])
}

func reads(from meet.Correspondent) (writer string) {
	if from.Account.IsZero() {
		return joiner
	}
	return string(from.Account[:])
}

// dayOf counts the days since 1970, UTC.
func dayOf(t time.Time) uint32 { return uint32(t.Unix() / (24 * 60 * 60)) }

// daysAt are the days whose items are read now, today's first.
func daysAt(now time.Time) []uint32 {
	days := []uint32{dayOf(now)}
	for _, t := range []time.Time{now.Add(-border), now.Add(border)} {
		if day := dayOf(t); day != days[0] {
			days = append(days, day)
		}
	}
	return days
}

// nextSeq is the sequence number of a new note, above every valid one that was
// seen. There is none if somebody with the key used the last.
func nextSeq(now time.Time, seen int64) (seq int64, ok bool) {
	if seen == math.MaxInt64 {
		return 0, false
	}
	return max(now.UnixMilli(), seen+1), true
}
