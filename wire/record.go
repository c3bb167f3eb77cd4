package wire

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"kith"
)

// recordArray is what the Raw of a roster record holds. Its author is not in
// it: ID and proof bind the author, and every reader is told.
type recordArray struct {
	_       struct{} `cbor:",toarray"`
	Sphere  bytes32  // zero of a Creation, whose own ID it is
	Parents []bytes32
	Order   uint64
	Sent    int64 // Unix milliseconds
	Kind    uint16
	Body    cbor.RawMessage
}

// AppendRecord appends the encoding of a roster record, which becomes its Raw.
// It reads Sphere, Parents, Order, Sent and Change; a Creation's Sphere is
// ignored. An error is of kind kith.Invalid and says which limit was broken;
// dst is then returned as it was.
func AppendRecord(dst []byte, rec *kith.Record) ([]byte, error) {
	out, err := appendRecord(dst, rec)
	if err != nil {
		return dst, kith.Errorf(kith.Invalid, "write a record of a sphere: %w", err)
	}
	return out, nil
}

func appendRecord(dst []byte, rec *kith.Record) ([]byte, error) {
	if rec.Change == nil {
		return nil, errors.New("it changes nothing")
	}
	kind := rec.Change.Kind()
	codec, ok := changeCodecs[kind]
	if !ok {
		return nil, fmt.Errorf("kind %d is not known, it can only be passed on as it came", kind)
	}
	body, err := codec.append(rec.Change)
	if err != nil {
		return nil, err
	}
	w := recordArray{Parents: packRecordIDs(rec.Parents), Order: rec.Order, Kind: uint16(kind), Body: body}
	if kind != kith.ChangeCreation {
		w.Sphere = bytes32(rec.Sphere)
	}
	if w.Sent, err = packTime(rec.Sent); err != nil {
		return nil, err
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	out, err := encode(dst, w)
	if err == nil && len(out)-len(dst) > MaxRecord {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", len(out)-len(dst), MaxRecord)
	}
	return out, err
}

// ParseRecord reads a roster record of this author: everything but Proof and
// Certificate, its ID included. Raw is raw itself, nothing is copied. A change
// of a kind that is not known becomes a kith.UnknownChange. It verifies nothing;
// see seal.VerifyRecord. An error is of kind kith.BadPeer.
func ParseRecord(author kith.Peer, raw []byte) (*kith.Record, error) {
	rec, err := parseRecord(author, raw)
	if err != nil {
		return nil, kith.Errorf(kith.BadPeer, "read a record of a sphere: %w", err)
	}
	return rec, nil
}

func parseRecord(author kith.Peer, raw []byte) (*kith.Record, error) {
	if len(raw) > MaxRecord {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", len(raw), MaxRecord)
	}
	if author.Account.IsZero() || author.Device.IsZero() {
		return nil, errors.New("the author is missing")
	}
	w, err := decode[recordArray](raw)
	if err != nil {
		return nil, err
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	rec := &kith.Record{
		ID:      kith.NewRecordID(author, raw),
		Sphere:  kith.ConversationID(w.Sphere),
		Author:  author,
		Parents: parseRecordIDs(w.Parents),
		Order:   w.Order,
		Change:  kith.UnknownChange{Number: kith.ChangeKind(w.Kind)},
		Raw:     raw,
	}
	if rec.Sent, err = parseTime(w.Sent); err != nil {
		return nil, err
	}
	if codec, ok := changeCodecs[kith.ChangeKind(w.Kind)]; ok {
		if rec.Change, err = codec.parse(w.Body); err != nil {
			return nil, err
		}
	}
	if rec.Change.Kind() == kith.ChangeCreation {
		rec.Sphere = kith.ConversationID(rec.ID)
	}
	return rec, nil
}

func (w *recordArray) check() error {
	creation := kith.ChangeKind(w.Kind) == kith.ChangeCreation
	switch {
	case w.Kind == 0:
		return errors.New("the record has no kind")
	case creation != (w.Sphere == bytes32{}):
		return errors.New("a record names its sphere, unless it begins one")
	case creation != (len(w.Parents) == 0):
		return errors.New("a record names what came before it, unless it begins a sphere")
	case w.Order >= kith.MaxOrder:
		return fmt.Errorf("the order %d is too high", w.Order)
	}
	return checkRecordIDs(parseRecordIDs(w.Parents), kith.MaxParents)
}

func packRecordIDs(ids []kith.RecordID) []bytes32 {
	list := make([]bytes32, len(ids))
	for i, id := range ids {
		list[i] = bytes32(id)
	}
	return list
}

func parseRecordIDs(list []bytes32) (ids []kith.RecordID) {
	for _, id := range list {
		ids = append(ids, kith.RecordID(id))
	}
	return ids
}

func checkRecordIDs(ids []kith.RecordID, most int) error {
	if len(ids) > most {
		return fmt.Errorf("%d records are named, at most %d can be", len(ids), most)
	}
	for i := 1; i < len(ids); i++ {
		if bytes.Compare(ids[i-1][:], ids[i][:]) >= 0 {
			return errors.New("records are not named in ascending order")
		}
	}
	return nil
}

// A cutList is a kith.Cut, as [[device, number], …] in ascending order of devices.
type cutList kith.Cut

type cutArray struct {
	_      struct{} `cbor:",toarray"`
	Device bytes32
	Seq    uint64
}

func (c cutList) MarshalCBOR() ([]byte, error) {
	list := make([]cutArray, 0, len(c))
	for device, seq := range c {
		list = append(list, cutArray{Device: bytes32(device), Seq: seq})
	}
	slices.SortFunc(list, compareCuts)
	return encMode.Marshal(list)
}

func (c *cutList) UnmarshalCBOR(data []byte) error {
	var list []cutArray
	if err := decMode.Unmarshal(data, &list); err != nil {
		return err
	}
	*c = nil
	for i, e := range list {
		if i > 0 && compareCuts(list[i-1], e) >= 0 {
			return errors.New("devices are not in ascending order")
		}
		if *c == nil {
			*c = make(cutList, len(list))
		}
		(*c)[kith.DeviceID(e.Device)] = e.Seq
	}
	return nil
}

func compareCuts(a, b cutArray) int { return bytes.Compare(a.Device[:], b.Device[:]) }

func checkCut(c kith.Cut) error {
	if len(c) > kith.MaxCut {
		return fmt.Errorf("numbers of %d devices, at most %d are allowed", len(c), kith.MaxCut)
	}
	for device, seq := range c {
		if device.IsZero() || seq == 0 || seq >= maxInt {
			return fmt.Errorf("the number %d of the device %s cannot be", seq, device.Short())
		}
	}
	return nil
}

// checkLength holds a text to its limits.
func checkLength(what, text string, characters, size int) error {
	switch {
	case len(text) > size || utf8.RuneCountInString(text) > characters:
		return fmt.Errorf("the %s is too long, at most %d characters are allowed", what, characters)
	case !utf8.ValidString(text):
		return fmt.Errorf("the %s is not valid UTF-8", what)
	}
	return nil
}
