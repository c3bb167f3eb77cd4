package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"kith"
)

func TestCardRoundTrip(t *testing.T) {
	many := make([]kith.DeviceID, kith.MaxDevices)
	for i := range many {
		many[i] = kith.DeviceID(pattern(byte(i+1), 32))
	}
	for name, card := range map[string]kith.Card{
		"plain":    {Account: account, Version: 3, Name: "Zoë", Devices: []kith.DeviceID{device, otherDevice}},
		"nameless": {Account: account},
		"door":     {Account: account, Devices: []kith.DeviceID{device}, Door: [32]byte(pattern(7, 32))},
		"hubs":     {Account: account, Hubs: []string{"https://hub.example.org", "https://203.0.113.7:8443"}},
		"largest":  {Account: account, Version: 1<<53 - 1, Name: strings.Repeat("👋", kith.MaxName), Devices: many, Door: [32]byte(pattern(7, 32))},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := AppendCard(nil, card)
			if err != nil {
				t.Fatal(err)
			}
			signature := pattern(1, 64)
			signed := AppendSignedCard(nil, content, signature)
			if len(signed) > MaxSignedCard {
				t.Errorf("%d bytes", len(signed))
			}
			got, gotContent, gotSignature, err := ParseSignedCard(signed)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, card) || !bytes.Equal(gotContent, content) || !bytes.Equal(gotSignature, signature) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestCardLimits(t *testing.T) {
	for name, card := range map[string]kith.Card{
		"no account":    {Name: "a"},
		"high version":  {Account: account, Version: 1 << 53},
		"long name":     {Account: account, Name: strings.Repeat("a", kith.MaxName+1)},
		"name":          {Account: account, Name: "\xff"},
		"many devices":  {Account: account, Devices: make([]kith.DeviceID, kith.MaxDevices+1)},
		"doubled":       {Account: account, Devices: []kith.DeviceID{device, device}},
		"no device key": {Account: account, Devices: []kith.DeviceID{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := AppendCard(nil, card)
			wantKind(t, err, kith.Invalid)
			w := cardArray{Account: bytes32(card.Account), Version: card.Version, Name: card.Name}
			for _, d := range card.Devices {
				w.Devices = append(w.Devices, bytes32(d))
			}
			b, err := encode(nil, w)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseCard(b)
			wantKind(t, err, kith.BadPeer)
			_, _, _, err = ParseSignedCard(AppendSignedCard(nil, b, make([]byte, 64)))
			wantKind(t, err, kith.BadPeer)
		})
	}
	content, err := AppendCard(nil, kith.Card{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	for _, signature := range [][]byte{nil, make([]byte, 63), make([]byte, 65)} {
		_, _, _, err := ParseSignedCard(AppendSignedCard(nil, content, signature))
		wantKind(t, err, kith.BadPeer)
	}
	_, _, _, err = ParseSignedCard(AppendSignedCard(nil, make([]byte, MaxSignedCard), make([]byte, 64)))
	wantKind(t, err, kith.BadPeer)
}
