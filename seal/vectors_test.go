package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"kith"
	"kith/wire"
)

var update = flag.Bool("update", false, "write the vectors anew")

// vectors holds what an independent implementation checks itself with. A change
// in any of these files is a change of the protocol.
var vectors = filepath.Join("..", "testdata", "vectors")

// hexBytes is written as a string of hex digits.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// hold compares a file of vectors with what the code gives now.
func hold(t *testing.T, name, about string, cases any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(struct {
		About string `json:"about"`
		Cases any    `json:"cases"`
	}{about, cases}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(vectors, name+".json")
	if *update {
		if err := os.MkdirAll(vectors, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")), b.Bytes()) {
		t.Errorf("%s does not hold what the code gives: either the code is wrong or the protocol has changed, and then go test ./seal -update writes it anew", file)
	}
}

// count gives n bytes that count up from first.
func count(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// The people of the vectors. The seeds of their keys are the bytes 0x01…, 0x21…,
// 0x41… and 0x61….
var (
	annaKey       = ed25519.NewKeyFromSeed(count(0x01, 32))
	annaDeviceKey = ed25519.NewKeyFromSeed(count(0x21, 32))
	benKey        = ed25519.NewKeyFromSeed(count(0x41, 32))
	benDeviceKey  = ed25519.NewKeyFromSeed(count(0x61, 32))

	anna, ben             = AccountOf(annaKey), AccountOf(benKey)
	annaDevice, benDevice = DeviceOf(annaDeviceKey), DeviceOf(benDeviceKey)

	talk       = kith.DirectConversation(anna, ben)
	firstID    = kith.EventID(count(0x90, 16))
	secondID   = kith.EventID(count(0xa0, 16))
	invited    = kith.InvitationSecret(count(0xc0, 16))
	halfAnna   = kith.Secret(count(0x81, 32))
	halfBen    = kith.Secret(count(0xa1, 32))
	pairSecret = PairSecret(anna, ben, halfAnna, halfBen)
	when       = time.Date(2026, 3, 1, 12, 30, 15, 250e6, time.UTC)
	places     = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:4711"), netip.MustParseAddrPort("[2001:db8::7]:4711")}
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func annaCard() kith.Card {
	return kith.Card{Account: anna, Version: 3, Name: "Zoë 👋", Devices: []kith.DeviceID{annaDevice}}
}

func TestVectorsOfIdentities(t *testing.T) {
	type id struct {
		Hex  hexBytes `json:"hex"`
		Text string   `json:"text"`
	}
	hold(t, "ids", "Text forms of IDs, 32 bytes (account, device, conversation) and 16 bytes (event).", []id{
		{anna[:], anna.String()}, {benDevice[:], benDevice.String()}, {firstID[:], firstID.String()}, {make([]byte, 16), kith.EventID{}.String()},
	})

	type conversation struct {
		A  hexBytes `json:"a"`
		B  hexBytes `json:"b"`
		ID hexBytes `json:"id"`
	}
	hold(t, "conversations", "The conversation of the accounts a and b, in either order.", []conversation{
		{anna[:], ben[:], talk[:]}, {ben[:], anna[:], talk[:]},
	})

	type certification struct {
		AccountSeed   hexBytes `json:"account_seed"`
		Account       hexBytes `json:"account"`
		DeviceSeed    hexBytes `json:"device_seed"`
		Device        hexBytes `json:"device"`
		Certification hexBytes `json:"certification"`
	}
	hold(t, "certifications", "Keys from their Ed25519 seeds, and the account's signature over the device.", []certification{
		{annaKey.Seed(), anna[:], annaDeviceKey.Seed(), annaDevice[:], CertifyDevice(annaKey, annaDevice)},
		{benKey.Seed(), ben[:], benDeviceKey.Seed(), benDevice[:], CertifyDevice(benKey, benDevice)},
	})

	type certificate struct {
		DeviceSeed hexBytes `json:"device_seed"`
		Account    hexBytes `json:"account"`
		Device     hexBytes `json:"device"`
		DER        hexBytes `json:"der"`
	}
	der := must(TLSConfig(annaDeviceKey, anna, CertifyDevice(annaKey, annaDevice))).Certificates[0].Certificate[0]
	hold(t, "certificates", "An X.509 certificate of a link. Others differ in what no reader looks at; the key and the extension are what count.", []certificate{
		{annaDeviceKey.Seed(), anna[:], annaDevice[:], der},
	})

	type card struct {
		AccountSeed hexBytes   `json:"account_seed"`
		Account     hexBytes   `json:"account"`
		Version     uint64     `json:"version"`
		Name        string     `json:"name"`
		Devices     []hexBytes `json:"devices"`
		Card        hexBytes   `json:"card"`
		Signed      hexBytes   `json:"signed"`
	}
	c := annaCard()
	hold(t, "cards", "A card's bytes, and with the account's signature.", []card{
		{annaKey.Seed(), c.Account[:], c.Version, c.Name, []hexBytes{annaDevice[:]}, must(wire.AppendCard(nil, c)), must(SignCard(annaKey, c))},
	})

	type safety struct {
		A      hexBytes `json:"a"`
		B      hexBytes `json:"b"`
		Number string   `json:"number"`
	}
	hold(t, "safety", "The safety number of the accounts a and b, in either order.", []safety{
		{anna[:], ben[:], SafetyNumber(anna, ben)}, {ben[:], anna[:], SafetyNumber(ben, anna)},
	})
}

func TestVectorsOfEvents(t *testing.T) {
	type mention struct {
		Account hexBytes `json:"account"`
		Text    string   `json:"text"`
	}
	type event struct {
		What     string    `json:"what"`
		ID       hexBytes  `json:"id"`
		Seq      uint64    `json:"seq"`
		Order    uint64    `json:"order"`
		SentMS   int64     `json:"sent_ms"`
		Kind     uint16    `json:"kind"`
		Text     string    `json:"text,omitempty"`
		Emoji    string    `json:"emoji,omitempty"`
		Message  hexBytes  `json:"message,omitempty"`
		ReplyTo  hexBytes  `json:"reply_to,omitempty"`
		Mentions []mention `json:"mentions,omitempty"`
		Raw      hexBytes  `json:"raw"`
	}
	type tag struct {
		SelfKey      hexBytes `json:"self_key"`
		Conversation hexBytes `json:"conversation"`
		Device       hexBytes `json:"device"`
		Raw          hexBytes `json:"raw"`
		Tag          hexBytes `json:"tag"`
	}
	var events []event
	var tags []tag
	self := kith.Secret(count(0xe0, 32))
	for i, c := range []struct {
		want event
		body kith.Body
	}{
		{event{What: "a text", Text: "Grüße 👋"}, kith.Text{Text: "Grüße 👋"}},
		{event{What: "a reply", Text: "yes", ReplyTo: secondID[:]}, kith.Text{Text: "yes", ReplyTo: secondID}},
		{event{What: "an edit", Message: secondID[:], Text: "better"}, kith.Edit{Message: secondID, Text: "better"}},
		{event{What: "a deletion", Message: secondID[:]}, kith.Deletion{Message: secondID}},
		{event{What: "a reaction", Message: secondID[:], Emoji: "🎉"}, kith.Reaction{Message: secondID, Emoji: "🎉"}},
		{event{What: "a reaction withdrawn", Message: secondID[:]}, kith.Reaction{Message: secondID}},
		{event{What: "a text that mentions two people", Text: "@Zoë, @Ben: hi @all", Mentions: []mention{{anna[:], "@Zoë"}, {ben[:], "@Ben"}}},
			kith.Text{Text: "@Zoë, @Ben: hi @all", Mentions: []kith.Mention{{Account: anna, Text: "@Zoë"}, {Account: ben, Text: "@Ben"}}}},
		{event{What: "an edit with a mention", Message: secondID[:], Text: "no, @Ben", Mentions: []mention{{ben[:], "@Ben"}}},
			kith.Edit{Message: secondID, Text: "no, @Ben", Mentions: []kith.Mention{{Account: ben, Text: "@Ben"}}}},
	} {
		ev := kith.Event{ID: firstID, Seq: uint64(i)*100 + 1, Order: kith.MaxOrder - 1 - uint64(i), Sent: when.AddDate(-60*i, 0, 0), Body: c.body}
		raw := must(wire.AppendEvent(nil, &ev))
		var back kith.Event
		if err := wire.ParseEvent(raw, &back); err != nil || !reflect.DeepEqual(back.Body, ev.Body) || back.Stamp() != ev.Stamp() || !back.Sent.Equal(ev.Sent) {
			t.Errorf("%s became %+v, %v", c.want.What, back, err)
		}
		e := c.want
		e.ID, e.Seq, e.Order, e.SentMS, e.Kind, e.Raw = firstID[:], ev.Seq, ev.Order, ev.Sent.UnixMilli(), uint16(c.body.Kind()), raw
		events = append(events, e)
		tags = append(tags, tag{self[:], talk[:], annaDevice[:], raw, SelfTag(self, talk, annaDevice, raw)})
	}
	hold(t, "events", "The encoding (raw) of events of each kind.", events)
	hold(t, "selftags", "The author's own tag on an event of a direct conversation.", tags[:2])
}

func TestVectorsOfFrames(t *testing.T) {
	type frame struct {
		What  string   `json:"what"`
		Bytes hexBytes `json:"bytes"`
	}
	card := must(SignCard(annaKey, annaCard()))
	raw := must(wire.AppendEvent(nil, &kith.Event{ID: firstID, Seq: 1, Order: 2, Sent: when, Body: kith.Text{Text: "hi"}}))
	binding := count(0x40, 32)
	var frames []frame
	for _, c := range []struct {
		what  string
		frame wire.Frame
	}{
		{"Hello: version 1, accepted, the card of cards.json, none held, 192.0.2.7:4711 and [2001:db8::7]:4711, 2026-03-01T12:30:15.250Z",
			wire.Hello{Version: 1, Accepted: true, Card: card, Addresses: places, Now: when}},
		{"Hello: version 1, not accepted, the card of cards.json, the same held, no addresses, 1969-12-31T23:59:59.999Z",
			wire.Hello{Version: 1, Card: card, Holds: card, Now: time.UnixMilli(-1)}},
		{"JoinRequest: version 1, the proof of proofs.json, the card of cards.json, half a of pairs.json, no addresses",
			wire.JoinRequest{Version: 1, Proof: InvitationProof(invited, binding, anna), Card: card, Half: halfAnna}},
		{"JoinReply: accepted, the card of cards.json, half b of pairs.json, 192.0.2.7:4711",
			wire.JoinReply{Status: wire.JoinAccepted, Card: card, Half: halfBen, Addresses: places[:1]}},
		{"JoinReply: revoked, nothing else", wire.JoinReply{Status: wire.JoinRevoked}},
		{"Have: the conversation of conversations.json; marks of both devices of certifications.json: the first 300, event 9091…, read 299; the second 1, event a0a1…, read 0",
			wire.Have{Conversation: talk, Marks: kith.Vector{annaDevice: {Seq: 300, ID: firstID, Read: 299}, benDevice: {Seq: 1, ID: secondID}}}},
		{"Events: that conversation, author account and device of certifications.json, first 1, one event and the proof 00…0f",
			wire.Events{Conversation: talk, Author: kith.Peer{Account: anna, Device: annaDevice}, First: 1, Events: []wire.SealedEvent{{Raw: raw, Proof: count(0, 16)}}}},
		{"Typing: that conversation, active", wire.Typing{Conversation: talk, Active: true}},
	} {
		b := must(wire.AppendFrame(nil, c.frame))
		got, err := wire.NewReader(bytes.NewReader(b)).Read()
		if err != nil || reflect.TypeOf(got) != reflect.TypeOf(c.frame) || !bytes.Equal(must(wire.AppendFrame(nil, got)), b) {
			t.Errorf("%s became %+v, %v", c.what, got, err)
		}
		frames = append(frames, frame{c.what, b})
	}
	hold(t, "frames", "Frames as they go into a stream: length, kind, body.", frames)
}
