package seal

import (
	"testing"

	"kith"
	"kith/wire"
)

func sampleSphere() (annaCert []byte, creation, addition *kith.Record) {
	annaCert = CertifyDevice(annaKey, annaDevice)
	creation = &kith.Record{Order: uint64(when.UnixMilli()), Sent: when, Change: kith.Creation{
		Nonce: [16]byte(count(0x31, 16)), Profile: kith.Profile{Name: "Family"}, Card: must(SignCard(annaKey, annaCard()))}}
	if err := SignRecord(annaDeviceKey, anna, annaCert, creation); err != nil {
		panic(err)
	}
	addition = &kith.Record{Sphere: creation.Sphere, Parents: []kith.RecordID{creation.ID}, Order: creation.Order + 1, Sent: when, Change: kith.Addition{
		Account: ben, Card: must(SignCard(benKey, kith.Card{Account: ben, Version: 1, Devices: []kith.DeviceID{benDevice}})), Since: kith.Cut{annaDevice: 12}}}
	if err := SignRecord(annaDeviceKey, anna, annaCert, addition); err != nil {
		panic(err)
	}
	return annaCert, creation, addition
}

func TestSignedRecords(t *testing.T) {
	_, creation, addition := sampleSphere()
	if creation.Sphere != kith.ConversationID(creation.ID) {
		t.Error("a creation's ID is not the sphere's")
	}
	for _, rec := range []*kith.Record{creation, addition} {
		back, err := wire.ParseRecord(rec.Author, rec.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if back.ID != rec.ID || back.Sphere != rec.Sphere {
			t.Errorf("%v became %v", rec, back)
		}
		back.Proof, back.Certificate = rec.Proof, rec.Certificate
		if err := VerifyRecord(back); err != nil {
			t.Error(err)
		}
		bens := kith.Peer{Account: ben, Device: benDevice}
		for name, spoil := range map[string]func(*kith.Record){
			"another proof":    func(r *kith.Record) { r.Proof = make([]byte, 64) },
			"no proof":         func(r *kith.Record) { r.Proof = nil },
			"no certificate":   func(r *kith.Record) { r.Certificate = nil },
			"another account":  func(r *kith.Record) { r.Author.Account = ben },
			"somebody else":    func(r *kith.Record) { r.Author, r.Certificate = bens, CertifyDevice(benKey, benDevice) },
			"other bytes":      func(r *kith.Record) { r.Raw = append([]byte{0}, r.Raw...) },
			"an event's proof": func(r *kith.Record) { r.Proof = SignEvent(annaDeviceKey, r.Sphere, anna, r.Raw) },
			"a card of another": func(r *kith.Record) {
				r.Change = kith.Addition{Account: kith.AccountID{9}, Card: must(SignCard(annaKey, annaCard()))}
			},
			"a card that is none": func(r *kith.Record) { r.Change = kith.Creation{Card: []byte{1}} },
		} {
			changed := *back
			spoil(&changed)
			if err := VerifyRecord(&changed); kith.KindOf(err) != kith.BadPeer {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := SignRecord(annaDeviceKey, anna, nil, &kith.Record{Change: kith.Promotion{}}); kith.KindOf(err) != kith.Invalid {
		t.Error(err)
	}
}

func TestSignedEvents(t *testing.T) {
	_, creation, _ := sampleSphere()
	author := kith.Peer{Account: anna, Device: annaDevice}
	raw := []byte("raw")
	proof := SignEvent(annaDeviceKey, creation.Sphere, anna, raw)
	if err := VerifyEvent(author, creation.Sphere, raw, proof); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"another sphere":  VerifyEvent(author, talk, raw, proof),
		"another account": VerifyEvent(kith.Peer{Account: ben, Device: annaDevice}, creation.Sphere, raw, proof),
		"another device":  VerifyEvent(kith.Peer{Account: anna, Device: benDevice}, creation.Sphere, raw, proof),
		"no device":       VerifyEvent(kith.Peer{Account: anna}, creation.Sphere, raw, proof),
		"other bytes":     VerifyEvent(author, creation.Sphere, []byte("row"), proof),
		"no proof":        VerifyEvent(author, creation.Sphere, raw, nil),
	} {
		if kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFellowSecret(t *testing.T) {
	annas, bens := NewDoorSecret(), NewDoorSecret()
	one, err := FellowSecret(annas, anna, DoorPublic(bens), ben)
	if err != nil {
		t.Fatal(err)
	}
	two, err := FellowSecret(bens, ben, DoorPublic(annas), anna)
	if err != nil || one != two || one.IsZero() {
		t.Errorf("the two do not agree: %v", err)
	}
	if other := must(FellowSecret(annas, anna, DoorPublic(bens), kith.AccountID{1})); other == one {
		t.Error("another account has the same secret")
	}
	for name, key := range map[string][32]byte{"zero": {}, "of low order": {1}} {
		if _, err := FellowSecret(annas, anna, key, ben); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v", name, err)
		}
	}
}
