package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"

	"kith"
)

// maxInt bounds every integer from below and above, exclusively: what a double
// holds exactly, so that a second implementation may live in JavaScript.
const maxInt = 1 << 53

// maxElements bounds every array.
const maxElements = 4096

var encMode = must(cbor.EncOptions{
	Sort:          cbor.SortCoreDeterministic,
	ShortestFloat: cbor.ShortestFloat16,
	NaNConvert:    cbor.NaNConvert7e00,
	InfConvert:    cbor.InfConvertFloat16,
	IndefLength:   cbor.IndefLengthForbidden,
	TagsMd:        cbor.TagsForbidden,
	NilContainers: cbor.NilContainerAsEmpty,
}.UserBufferEncMode())

var decMode = must(cbor.DecOptions{
	DupMapKey:         cbor.DupMapKeyEnforcedAPF,
	MaxNestedLevels:   8,
	MaxArrayElements:  maxElements,
	MaxMapPairs:       16,
	IndefLength:       cbor.IndefLengthForbidden,
	TagsMd:            cbor.TagsForbidden,
	UTF8:              cbor.UTF8RejectInvalid,
	ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	// The library would take null for any zero value. Here it is an error.
	SimpleValues: must(cbor.NewSimpleValueRegistryFromDefaults(
		cbor.WithRejectedSimpleValue(22), cbor.WithRejectedSimpleValue(23))),
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options above contradict one another
	}
	return v
}

// A field with the tag added:"empty" came to a structure after others, at its
// end. It is left out when it is empty, so that a structure without it has the
// bytes that it always had.
func added(t reflect.Type) (n int) {
	for n < t.NumField()-1 && t.Field(t.NumField()-1-n).Tag.Get("added") == "empty" {
		n++
	}
	return n
}

// encode appends the CBOR of w: a struct with the toarray option, or a list.
func encode(dst []byte, w any) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	if err := encMode.MarshalToBuffer(shortened(w), buf); err != nil {
		return dst, kith.Errorf(kith.Internal, "encode %T: %w", w, err)
	}
	return buf.Bytes(), nil
}

// shortened leaves out the empty ones of the fields that were added to w.
func shortened(w any) any {
	v := reflect.ValueOf(w)
	if v.Kind() != reflect.Struct {
		return w
	}
	last := v.NumField()
	for n := added(v.Type()); n > 0 && empty(v.Field(last-1)); n-- {
		last--
	}
	if last == v.NumField() {
		return w
	}
	var fields []any
	for i := 1; i < last; i++ { // the first says toarray
		fields = append(fields, v.Field(i).Interface())
	}
	return fields
}

func empty(v reflect.Value) bool {
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}

// decode reads a W, a struct with the toarray option, from the one CBOR array
// that data holds. Elements beyond the fields of W are those of a later
// version: they must be well-formed, and are ignored.
func decode[W any](data []byte) (W, error) {
	var w W
	fields := reflect.TypeFor[W]().NumField() - 1 // less the one that says toarray
	if len(data) == 0 {
		return w, errors.New("no data")
	}
	if data[0] == 0x80|byte(fields) {
		err := decMode.Unmarshal(data, &w)
		return w, err
	}
	var items []cbor.RawMessage
	if err := decMode.Unmarshal(data, &items); err != nil {
		return w, err
	}
	if least := fields - added(reflect.TypeFor[W]()); len(items) < least {
		return w, fmt.Errorf("%d elements where at least %d belong", len(items), least)
	}
	for absent := len(items); absent < fields; absent++ {
		zero, err := encMode.Marshal(reflect.ValueOf(w).Field(absent + 1).Interface())
		if err != nil {
			return w, err
		}
		items = append(items, zero)
	}
	known, err := encode(nil, items[:fields])
	if err != nil {
		return w, err
	}
	err = decMode.Unmarshal(known, &w)
	return w, err
}

// bytes16 and bytes32 are byte strings of exactly that size.
type (
	bytes16 [16]byte
	bytes32 [32]byte
)

// optional16 and optional32 are the same, or the empty byte string for zero.
type (
	optional16 [16]byte
	optional32 [32]byte
)

// blob is a byte string of any size. A plain []byte would also take an array
// of integers.
type blob []byte

func (b *bytes16) UnmarshalCBOR(data []byte) error    { return fixed(b[:], data) }
func (b *bytes32) UnmarshalCBOR(data []byte) error    { return fixed(b[:], data) }
func (b *optional16) UnmarshalCBOR(data []byte) error { return optional(b[:], data) }
func (b *optional32) UnmarshalCBOR(data []byte) error { return optional(b[:], data) }

func (b optional16) MarshalCBOR() ([]byte, error) {
	return appendOptional(b[:], b == optional16{}), nil
}
func (b optional32) MarshalCBOR() ([]byte, error) {
	return appendOptional(b[:], b == optional32{}), nil
}

func (b *blob) UnmarshalCBOR(data []byte) error {
	content, err := byteString(data)
	*b = bytes.Clone(content)
	return err
}

// orNil gives nil for a byte string of none, as who made the structure had it.
func (b blob) orNil() []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func appendOptional(b []byte, zero bool) []byte {
	if zero {
		return []byte{0x40}
	}
	return append(fixedHead(len(b)), b...)
}

func fixedHead(n int) []byte {
	if n < 24 {
		return []byte{0x40 | byte(n)}
	}
	return []byte{0x58, byte(n)}
}

func fixed(dst, data []byte) error {
	content, err := byteString(data)
	if err != nil {
		return err
	}
	if len(content) != len(dst) {
		return fmt.Errorf("%d bytes where %d belong", len(content), len(dst))
	}
	copy(dst, content)
	return nil
}

func optional(dst, data []byte) error {
	if len(data) == 1 && data[0] == 0x40 {
		clear(dst)
		return nil
	}
	return fixed(dst, data)
}

// byteString gives the content of a byte string, which the decoder has already
// found to be well-formed.
func byteString(data []byte) ([]byte, error) {
	if len(data) == 0 || data[0]>>5 != 2 {
		return nil, errors.New("not a byte string")
	}
	head := 1
	switch data[0] & 31 {
	case 24:
		head = 2
	case 25:
		head = 3
	case 26:
		head = 5
	case 27:
		head = 9
	}
	if len(data) < head {
		return nil, errors.New("not a byte string")
	}
	return data[head:], nil
}

// addrBytes packs an address: 4 or 16 bytes, then the port. A zone means
// nothing on another machine and is left out.
func addrBytes(a netip.AddrPort) blob {
	return binary.BigEndian.AppendUint16(a.Addr().Unmap().AsSlice(), a.Port())
}

// parseAddr undoes addrBytes. It reports false for bytes that are no address
// that could be dialled.
func parseAddr(b []byte) (netip.AddrPort, bool) {
	if len(b) != 6 && len(b) != 18 {
		return netip.AddrPort{}, false
	}
	split := len(b) - 2
	addr, _ := netip.AddrFromSlice(b[:split])
	a := netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(b[split:]))
	return a, dialable(a)
}

func dialable(a netip.AddrPort) bool {
	return a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified() && !a.Addr().IsMulticast()
}

// packAddrs writes a list of addresses.
func packAddrs(addrs []netip.AddrPort) ([]blob, error) {
	if len(addrs) > kith.MaxAddresses {
		return nil, fmt.Errorf("%d addresses, at most %d can be told", len(addrs), kith.MaxAddresses)
	}
	list := make([]blob, 0, len(addrs))
	for _, a := range addrs {
		if !dialable(a) {
			return nil, fmt.Errorf("%v is not an address that could be dialled", a)
		}
		list = append(list, addrBytes(a))
	}
	return list, nil
}

// parseAddrs reads a list of addresses. Forms that are not known, of which a
// later version may have more, and addresses that nobody can dial are skipped.
func parseAddrs(list []blob) ([]netip.AddrPort, error) {
	if len(list) > kith.MaxAddresses {
		return nil, fmt.Errorf("%d addresses, at most %d are allowed", len(list), kith.MaxAddresses)
	}
	var addrs []netip.AddrPort
	for _, b := range list {
		if a, ok := parseAddr(b); ok {
			addrs = append(addrs, a)
		}
	}
	return addrs, nil
}

// packTime gives Unix milliseconds, which may be negative.
func packTime(t time.Time) (int64, error) {
	ms := t.UnixMilli()
	return ms, checkTime(ms)
}

func parseTime(ms int64) (time.Time, error) {
	return time.UnixMilli(ms).UTC(), checkTime(ms)
}

func checkTime(ms int64) error {
	if ms <= -maxInt || ms >= maxInt {
		return fmt.Errorf("the time %d ms is out of range", ms)
	}
	return nil
}
