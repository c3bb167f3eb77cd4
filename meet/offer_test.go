package meet

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/seal"
	"kith/wire"
)

func offerFrom(device byte, id byte, answer bool) wire.Offer {
	return wire.Offer{
		Answer: answer, Device: kith.DeviceID{device}, ID: [8]byte{id},
		Created: time.UnixMilli(1), Ufrag: "ufrag", Pwd: "aPasswordOfIceWith22ch",
	}
}

func sealed(t *testing.T, o *Offers, key seal.OfferKey, offer wire.Offer) string {
	t.Helper()
	line, err := o.Seal(key, offer)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestOfferAndAnswer(t *testing.T) {
	ours, other := seal.PairOfferKey(kith.Secret{1}), seal.PairOfferKey(kith.Secret{2})
	alice, bob := NewOffers(kith.DeviceID{'a'}), NewOffers(kith.DeviceID{'b'})

	line := sealed(t, alice, ours, offerFrom('a', 1, false))
	opened, err := bob.Open(" <"+line[:40]+"\n"+line[40:]+"> ", []seal.OfferKey{other, ours})
	if err != nil {
		t.Fatal(err)
	}
	if opened.Key != 1 || opened.Answer || opened.Device != (kith.DeviceID{'a'}) || opened.Ufrag != "ufrag" {
		t.Errorf("opened %+v", opened)
	}
	reply := sealed(t, bob, ours, offerFrom('b', 1, true))
	for range 2 { // a second paste, after a mishap
		if opened, err = alice.Open(reply, []seal.OfferKey{ours}); err != nil || !opened.Answer {
			t.Fatalf("opened %+v, %v", opened, err)
		}
	}
	alice.Forget(opened.ID)
	if _, err = alice.Open(reply, []seal.OfferKey{ours}); kith.KindOf(err) != kith.Conflict {
		t.Errorf("a used answer: %v", err)
	}
}

func TestOfferRefused(t *testing.T) {
	ours, other := seal.PairOfferKey(kith.Secret{1}), seal.PairOfferKey(kith.Secret{2})
	alice, bob := NewOffers(kith.DeviceID{'a'}), NewOffers(kith.DeviceID{'b'})
	offer := sealed(t, alice, ours, offerFrom('a', 1, false))
	answer := sealed(t, bob, ours, offerFrom('b', 1, true))
	mixed := wire.OfferLine(true, other.Tag, seal.SealOffer(other, true, nil))
	plain, err := wire.AppendOffer(nil, offerFrom('b', 1, false))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		at   *Offers
		line string
		keys []seal.OfferKey
		kind kith.ErrorKind
		says string
	}{
		{"nonsense", alice, "hello", []seal.OfferKey{ours}, kith.Invalid, "not the line of a connection"},
		{"damaged", bob, offer[:len(offer)-3], []seal.OfferKey{ours}, kith.Invalid, "damaged"},
		{"for somebody else", bob, offer, []seal.OfferKey{other}, kith.Invalid, "not made for you"},
		{"no contacts", bob, offer, nil, kith.Invalid, "not made for you"},
		{"one's own offer", alice, offer, []seal.OfferKey{ours}, kith.Invalid, "paste here what they send back"},
		{"one's own answer", bob, answer, []seal.OfferKey{ours}, kith.Invalid, "the answer that you made yourself"},
		{"nobody waits", NewOffers(kith.DeviceID{'a'}), answer, []seal.OfferKey{ours}, kith.Conflict, "make a new line"},
		{"another contact's answer", alice, sealed(t, bob, other, offerFrom('b', 1, true)), []seal.OfferKey{ours, other}, kith.Conflict, "make a new line"},
		{"an empty offer", alice, mixed, []seal.OfferKey{other}, kith.Invalid, "update both"},
		{"an offer that calls itself an answer", alice, wire.OfferLine(true, ours.Tag, seal.SealOffer(ours, true, plain)), []seal.OfferKey{ours}, kith.Invalid, "both an offer and an answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.at.Open(c.line, c.keys)
			if err == nil || kith.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("kind %v: %v", kith.KindOf(err), err)
			}
		})
	}
}

func TestOffersWaitForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := seal.PairOfferKey(kith.Secret{1})
		o := NewOffers(kith.DeviceID{'a'})
		for i := range maxWaiting + 1 {
			sealed(t, o, key, offerFrom('a', byte(i), false))
			time.Sleep(time.Second)
		}
		awaits := func(i int) bool {
			_, err := o.Open(sealed(t, NewOffers(kith.DeviceID{'b'}), key, offerFrom('b', byte(i), true)), []seal.OfferKey{key})
			return err == nil
		}
		if awaits(0) || !awaits(1) || !awaits(maxWaiting) {
			t.Error("of too many offers, not the oldest alone gave way")
		}
		time.Sleep(offerWait - 5*time.Second)
		if awaits(1) || !awaits(maxWaiting) {
			t.Error("offers do not wait for a day")
		}
		sealed(t, o, key, offerFrom('a', 200, false))
		if n := len(o.waiting); n > 6 {
			t.Errorf("%d offers are remembered", n)
		}
	})
}
