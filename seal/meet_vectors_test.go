package seal

import (
	"bytes"
	"crypto/ed25519"
	"net/netip"
	"testing"

	"kith"
	"kith/wire"
)

func TestVectorsOfMeeting(t *testing.T) {
	type names struct {
		Secret hexBytes `json:"secret"`
		Day    uint32   `json:"day"`
		Place  string   `json:"place"`
		Writer hexBytes `json:"writer"`
		Tag    hexBytes `json:"tag"`
		Item   hexBytes `json:"item_key"`
		Bundle hexBytes `json:"bundle_name"`
	}
	var meets []names
	for _, c := range []struct {
		secret []byte
		key    MeetKey
		day    uint32
		place  string
		writer []byte
	}{
		{pairSecret[:], PairMeet(pairSecret), 20_513, "hub.example", anna[:]},
		{pairSecret[:], PairMeet(pairSecret), 20_514, "hub.example:8443", ben[:]},
		{invited[:], InvitationMeet(invited), 0, "friend", []byte("joiner")},
	} {
		tag, bundle := c.key.Tag(c.place, c.day), c.key.Bundle()
		meets = append(meets, names{c.secret, c.day, c.place, c.writer, tag[:], public(c.key.Item(c.day, c.writer)), bundle[:]})
	}
	hold(t, "meets", "Under what two who share a secret meet on a day (since 1970): the tag at a place, the public key of the writer's item of the DHT, and the name of an invitation's bundle, which depends on neither.", meets)

	type hub struct {
		Seed  hexBytes `json:"device_seed"`
		Host  string   `json:"host"`
		From  hexBytes `json:"from"`
		Key   hexBytes `json:"key"`
		Box   hexBytes `json:"box"`
		Token hexBytes `json:"token"`
	}
	var hubs []hub
	for _, host := range []string{"hub.example", "hub.example:8443"} {
		box, token := BoxKey(annaDeviceKey, host, ben)
		hubs = append(hubs, hub{annaDeviceKey.Seed(), host, ben[:], public(HubKey(annaDeviceKey, host)), public(box), token[:]})
	}
	hold(t, "hubs", "What a device is called at a hub, and its box for an account there with the token that lets leave.", hubs)
}

func public(key ed25519.PrivateKey) []byte { return key.Public().(ed25519.PublicKey) }

func TestVectorsOfNotes(t *testing.T) {
	type note struct {
		Secret     hexBytes `json:"secret"`
		Kind       int      `json:"kind"`
		To         hexBytes `json:"to"`
		From       hexBytes `json:"from"`
		ID         hexBytes `json:"id"`
		Created    int64    `json:"created_ms"`
		Ufrag      string   `json:"ufrag"`
		Pwd        string   `json:"pwd"`
		Candidates []string `json:"candidates"`
		Plain      hexBytes `json:"plain"`
		Nonce      hexBytes `json:"nonce"`
		Sealed     hexBytes `json:"sealed"`
	}
	host := "1 1 udp 2130706431 192.0.2.7 4711 typ host"
	mapped := "2 1 udp 1694498815 198.51.100.9 50000 typ srflx raddr 192.0.2.7 rport 4711"
	candidates := []wire.Candidate{
		{Type: wire.CandidateHost, Priority: 2130706431, Addr: netip.MustParseAddrPort("192.0.2.7:4711")},
		{Type: wire.CandidateSrflx, Priority: 1694498815, Addr: netip.MustParseAddrPort("198.51.100.9:50000"), Related: netip.MustParseAddrPort("192.0.2.7:4711")},
	}
	half := wire.Offer{ID: [8]byte(count(0xb0, 8)), Device: annaDevice, Created: when, Ufrag: "abcdefgh", Pwd: "0123456789abcdefghijklmnopqrstuv", Candidates: candidates[:1]}
	answer, more := half, half
	answer.Answer, answer.Device, answer.Candidates = true, benDevice, candidates
	more.Ufrag, more.Pwd, more.Candidates = "", "", candidates[1:]
	key := PairMeet(pairSecret)
	var notes []note
	for i, c := range []struct {
		note       wire.Note
		candidates []string
	}{
		{wire.Note{Kind: wire.NoteOffer, Offer: half}, []string{host}},
		{wire.Note{Kind: wire.NoteAnswer, To: annaDevice, Offer: answer}, []string{host, mapped}},
		{wire.Note{Kind: wire.NoteMore, To: benDevice, Offer: more}, []string{mapped}},
	} {
		plain := must(wire.AppendNote(nil, c.note))
		nonce := count(byte(0x10*i), 12)
		sealed := key.cipher().Seal(bytes.Clone(nonce), nonce, plain, []byte(labelMeetNote))
		if got, err := key.OpenNote(sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("note %d opens as %x, %v", i, got, err)
		}
		o := c.note.Offer
		to := hexBytes{}
		if !c.note.To.IsZero() {
			to = c.note.To[:]
		}
		notes = append(notes, note{pairSecret[:], int(c.note.Kind), to, o.Device[:], o.ID[:], when.UnixMilli(), o.Ufrag, o.Pwd, c.candidates, plain, nonce, sealed})
	}
	hold(t, "notes", "Notes by which devices meet, and how they are sealed. The nonce is random; here it is given.", notes)
}

func TestVectorsOfLetters(t *testing.T) {
	type letter struct {
		What  string   `json:"what"`
		Bytes hexBytes `json:"bytes"`
	}
	drops := &wire.Drops{
		Drops: []wire.Drop{{Hub: "https://hub.example", Box: [32]byte(count(0x00, 32)), Token: [32]byte(count(0x20, 32))}},
		Wants: 3,
	}
	room := wire.Room{Conversation: talk, Marks: kith.Vector{benDevice: {Seq: 300, ID: firstID, Read: 299}}, Events: []wire.Run{{
		Events: wire.Events{Conversation: talk, Author: kith.Peer{Account: anna, Device: annaDevice}, First: 7, Events: []wire.SealedEvent{{Raw: count(0, 20), Proof: count(0x30, 16)}}},
		After:  secondID,
	}}}
	var letters []letter
	for _, c := range []struct {
		what   string
		letter wire.Letter
	}{
		{"number 1, nothing seen, about nothing", wire.Letter{Number: 1}},
		{"number 2, seen 5; the conversation of conversations.json, no roster, one mark: the device b of certifications.json, 300, event 9091…, read 299; one run: account and device a, first 7, one event of the bytes 00…13 with the proof 30…3f, after event a0a1…; drops: https://hub.example, box 00…1f, token 20…3f, no prekeys, wants 3; join 50…57",
			wire.Letter{Number: 2, Seen: 5, Rooms: []wire.Room{room}, Drops: drops, Join: count(0x50, 8)}},
	} {
		b := must(wire.AppendLetter(nil, c.letter))
		if got, err := wire.ParseLetter(b); err != nil || !bytes.Equal(must(wire.AppendLetter(nil, got)), b) {
			t.Errorf("%s became %+v, %v", c.what, got, err)
		}
		letters = append(letters, letter{c.what, b})
	}
	hold(t, "letters", "What envelopes hold.", letters)
}
