package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"kith"
)

// Limits of Drops.
const (
	// MaxDrops bounds the places of one Drops.
	MaxDrops = 8
	// MaxPrekeys bounds the prekeys of one Drops.
	MaxPrekeys = 4
	// MaxPrekey bounds the bundle of a prekey in bytes.
	MaxPrekey = 2048
	// MaxHubURL bounds the URL of a hub in bytes.
	MaxHubURL = 255
)

// Drops tells one device of somebody where letters for the sender's device may
// be left when it is away, and gives prekeys by which a session for them begins.
// What is told later replaces the places told before; prekeys are added.
type Drops struct {
	Drops   []Drop
	Prekeys [][]byte // bundles, see package seal
	// Wants is how many prekeys of the receiver the sender has room for.
	Wants uint8
}

// A Drop is a box at a hub, and the token that lets others leave something there.
// It is for one account: who leaves something is not said.
type Drop struct {
	Hub   string // URL
	Box   [32]byte
	Token [32]byte
}

func (Drops) kind() byte { return kindDrops }

type dropsArray struct {
	_       struct{} `cbor:",toarray"`
	Drops   []dropArray
	Prekeys []blob
	Wants   uint8
}

type dropArray struct {
	_     struct{} `cbor:",toarray"`
	Hub   string
	Box   bytes32
	Token bytes32
}

func packDrops(f Drops) (dropsArray, error) {
	w := dropsArray{Drops: make([]dropArray, len(f.Drops)), Prekeys: make([]blob, len(f.Prekeys)), Wants: f.Wants}
	for i, d := range f.Drops {
		w.Drops[i] = dropArray{Hub: d.Hub, Box: d.Box, Token: d.Token}
	}
	for i, bundle := range f.Prekeys {
		w.Prekeys[i] = bundle
	}
	return w, checkDrops(f)
}

func parseDrops(w dropsArray) (Drops, error) {
	f := Drops{Wants: w.Wants}
	for _, d := range w.Drops {
		f.Drops = append(f.Drops, Drop{Hub: d.Hub, Box: d.Box, Token: d.Token})
	}
	for _, bundle := range w.Prekeys {
		f.Prekeys = append(f.Prekeys, bundle)
	}
	return f, checkDrops(f)
}

func checkDrops(f Drops) error {
	switch {
	case len(f.Drops) > MaxDrops:
		return fmt.Errorf("%d places, at most %d are allowed", len(f.Drops), MaxDrops)
	case len(f.Prekeys) > MaxPrekeys:
		return fmt.Errorf("%d prekeys, at most %d are allowed", len(f.Prekeys), MaxPrekeys)
	}
	for _, bundle := range f.Prekeys {
		if len(bundle) == 0 || len(bundle) > MaxPrekey {
			return fmt.Errorf("a prekey of %d bytes, 1 to %d are allowed", len(bundle), MaxPrekey)
		}
	}
	for _, d := range f.Drops {
		if err := checkDrop(d); err != nil {
			return err
		}
	}
	return nil
}

func checkDrop(d Drop) error {
	strange := func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }
	switch {
	case len(d.Hub) > MaxHubURL:
		return fmt.Errorf("the URL of a hub has %d bytes, at most %d are allowed", len(d.Hub), MaxHubURL)
	case !strings.HasPrefix(d.Hub, "https://") && !strings.HasPrefix(d.Hub, "http://") || strings.ContainsFunc(d.Hub, strange):
		return errors.New("the URL of a hub is none")
	case d.Box == [32]byte{}:
		return errors.New("the name of a box is missing")
	}
	return nil
}

// AppendDrops appends places as a store keeps them. An error is of kind
// kith.Invalid if they break a limit; dst is then returned as it was.
func AppendDrops(dst []byte, drops []Drop) ([]byte, error) {
	w, err := packDrops(Drops{Drops: drops})
	if err != nil {
		return dst, kith.Errorf(kith.Invalid, "encode where letters may be left: %w", err)
	}
	return encode(dst, w)
}

// ParseDrops undoes AppendDrops. An error is of kind kith.BadPeer.
func ParseDrops(data []byte) ([]Drop, error) {
	w, err := decode[dropsArray](data)
	if err != nil {
		return nil, kith.Errorf(kith.BadPeer, "read where letters may be left: %w", err)
	}
	f, err := parseDrops(w)
	if err != nil {
		return nil, kith.Errorf(kith.BadPeer, "read where letters may be left: %w", err)
	}
	return f.Drops, nil
}
