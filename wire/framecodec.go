package wire

import (
	"fmt"

	"kith"
)

// Limits of frames.
const (
	// MaxFrame bounds a frame: its kind and its body, in bytes.
	MaxFrame = 1 << 20
	// MaxEventsInFrame bounds the events in one frame.
	MaxEventsInFrame = maxElements
	// MaxMarks bounds the author devices in one Have.
	MaxMarks = maxElements
	// MaxRaw bounds the encoding of one event.
	MaxRaw = 80 << 10
	// MaxProof bounds the proof over one event.
	MaxProof = 64
	// MaxSignedCard bounds a signed card.
	MaxSignedCard = 8 << 10
	// MaxRecord bounds the encoding of one roster record.
	MaxRecord = 256 << 10
	// MaxHeads bounds the heads in one Roster; of more, a sender tells some.
	MaxHeads = maxElements
	// MaxRecordsInFrame bounds the records in one frame.
	MaxRecordsInFrame = maxElements

	// An Events frame takes at most EventsOverhead bytes, and for each event
	// its Raw, its Proof and SealedOverhead bytes.
	EventsOverhead = 256
	SealedOverhead = 16
	// A Records frame takes at most RecordsOverhead bytes, and for each record
	// its Raw and SealedRecordOverhead bytes.
	RecordsOverhead      = 64
	SealedRecordOverhead = 224
)

// The numbers of the frames' kinds. They are never reused.
const (
	kindHello       byte = 1
	kindJoinRequest byte = 2
	kindJoinReply   byte = 3
	kindHave        byte = 4
	kindEvents      byte = 5
	kindTyping      byte = 6

	kindRoster       byte = 7
	kindRecords      byte = 8
	kindSphereInvite byte = 9
	kindSphereAnswer byte = 10
	kindSwarmPort    byte = 11
	kindFellows      byte = 12
	kindSeek         byte = 16
	kindSought       byte = 17
	kindPass         byte = 18
	kindDrops        byte = 13
)

// A frameCodec translates one kind of frame to and from its body.
type frameCodec struct {
	pack  func(Frame) (any, error)
	parse func(body []byte) (Frame, error)
}

// frameKind makes the codec of the frame F out of the two directions between
// it and its array W.
func frameKind[F Frame, W any](pack func(F) (W, error), parse func(W) (F, error)) frameCodec {
	return frameCodec{
		pack: func(f Frame) (any, error) {
			frame, ok := f.(F)
			if !ok {
				return nil, fmt.Errorf("a frame must be passed as a value, this is a %T", f)
			}
			return pack(frame)
		},
		parse: func(body []byte) (Frame, error) {
			w, err := decode[W](body)
			if err != nil {
				return nil, err
			}
			f, err := parse(w)
			if err != nil {
				return nil, err
			}
			return f, nil
		},
	}
}

var frameCodecs = map[byte]frameCodec{
	kindHello:       frameKind(packHello, parseHello),
	kindJoinRequest: frameKind(packJoinRequest, parseJoinRequest),
	kindJoinReply:   frameKind(packJoinReply, parseJoinReply),
	kindHave:        frameKind(packHave, parseHave),
	kindEvents:      frameKind(packEvents, parseEvents),
	kindTyping:      frameKind(packTyping, parseTyping),

	kindRoster:       frameKind(packRoster, parseRoster),
	kindRecords:      frameKind(packRecords, parseRecords),
	kindSphereInvite: frameKind(packSphereInvite, parseSphereInvite),
	kindSphereAnswer: frameKind(packSphereAnswer, parseSphereAnswer),
	kindSwarmPort:    frameKind(packSwarmPort, parseSwarmPort),
	kindFellows:      frameKind(packFellows, parseFellows),
	kindSeek:         frameKind(packSeek, parseSeek),
	kindSought:       frameKind(packSought, parseSought),
	kindPass:         frameKind(packPass, parsePass),
	kindDrops:        frameKind(packDrops, parseDrops),
}

// ParseFrame reads the body of a frame. The frame shares no memory with body.
// Errors are of kind kith.BadPeer; an unknown kind is one too, but a Reader
// skips those before they come here.
func ParseFrame(kind byte, body []byte) (Frame, error) {
	codec, ok := frameCodecs[kind]
	if !ok {
		return nil, kith.Errorf(kith.BadPeer, "read a frame: kind %d is not known", kind)
	}
	if len(body) >= MaxFrame {
		return nil, kith.Errorf(kith.BadPeer, "read a frame of kind %d: %d bytes, at most %d are allowed", kind, len(body)+1, MaxFrame)
	}
	frame, err := codec.parse(body)
	if err != nil {
		return nil, kith.Errorf(kith.BadPeer, "read a frame of kind %d: %w", kind, err)
	}
	return frame, nil
}
