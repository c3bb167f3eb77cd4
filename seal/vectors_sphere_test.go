package seal

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"kith"
	"kith/wire"
)

func TestVectorsOfSpheres(t *testing.T) {
	type record struct {
		What       string     `json:"what"`
		Account    hexBytes   `json:"account"`
		DeviceSeed hexBytes   `json:"device_seed"`
		Sphere     hexBytes   `json:"sphere"`
		Parents    []hexBytes `json:"parents"`
		Order      uint64     `json:"order"`
		SentMS     int64      `json:"sent_ms"`
		Kind       uint16     `json:"kind"`
		Raw        hexBytes   `json:"raw"`
		ID         hexBytes   `json:"id"`
		Proof      hexBytes   `json:"proof"`
	}
	cert, creation, addition := sampleSphere()
	cut := kith.Cut{annaDevice: 300, benDevice: 2}
	list := []*kith.Record{creation, addition}
	what := []string{
		"a creation: nonce 31…40, the name Family, no description, no picture, not public, no full history, the card of cards.json",
		"an addition of the second account of certifications.json, since 12 of the first device; the card has version 1, no name and the second device",
	}
	for _, c := range []struct {
		what   string
		change kith.Change
	}{
		{"a removal, accepts 300 of the first device and 2 of the second", kith.Removal{Account: ben, Accepts: cut}},
		{"a departure, accepts nothing", kith.Departure{}},
		{"a promotion", kith.Promotion{Account: ben}},
		{"a demotion", kith.Demotion{Account: ben}},
		{"a handover", kith.Handover{Account: ben}},
		{"a muting for an hour, accepts as the removal", kith.Muting{Account: ben, Until: when.Add(time.Hour), Accepts: cut}},
		{"the end of a muting, accepts as the removal", kith.Muting{Account: ben, Accepts: cut}},
		{"a description: name Grüße, description 👋, picture ffd8ff, public, full history", kith.Description{Profile: kith.Profile{Name: "Grüße", About: "👋", Picture: []byte{0xff, 0xd8, 0xff}, Public: true, FullHistory: true}}},
	} {
		rec := &kith.Record{Sphere: creation.Sphere, Parents: []kith.RecordID{addition.ID}, Order: addition.Order + 1, Sent: when, Change: c.change}
		if err := SignRecord(annaDeviceKey, anna, cert, rec); err != nil {
			t.Fatal(err)
		}
		list, what = append(list, rec), append(what, c.what)
	}
	var records []record
	for i, rec := range list {
		back := must(wire.ParseRecord(rec.Author, rec.Raw))
		if back.Proof, back.Certificate = rec.Proof, rec.Certificate; VerifyRecord(back) != nil || back.Change.Kind() != rec.Change.Kind() || back.ID != rec.ID {
			t.Errorf("%s became %+v", what[i], back)
		}
		r := record{what[i], anna[:], annaDeviceKey.Seed(), rec.Sphere[:], []hexBytes{}, rec.Order, rec.Sent.UnixMilli(), uint16(rec.Change.Kind()), rec.Raw, rec.ID[:], rec.Proof}
		for _, p := range rec.Parents {
			r.Parents = append(r.Parents, p[:])
		}
		records = append(records, r)
	}
	hold(t, "records", "Records of a sphere's roster: encoding, ID and proof. The subject is the second account of certifications.json.", records)

	type proof struct {
		DeviceSeed   hexBytes `json:"device_seed"`
		Conversation hexBytes `json:"conversation"`
		Account      hexBytes `json:"account"`
		Raw          hexBytes `json:"raw"`
		Proof        hexBytes `json:"proof"`
	}
	raw := must(wire.AppendEvent(nil, &kith.Event{ID: firstID, Seq: 1, Order: 2, Sent: when, Body: kith.Text{Text: "hi"}}))
	hold(t, "sphereproofs", "The device's signature over an event of a sphere.", []proof{
		{annaDeviceKey.Seed(), creation.Sphere[:], anna[:], raw, SignEvent(annaDeviceKey, creation.Sphere, anna, raw)},
	})

	type fellow struct {
		A       hexBytes `json:"a"`
		SecretA hexBytes `json:"secret_a"`
		DoorA   hexBytes `json:"door_a"`
		B       hexBytes `json:"b"`
		SecretB hexBytes `json:"secret_b"`
		DoorB   hexBytes `json:"door_b"`
		Fellow  hexBytes `json:"fellow"`
	}
	annas, bens := kith.Secret(count(0x15, 32)), kith.Secret(count(0x35, 32))
	doorA, doorB := DoorPublic(annas), DoorPublic(bens)
	secret := must(FellowSecret(annas, anna, doorB, ben))
	hold(t, "fellows", "The secret of two members a and b, from the door secret of one and the door key of the other.", []fellow{
		{anna[:], annas[:], doorA[:], ben[:], bens[:], doorB[:], secret[:]},
	})

	type card struct {
		AccountSeed hexBytes   `json:"account_seed"`
		Version     uint64     `json:"version"`
		Name        string     `json:"name"`
		Devices     []hexBytes `json:"devices"`
		Door        hexBytes   `json:"door"`
		Signed      hexBytes   `json:"signed"`
	}
	c := annaCard()
	c.Door = doorA
	signed := must(SignCard(annaKey, c))
	if back := must(OpenCard(signed)); back.Door != doorA {
		t.Errorf("the door became %x", back.Door)
	}
	hold(t, "doorcards", "A card with a door key.", []card{{annaKey.Seed(), c.Version, c.Name, []hexBytes{annaDevice[:]}, doorA[:], signed}})
}

func TestVectorsOfShares(t *testing.T) {
	type event struct {
		What string   `json:"what"`
		Kind uint16   `json:"kind"`
		Raw  hexBytes `json:"raw"`
	}
	var events []event
	for _, c := range []struct {
		what string
		body kith.Body
	}{
		{"a share: infohash 01…14, key 02…21, sum 03…22, 43980465111 bytes, one file, Films/Grüße 👋.mp4, video/mp4, 1920 × 1080, 7200000 ms, preview ffd8ff, caption look, answers a0a1…, replaces 9091…",
			kith.Share{File: kith.FileRef{Infohash: kith.Infohash(count(1, 20)), Key: kith.Secret(count(2, 32)), Sum: [32]byte(count(3, 32)), Size: 43980465111, Files: 1, Path: "Films/Grüße 👋.mp4",
				Media: kith.Media{Type: "video/mp4", Width: 1920, Height: 1080, Duration: 7_200_000, Preview: []byte{0xff, 0xd8, 0xff}}}, Caption: "look", ReplyTo: secondID, Replaces: firstID}},
		{"a share: the same infohash, key and sum, 12 bytes, a folder of 3 files, Notes, nothing else",
			kith.Share{File: kith.FileRef{Infohash: kith.Infohash(count(1, 20)), Key: kith.Secret(count(2, 32)), Sum: [32]byte(count(3, 32)), Size: 12, Files: 3, Folder: true, Path: "Notes"}}},
		{"a torrent: magnet:?xt=urn:btih:0102030405060708090a0b0c0d0e0f1011121314, name debian, 4096 bytes",
			kith.Torrent{Magnet: "magnet:?xt=urn:btih:0102030405060708090a0b0c0d0e0f1011121314", Name: "debian", Size: 4096}},
	} {
		ev := kith.Event{ID: firstID, Seq: 1, Order: 2, Sent: when, Body: c.body}
		raw := must(wire.AppendEvent(nil, &ev))
		var back kith.Event
		if err := wire.ParseEvent(raw, &back); err != nil || !reflect.DeepEqual(back.Body, c.body) {
			t.Errorf("%s became %+v, %v", c.what, back, err)
		}
		events = append(events, event{c.what, uint16(c.body.Kind()), raw})
	}
	hold(t, "shares", "The encoding (raw) of events that carry files: ID 9091…9f, seq 1, order 2, sent 2026-03-01T12:30:15.250Z.", events)
}

func TestVectorsOfSphereFrames(t *testing.T) {
	type frame struct {
		What  string   `json:"what"`
		Bytes hexBytes `json:"bytes"`
	}
	cert, creation, addition := sampleSphere()
	raw := must(wire.AppendEvent(nil, &kith.Event{ID: firstID, Seq: 1, Order: 2, Sent: when, Body: kith.Text{Text: "hi"}}))
	card := must(SignCard(annaKey, annaCard()))
	author := kith.Peer{Account: anna, Device: annaDevice}
	var frames []frame
	for _, c := range []struct {
		what  string
		frame wire.Frame
	}{
		{"Roster: the sphere of records.json, its first record as the only head", wire.Roster{Conversation: creation.Sphere, Heads: []kith.RecordID{creation.ID}}},
		{"Roster: that sphere, nothing of it", wire.Roster{Conversation: creation.Sphere}},
		{"Records: that sphere, the addition of records.json", wire.Records{Conversation: creation.Sphere, Records: []wire.SealedRecord{{Author: author, Raw: addition.Raw, Proof: addition.Proof, Certificate: cert}}}},
		{"Events: that sphere, the event of sphereproofs.json with its proof, first 1, certificate", wire.Events{Conversation: creation.Sphere, Author: author, First: 1, Certificate: cert,
			Events: []wire.SealedEvent{{Raw: raw, Proof: SignEvent(annaDeviceKey, creation.Sphere, anna, raw)}}}},
		{"JoinReply: accepted, the card of cards.json, half b of pairs.json, no addresses, into that sphere", wire.JoinReply{Status: wire.JoinAccepted, Card: card, Half: halfBen, Sphere: creation.Sphere}},
		{"SphereInvite: that sphere, Family, 200 members, not revoked", wire.SphereInvite{Conversation: creation.Sphere, Name: "Family", Members: 200}},
		{"SphereAnswer: that sphere, accepted", wire.SphereAnswer{Conversation: creation.Sphere, Accept: true}},
		{"SwarmPort: 6881", wire.SwarmPort{Port: 6881}},
		{"Fellows: that sphere, the card of cards.json at 192.0.2.7:4242", wire.Fellows{Conversation: creation.Sphere, Fellows: []wire.Fellow{{Card: card, Addresses: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:4242")}}}}},
		{"Have: that sphere, the device's number 3 from before joining, partial", wire.Have{Conversation: creation.Sphere, Marks: kith.Vector{author.Device: {Seq: 3}}, Partial: true}},
	} {
		b := must(wire.AppendFrame(nil, c.frame))
		got, err := wire.NewReader(bytes.NewReader(b)).Read()
		if err != nil || reflect.TypeOf(got) != reflect.TypeOf(c.frame) || !bytes.Equal(must(wire.AppendFrame(nil, got)), b) {
			t.Errorf("%s became %+v, %v", c.what, got, err)
		}
		frames = append(frames, frame{c.what, b})
	}
	hold(t, "sphereframes", "Frames of spheres as they go into a stream.", frames)

	inv := wire.Invitation{Account: anna, Secret: invited, Sphere: true, Name: "Family", Addresses: places[:1]}
	if got := must(wire.ParseInvitation(inv.Line())); !reflect.DeepEqual(got, inv) {
		t.Errorf("%+v became %+v", inv, got)
	}
	type invitation struct {
		Account   hexBytes `json:"account"`
		Secret    hexBytes `json:"secret"`
		Name      string   `json:"name"`
		Addresses []string `json:"addresses"`
		Line      string   `json:"line"`
	}
	hold(t, "sphereinvitations", "An invitation into a sphere, which never expires.", []invitation{{anna[:], invited[:], inv.Name, []string{places[0].String()}, inv.Line()}})
}
