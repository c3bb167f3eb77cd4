package seal

import (
	"encoding/binary"

	"kith"
)

// DayTag is an opaque name under which the holders of a secret find each other
// on one day, counted from 1970 in UTC. Tags of different days, and of
// different secrets, have nothing in common for others.
func DayTag(key kith.Secret, day uint32) [16]byte {
	return [16]byte(derive(key[:], 16, labelDay, binary.BigEndian.AppendUint32(nil, day)))
}
