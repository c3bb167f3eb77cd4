package seal

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"kith/wire"
)

func TestVectorsOfPairs(t *testing.T) {
	type pair struct {
		A     hexBytes `json:"a"`
		B     hexBytes `json:"b"`
		HalfA hexBytes `json:"half_a"`
		HalfB hexBytes `json:"half_b"`
		Pair  hexBytes `json:"pair"`
	}
	swapped := PairSecret(anna, ben, halfBen, halfAnna)
	hold(t, "pairs", "The pair secret of the accounts a and b from the half of each.", []pair{
		{anna[:], ben[:], halfAnna[:], halfBen[:], pairSecret[:]},
		{anna[:], ben[:], halfBen[:], halfAnna[:], swapped[:]},
	})

	type door struct {
		Secret    hexBytes `json:"secret"`
		Tag       hexBytes `json:"tag"`
		Integrity hexBytes `json:"integrity"`
		Nonce     hexBytes `json:"nonce"`
		Username  hexBytes `json:"username"`
	}
	var doors []door
	nonce := [16]byte(count(0xf0, 16))
	for _, c := range []struct {
		secret []byte
		key    DoorKey
	}{{pairSecret[:], PairDoor(pairSecret)}, {invited[:], InvitationDoor(invited)}} {
		doors = append(doors, door{c.secret, c.key.Tag[:], c.key.Integrity[:], nonce[:], c.key.username(nonce)})
	}
	hold(t, "doors", "The keys of a door, from a pair secret and from an invitation secret, and the USERNAME of a knock with this nonce.", doors)

	type proof struct {
		Secret  hexBytes `json:"secret"`
		Binding hexBytes `json:"binding"`
		Joiner  hexBytes `json:"joiner"`
		Proof   hexBytes `json:"proof"`
	}
	binding := count(0x40, 32)
	shown := InvitationProof(invited, binding, anna)
	hold(t, "proofs", "The proof in a JoinRequest.", []proof{{invited[:], binding, anna[:], shown[:]}})

	type day struct {
		Secret hexBytes `json:"secret"`
		Day    uint32   `json:"day"`
		Tag    hexBytes `json:"tag"`
	}
	var days []day
	for _, n := range []uint32{0, 20513, 20514} {
		tag := DayTag(pairSecret, n)
		days = append(days, day{pairSecret[:], n, tag[:]})
	}
	hold(t, "days", "Daily tags; the day is counted from 1970-01-01 in UTC.", days)
}

func TestVectorsOfLines(t *testing.T) {
	type invitation struct {
		Account   hexBytes `json:"account"`
		Secret    hexBytes `json:"secret"`
		Expires   int64    `json:"expires_unix"` // 0: never
		Name      string   `json:"name,omitempty"`
		Addresses []string `json:"addresses,omitempty"`
		Line      string   `json:"line"`
	}
	var invitations []invitation
	for _, inv := range []wire.Invitation{
		{Account: anna, Secret: invited, Expires: when.Truncate(time.Second), Name: "Zoë 👋", Addresses: places},
		{Account: ben, Secret: invited},
	} {
		line := inv.Line()
		if got, err := wire.ParseInvitation(line); err != nil || !reflect.DeepEqual(got, inv) {
			t.Errorf("%+v became %+v, %v", inv, got, err)
		}
		v := invitation{Account: inv.Account[:], Secret: inv.Secret[:], Name: inv.Name, Line: line}
		if !inv.Expires.IsZero() {
			v.Expires = inv.Expires.Unix()
		}
		for _, a := range inv.Addresses {
			v.Addresses = append(v.Addresses, a.String())
		}
		invitations = append(invitations, v)
	}
	hold(t, "invitations", "Invitation lines.", invitations)

	type offer struct {
		Answer     bool     `json:"answer"`
		Device     hexBytes `json:"device"`
		ID         hexBytes `json:"id"`
		CreatedMS  int64    `json:"created_ms"`
		Ufrag      string   `json:"ufrag"`
		Pwd        string   `json:"pwd"`
		Candidates []string `json:"candidates"`
		Plain      hexBytes `json:"plain"`
		Secret     hexBytes `json:"secret"`
		Tag        hexBytes `json:"tag"`
		Key        hexBytes `json:"key"`
		Nonce      hexBytes `json:"nonce"`
		Sealed     hexBytes `json:"sealed"`
		Line       string   `json:"line"`
	}
	var offers []offer
	nonce := [gcmNonce]byte(count(0xd0, gcmNonce))
	for _, c := range []struct {
		answer bool
		secret []byte
		key    OfferKey
	}{{false, pairSecret[:], PairOfferKey(pairSecret)}, {true, pairSecret[:], PairOfferKey(pairSecret)}, {false, invited[:], InvitationOfferKey(invited)}} {
		o := wire.Offer{Answer: c.answer, Device: annaDevice, ID: [8]byte(count(1, 8)), Created: when, Ufrag: "AbCdEfGhIjKlMnOp", Pwd: strings.Repeat("Secret+/", 4),
			Candidates: []wire.Candidate{
				{Type: wire.CandidateHost, Priority: 2130706431, Addr: places[0]},
				{Type: wire.CandidateHost, Priority: 2130706175, Addr: places[1]},
				{Type: wire.CandidateSrflx, Priority: 1694498815, Addr: netip.MustParseAddrPort("203.0.113.5:40000"), Related: places[0]},
				{Type: wire.CandidateHost, Transport: wire.CandidateTCPPassive, Priority: 1671430143, Addr: places[0]},
			}}
		plain := must(wire.AppendOffer(nil, o))
		sealed := sealOffer(c.key, c.answer, plain, nonce)
		line := wire.OfferLine(c.answer, c.key.Tag, sealed)
		answer, tag, got, err := wire.ParseOfferLine(line)
		if err != nil || answer != c.answer || tag != c.key.Tag {
			t.Fatal(answer, tag, err)
		}
		if back := must(wire.ParseOffer(must(OpenOffer(c.key, answer, got)))); !reflect.DeepEqual(back, o) {
			t.Errorf("%+v became %+v", o, back)
		}
		v := offer{Answer: c.answer, Device: annaDevice[:], ID: o.ID[:], CreatedMS: when.UnixMilli(), Ufrag: o.Ufrag, Pwd: o.Pwd, Plain: plain,
			Secret: c.secret, Tag: c.key.Tag[:], Key: c.key.key[:], Nonce: nonce[:], Sealed: sealed, Line: line}
		for _, candidate := range o.Candidates {
			v.Candidates = append(v.Candidates, candidate.String())
		}
		offers = append(offers, v)
	}
	hold(t, "offers", "Pasted offers and answers: encoded, sealed with this nonce, as a line.", offers)
}

func TestVectorsOfTheVault(t *testing.T) {
	type vault struct {
		What       string   `json:"what"`
		Passphrase string   `json:"passphrase"`
		Time       uint32   `json:"time"`
		MemoryKiB  uint32   `json:"memory_kib"`
		Lanes      uint8    `json:"lanes"`
		Salt       hexBytes `json:"salt"`
		Nonce      hexBytes `json:"nonce"`
		Key        hexBytes `json:"key"`
		Wrapped    hexBytes `json:"wrapped"`
	}
	key, salt, nonce := [32]byte(count(0x11, 32)), [vaultSalt]byte(count(0x51, vaultSalt)), [gcmNonce]byte(count(0x71, gcmNonce))
	passphrase := "Grüße an den Wolf"
	wrapped := wrapKey(passphrase, key, cheap, salt, nonce)
	if got, err := UnwrapKey(passphrase, wrapped); err != nil || got != key {
		t.Error(got, err)
	}
	hold(t, "vault", "The store's key under a passphrase.", []vault{
		{"for tests only: these parameters protect nothing", passphrase, cheap.time, cheap.memory, cheap.lanes, salt[:], nonce[:], key[:], wrapped},
	})
}
