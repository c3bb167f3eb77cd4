package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kith"
)

// A tape draws what a known answer needs, and notes it. What it draws for the
// i-th time is SHA-256("kith ratchet vectors" ‖ i), as many bytes as asked for.
type tape struct {
	drawn uint32
	seeds []kith.Secret // all keys so far, to find what was encapsulated to one

	nonce, seed, coins, shared hexBytes // of the last step
}

func (p *tape) draws() draws { return draws{p.read, p.encapsulate} }

func (p *tape) next() []byte {
	p.drawn++
	sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("kith ratchet vectors"), p.drawn))
	return sum[:]
}

func (p *tape) read(b []byte) {
	copy(b, p.next())
	if len(b) == gcmNonce {
		p.nonce = slices.Clone(b)
		return
	}
	p.seed = slices.Clone(b)
	p.seeds = append(p.seeds, kith.Secret(b))
}

// encapsulate is X-Wing with given coins, 32 bytes for ML-KEM-768 and 32 for
// X25519.
func (p *tape) encapsulate(public []byte) (enc, secret []byte, err error) {
	p.coins = slices.Concat(p.next(), p.next())
	key := must(mlkem.NewEncapsulationKey768(public[:mlkem.EncapsulationKeySize768]))
	_, enc, err = mlkemtest.Encapsulate768(key, p.coins[:32])
	if err != nil {
		return nil, nil, err
	}
	enc = append(enc, must(ecdh.X25519().NewPrivateKey(p.coins[32:])).PublicKey().Bytes()...)
	for _, seed := range p.seeds {
		if bytes.Equal(kemPublicOf(seed), public) {
			secret, err = decapsulate(seed, enc)
			p.shared = secret
			return enc, secret, err
		}
	}
	return nil, nil, fmt.Errorf("no key of the vectors")
}

type ratchetStep struct {
	From     string   `json:"from"`
	Text     string   `json:"text"`
	Arrives  bool     `json:"arrives"`          // the other opens it before the next step
	Seed     hexBytes `json:"seed,omitempty"`   // of the fresh key of a turn
	Coins    hexBytes `json:"coins,omitempty"`  // of what a turn encapsulates
	Shared   hexBytes `json:"shared,omitempty"` // and the secret in it
	Root     hexBytes `json:"root,omitempty"`   // of the epoch that the turn makes
	Epoch    uint32   `json:"epoch"`
	Number   uint32   `json:"number"`
	Nonce    hexBytes `json:"nonce"`
	Envelope hexBytes `json:"envelope"`
}

// One session from its prekey to the reset.
func TestVectorsOfRatchet(t *testing.T) {
	p := new(tape)
	type prekey struct {
		Account    hexBytes `json:"account"`
		DeviceSeed hexBytes `json:"device_seed"`
		ID         uint64   `json:"id"`
		Seed       hexBytes `json:"seed"`
		Bundle     hexBytes `json:"bundle"`
	}
	type session struct {
		From       []hexBytes    `json:"from"` // account, device
		To         []hexBytes    `json:"to"`
		Secret     hexBytes      `json:"secret"`
		Generation uint32        `json:"generation"`
		Coins      hexBytes      `json:"coins"`
		Shared     hexBytes      `json:"shared"`
		Seed       hexBytes      `json:"seed"` // of the beginner's first key
		Root       hexBytes      `json:"root"`
		Prekey     prekey        `json:"prekey"`
		Steps      []ratchetStep `json:"steps"`
		ResetID    uint64        `json:"reset_prekey_id"`
		ResetSeed  hexBytes      `json:"reset_prekey_seed"`
		ResetNonce hexBytes      `json:"reset_nonce"`
		Reset      hexBytes      `json:"reset"`
	}
	seed := p.draws().secret()
	bundle := newPrekey(benDeviceKey, ben, 7, seed)
	r := must(beginRatchet(annaPeer, pairSecret, must(OpenPrekey(bundle, benPeer)), 3, p.draws()))
	v := session{
		From: []hexBytes{anna[:], annaDevice[:]}, To: []hexBytes{ben[:], benDevice[:]},
		Secret: pairSecret[:], Generation: 3, Coins: p.coins, Shared: p.shared, Seed: p.seed, Root: r.root[:],
		Prekey: prekey{ben[:], benDeviceKey.Seed(), 7, seed[:], bundle},
	}
	ends := map[string]*end{"a": {t, r}, "b": nil}
	long := strings.Repeat("long ", 60)
	for _, step := range []ratchetStep{
		{From: "a", Text: "one", Arrives: true}, {From: "a", Text: long}, {From: "a", Text: "three", Arrives: true},
		{From: "b", Text: "four", Arrives: true}, {From: "b", Text: "", Arrives: true},
		{From: "a", Text: "six", Arrives: true}, {From: "a", Text: "seven"},
		{From: "b", Text: "eight", Arrives: true},
		{From: "a", Text: "nine", Arrives: true},
		{From: "b", Text: "ten", Arrives: true},
		{From: "a", Text: "Grüße 👋", Arrives: true},
	} {
		p.seed, p.coins, p.shared = nil, nil, nil
		from, to := ends["a"], ends["b"]
		if step.From == "b" {
			from, to = to, from
		}
		step.Epoch, step.Number = from.r.send.epoch, from.r.send.n
		next, envelope, err := from.r.seal([]byte(step.Text), p.draws())
		if err != nil {
			t.Fatal(err)
		}
		from.r = next
		step.Nonce, step.Seed, step.Coins, step.Shared, step.Envelope = p.nonce, p.seed, p.coins, p.shared, envelope
		if step.Seed != nil {
			step.Root = slices.Clone(next.pending.root[:])
		}
		switch {
		case step.Arrives && to == nil:
			first, text, err := must(ReadOpening(benPeer, seed, envelope)).ratchet(pairSecret)
			if err != nil || string(text) != step.Text {
				t.Fatal(err)
			}
			ends["b"] = &end{t, first}
		case step.Arrives:
			to.open(envelope, step.Text)
		}
		v.Steps = append(v.Steps, step)
	}
	for _, step := range v.Steps { // what did not arrive in its time arrives now
		if !step.Arrives {
			ends["b"].open(step.Envelope, step.Text)
		}
	}
	s := &Sessions{me: benPeer, them: annaPeer, list: []*Ratchet{ends["b"].r}}
	v.Reset = must(s.reset(newPrekey(benDeviceKey, ben, 8, p.draws().secret()), pairSecret, p.draws()))
	v.ResetID, v.ResetSeed, v.ResetNonce = 8, p.seed, p.nonce
	hold(t, "ratchet", "A session of envelopes from the prekey to the reset that b sends. a, of from, begins with b, of to. "+
		"Seeds are keys of X-Wing; coins are 32 bytes for ML-KEM-768 and 32 for X25519; shared is what HPKE exports. "+
		"What does not arrive in its turn arrives at the end.", []session{v})
}

// What the vectors say opens with the secrets that they say, and with nothing
// else at hand.
func TestVectorsOfEncapsulation(t *testing.T) {
	p := new(tape)
	seed := p.draws().secret()
	enc, want, err := p.encapsulate(kemPublicOf(seed))
	if err != nil {
		t.Fatal(err)
	}
	shared := xwing(t, seed, enc)
	suite := []byte{'H', 'P', 'K', 'E', 0x64, 0x7a, 0, 1, 0xff, 0xff}
	extract := func(salt []byte, label string, ikm []byte) []byte {
		return hmacSHA256(salt, slices.Concat([]byte("HPKE-v1"), suite, []byte(label), ikm))
	}
	expand := func(key []byte, label string, info []byte) []byte { // 32 bytes: one block of HKDF-Expand
		return hmacSHA256(key, slices.Concat([]byte{0, 32}, []byte("HPKE-v1"), suite, []byte(label), info, []byte{1}))
	}
	context := slices.Concat([]byte{0}, extract(nil, "psk_id_hash", nil), extract(nil, "info_hash", []byte("kith v1 envelope key")))
	exporter := expand(extract(shared, "secret", nil), "exp", context)
	exported := expand(exporter, "sec", nil)
	if !bytes.Equal(exported, want) {
		t.Errorf("HPKE by hand gives %x, want %x", exported, want)
	}
}
