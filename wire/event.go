package wire

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"kith"
)

// eventArray is what Raw holds. Conversation and author are not in it: the
// proof binds them, and every reader knows them.
type eventArray struct {
	_     struct{} `cbor:",toarray"`
	ID    bytes16
	Seq   uint64
	Order uint64
	Sent  int64 // Unix milliseconds
	Kind  uint16
	Body  cbor.RawMessage
}

// AppendEvent appends the encoding of an event, which becomes its Raw. It reads
// ID, Seq, Order, Sent and Body. An error is of kind kith.Invalid and says
// which limit was broken; dst is then returned as it was.
func AppendEvent(dst []byte, ev *kith.Event) ([]byte, error) {
	out, err := appendEvent(dst, ev)
	if err != nil {
		return dst, kith.Errorf(kith.Invalid, "write an event: %w", err)
	}
	return out, nil
}

func appendEvent(dst []byte, ev *kith.Event) ([]byte, error) {
	if ev.Body == nil {
		return nil, errors.New("it says nothing")
	}
	kind := ev.Body.Kind()
	codec, ok := bodyCodecs[kind]
	if !ok {
		return nil, fmt.Errorf("kind %d is not known, it can only be passed on as it came", kind)
	}
	body, err := codec.append(ev.Body)
	if err != nil {
		return nil, err
	}
	sent, err := packTime(ev.Sent)
	if err != nil {
		return nil, err
	}
	w := eventArray{ID: bytes16(ev.ID), Seq: ev.Seq, Order: ev.Order, Sent: sent, Kind: uint16(kind), Body: body}
	if err := w.check(); err != nil {
		return nil, err
	}
	return encode(dst, w)
}

// ParseEvent reads raw into ev: ID, Seq, Order, Sent, Body and Raw; the other
// fields stay as they are. ev.Raw is raw itself, nothing is copied. A body of
// a kind that is not known becomes a kith.Unknown. An error is of kind
// kith.BadPeer, and ev is then as it was.
func ParseEvent(raw []byte, ev *kith.Event) error {
	parsed, err := parseEvent(raw)
	if err != nil {
		return kith.Errorf(kith.BadPeer, "read an event: %w", err)
	}
	ev.ID, ev.Seq, ev.Order, ev.Sent, ev.Body, ev.Raw = parsed.ID, parsed.Seq, parsed.Order, parsed.Sent, parsed.Body, raw
	return nil
}

func parseEvent(raw []byte) (ev kith.Event, err error) {
	if len(raw) > MaxRaw {
		return ev, fmt.Errorf("%d bytes, at most %d are allowed", len(raw), MaxRaw)
	}
	w, err := decode[eventArray](raw)
	if err != nil {
		return ev, err
	}
	if err := w.check(); err != nil {
		return ev, err
	}
	ev = kith.Event{ID: kith.EventID(w.ID), Seq: w.Seq, Order: w.Order}
	if ev.Sent, err = parseTime(w.Sent); err != nil {
		return ev, err
	}
	ev.Body = kith.Unknown{Number: kith.EventKind(w.Kind)}
	if codec, ok := bodyCodecs[kith.EventKind(w.Kind)]; ok {
		ev.Body, err = codec.parse(w.Body)
	}
	return ev, err
}

func (w *eventArray) check() error {
	switch {
	case w.ID == bytes16{}:
		return errors.New("the event has no ID")
	case w.Seq == 0 || w.Seq >= maxInt:
		return fmt.Errorf("an event cannot have the number %d", w.Seq)
	case w.Order >= kith.MaxOrder:
		return fmt.Errorf("the order %d is too high", w.Order)
	case w.Kind == 0:
		return errors.New("the event has no kind")
	}
	return nil
}

// A bodyCodec translates one kind of body.
type bodyCodec struct {
	append func(kith.Body) ([]byte, error)
	parse  func([]byte) (kith.Body, error)
}

// bodyKind makes the codec of the body B out of the two directions between it
// and its array W, and the limits that hold in both.
func bodyKind[B kith.Body, W any](pack func(B) W, parse func(W) B, check func(B) error) bodyCodec {
	return bodyCodec{
		append: func(body kith.Body) ([]byte, error) {
			b, ok := body.(B)
			if !ok {
				return nil, fmt.Errorf("a body must be passed as a value, this is a %T", body)
			}
			if err := check(b); err != nil {
				return nil, err
			}
			return encode(nil, pack(b))
		},
		parse: func(data []byte) (kith.Body, error) {
			w, err := decode[W](data)
			if err != nil {
				return nil, err
			}
			b := parse(w)
			if err := check(b); err != nil {
				return nil, err
			}
			return b, nil
		},
	}
}

var bodyCodecs = map[kith.EventKind]bodyCodec{
	kith.KindText: bodyKind(
		func(b kith.Text) textArray {
			return textArray{Text: b.Text, ReplyTo: optional16(b.ReplyTo), Mentions: packMentions(b.Mentions)}
		},
		func(w textArray) kith.Text {
			return kith.Text{Text: w.Text, ReplyTo: kith.EventID(w.ReplyTo), Mentions: parseMentions(w.Mentions)}
		},
		func(b kith.Text) error { return checkWords(b.Text, b.Mentions) }),
	kith.KindEdit: bodyKind(
		func(b kith.Edit) editArray {
			return editArray{Message: bytes16(b.Message), Text: b.Text, Mentions: packMentions(b.Mentions)}
		},
		func(w editArray) kith.Edit {
			return kith.Edit{Message: kith.EventID(w.Message), Text: w.Text, Mentions: parseMentions(w.Mentions)}
		},
		func(b kith.Edit) error { return errors.Join(checkTarget(b), checkWords(b.Text, b.Mentions)) }),
	kith.KindDeletion: bodyKind(
		func(b kith.Deletion) deletionArray { return deletionArray{Message: bytes16(b.Message)} },
		func(w deletionArray) kith.Deletion { return kith.Deletion{Message: kith.EventID(w.Message)} },
		func(b kith.Deletion) error { return checkTarget(b) }),
	kith.KindReaction: bodyKind(
		func(b kith.Reaction) reactionArray { return reactionArray{Message: bytes16(b.Message), Emoji: b.Emoji} },
		func(w reactionArray) kith.Reaction {
			return kith.Reaction{Message: kith.EventID(w.Message), Emoji: w.Emoji}
		},
		func(b kith.Reaction) error { return errors.Join(checkTarget(b), checkEmoji(b.Emoji)) }),
	kith.KindShare: bodyKind(packShare, parseShare, checkShare),
	kith.KindTorrent: bodyKind(
		func(b kith.Torrent) torrentArray { return torrentArray{Magnet: b.Magnet, Name: b.Name, Size: b.Size} },
		func(w torrentArray) kith.Torrent { return kith.Torrent{Magnet: w.Magnet, Name: w.Name, Size: w.Size} },
		checkTorrent),
}

type textArray struct {
	_        struct{} `cbor:",toarray"`
	Text     string
	ReplyTo  optional16
	Mentions []mention `added:"empty"`
}

type editArray struct {
	_        struct{} `cbor:",toarray"`
	Message  bytes16
	Text     string
	Mentions []mention `added:"empty"`
}

type deletionArray struct {
	_       struct{} `cbor:",toarray"`
	Message bytes16
}

type reactionArray struct {
	_       struct{} `cbor:",toarray"`
	Message bytes16
	Emoji   string // empty: withdrawn
}
