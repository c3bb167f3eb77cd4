package wire

import (
	"bytes"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"

	"kith"
)

func sampleOffer() Offer {
	return Offer{
		Answer: true, Device: device, ID: [8]byte(pattern(1, 8)), Created: moment, Ufrag: "abcd", Pwd: "abcdefghijklmnopqrstuv",
		Candidates: []Candidate{
			{Type: CandidateHost, Priority: 2130706431, Addr: addresses[0]},
			{Type: CandidateHost, Priority: 2130706175, Addr: addresses[1]},
			{Type: CandidateSrflx, Priority: 1694498815, Addr: addresses[0], Related: netip.MustParseAddrPort("10.0.0.7:5000")},
			{Type: CandidateRelay, Priority: 16777215, Addr: addresses[0], Related: netip.MustParseAddrPort("[::]:5000")},
			{Type: CandidateHost, Transport: CandidateTCPPassive, Priority: 1671430143, Addr: addresses[1]},
		},
	}
}

func TestOfferRoundTrip(t *testing.T) {
	for name, want := range map[string]Offer{
		"full": sampleOffer(),
		"bare": {Device: device, Ufrag: "abcd", Pwd: strings.Repeat("+", 22), Created: time.UnixMilli(0).UTC()},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := AppendOffer([]byte("x"), want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseOffer(b[1:])
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	largest := sampleOffer()
	largest.Ufrag, largest.Pwd = strings.Repeat("a", MaxCredential), strings.Repeat("a", MaxCredential)
	largest.Candidates = slices.Repeat([]Candidate{{Type: CandidateRelay, Addr: addresses[1], Related: addresses[1]}}, MaxCandidates)
	if b, err := AppendOffer(nil, largest); err != nil || len(b) > MaxOffer {
		t.Errorf("the largest takes %d bytes: %v", len(b), err)
	}
}

func TestOfferLimits(t *testing.T) {
	for name, spoil := range map[string]func(*Offer){
		"no device":       func(o *Offer) { o.Device = kith.DeviceID{} },
		"short ufrag":     func(o *Offer) { o.Ufrag = "abc" },
		"long ufrag":      func(o *Offer) { o.Ufrag = strings.Repeat("a", MaxCredential+1) },
		"short password":  func(o *Offer) { o.Pwd = strings.Repeat("a", 21) },
		"wrong sign":      func(o *Offer) { o.Ufrag = "ab:d" },
		"many candidates": func(o *Offer) { o.Candidates = slices.Repeat(o.Candidates, 20) },
		"time":            func(o *Offer) { o.Created = time.UnixMilli(1 << 53) },
	} {
		t.Run(name, func(t *testing.T) {
			o := sampleOffer()
			spoil(&o)
			_, err := AppendOffer(nil, o)
			wantKind(t, err, kith.Invalid)

			w := offerArray{Device: bytes32(o.Device), ID: o.ID[:], Created: o.Created.UnixMilli(), Ufrag: o.Ufrag, Pwd: o.Pwd, Candidates: make([]blob, len(o.Candidates))}
			b, err := encode(nil, w)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseOffer(b)
			wantKind(t, err, kith.BadPeer)
		})
	}
	for name, spoil := range map[string]func(*Candidate){
		"type":      func(c *Candidate) { c.Type = 4 },
		"transport": func(c *Candidate) { c.Transport = 4 },
		"address":   func(c *Candidate) { c.Addr = netip.AddrPort{} },
	} {
		o := sampleOffer()
		spoil(&o.Candidates[0])
		if _, err := AppendOffer(nil, o); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := offerArray{Device: bytes32(device), ID: make([]byte, 7), Ufrag: "abcd", Pwd: strings.Repeat("a", 22)}
	b, err := encode(nil, w)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseOffer(b)
	wantKind(t, err, kith.BadPeer)
	_, err = ParseOffer(make([]byte, MaxOffer+1))
	wantKind(t, err, kith.BadPeer)
}

func TestUnknownCandidatesAreSkipped(t *testing.T) {
	good, err := sampleOffer().Candidates[0].pack()
	if err != nil {
		t.Fatal(err)
	}
	with := func(flags byte, tail ...byte) blob {
		b := append(bytes.Clone(good), tail...)
		b[0] = flags
		return b
	}
	w := offerArray{Device: bytes32(device), ID: make([]byte, 8), Ufrag: "abcd", Pwd: strings.Repeat("a", 22), Candidates: []blob{
		{}, {1, 2, 3, 4, 5}, with(0x80), with(candidateAddr6), with(0, 1), with(candidateRelated), with(candidateRelated | candidateRelated6), good,
	}}
	b, err := encode(nil, w)
	if err != nil {
		t.Fatal(err)
	}
	o, err := ParseOffer(b)
	if err != nil || !reflect.DeepEqual(o.Candidates, sampleOffer().Candidates[:1]) {
		t.Errorf("got %v, %v", o.Candidates, err)
	}
}

// TestCandidatesOfPion: what the ICE agent says comes out as it went in.
func TestCandidatesOfPion(t *testing.T) {
	made := func(c ice.Candidate, err error) ice.Candidate {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, c := range map[string]ice.Candidate{
		"host":   made(ice.NewCandidateHost(&ice.CandidateHostConfig{Network: "udp", Address: "192.168.1.20", Port: 50000, Component: 1})),
		"host 6": made(ice.NewCandidateHost(&ice.CandidateHostConfig{Network: "udp", Address: "2001:db8::1", Port: 50000, Component: 1})),
		"tcp":    made(ice.NewCandidateHost(&ice.CandidateHostConfig{Network: "tcp", Address: "192.168.1.20", Port: 50000, Component: 1, TCPType: ice.TCPTypePassive})),
		"srflx": made(ice.NewCandidateServerReflexive(&ice.CandidateServerReflexiveConfig{Network: "udp", Address: "203.0.113.5", Port: 4000, Component: 1,
			RelAddr: "192.168.1.20", RelPort: 50000})),
		"relay": made(ice.NewCandidateRelay(&ice.CandidateRelayConfig{Network: "udp", Address: "203.0.113.6", Port: 3478, Component: 1,
			RelAddr: "192.168.1.20", RelPort: 50001})),
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := ParseCandidate(c.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			packed, err := parsed.pack()
			if err != nil {
				t.Fatal(err)
			}
			got, ok := parseCandidateBytes(packed)
			if !ok || got != parsed {
				t.Fatalf("got %v, want %v", got, parsed)
			}
			if got.String() != c.Marshal() {
				t.Errorf("got  %s\nwant %s", got, c.Marshal())
			}
			back, err := ice.UnmarshalCandidate(got.String())
			if err != nil {
				t.Fatal(err)
			}
			if !back.Equal(c) || back.Priority() != c.Priority() || back.Foundation() != c.Foundation() {
				t.Errorf("pion reads %v, want %v", back, c)
			}
		})
	}
}

func TestBadCandidates(t *testing.T) {
	for name, text := range map[string]string{
		"empty":       "",
		"mDNS":        "1 1 udp 2130706431 0f2c7a5e-aaaa-bbbb-cccc-1234567890ab.local 50000 typ host",
		"component 2": "1 2 udp 2130706431 192.0.2.1 50000 typ host",
		"no typ":      "1 1 udp 2130706431 192.0.2.1 50000 type host",
		"type":        "1 1 udp 2130706431 192.0.2.1 50000 typ guess",
		"transport":   "1 1 sctp 2130706431 192.0.2.1 50000 typ host",
		"tcp type":    "1 1 tcp 2130706431 192.0.2.1 50000 typ host",
		"priority":    "1 1 udp 4294967296 192.0.2.1 50000 typ host",
		"port":        "1 1 udp 2130706431 192.0.2.1 65536 typ host",
		"port 0":      "1 1 udp 2130706431 192.0.2.1 0 typ host",
		"related":     "1 1 udp 2130706431 192.0.2.1 50000 typ srflx raddr here rport 1",
		"odd words":   "1 1 udp 2130706431 192.0.2.1 50000 typ host tcptype",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseCandidate(text)
			wantKind(t, err, kith.Invalid)
		})
	}
	c, err := ParseCandidate("candidate:1 1 UDP 1 fe80::1%eth0 9 typ host ufrag abcd generation 0")
	if err != nil || c.Addr != netip.MustParseAddrPort("[fe80::1]:9") {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestOfferLine(t *testing.T) {
	tag, sealed := [8]byte(pattern(1, 8)), pattern(9, 200)
	for _, answer := range []bool{false, true} {
		line := OfferLine(answer, tag, sealed)
		want := "kith-offer:"
		if answer {
			want = "kith-answer:"
		}
		if !strings.HasPrefix(line, want) {
			t.Errorf("got %s", line)
		}
		pasted := "\n “" + strings.ToUpper(want) + line[len(want):50] + "\n" + line[50:] + "”"
		gotAnswer, gotTag, gotSealed, err := ParseOfferLine(pasted)
		if err != nil || gotAnswer != answer || gotTag != tag || !bytes.Equal(gotSealed, sealed) {
			t.Errorf("got %v %x %x %v", gotAnswer, gotTag, gotSealed, err)
		}
	}
	offer := OfferLine(false, tag, sealed)
	for name, c := range map[string]struct{ line, want string }{
		"words":      {"hello", "not the line of a connection"},
		"invitation": {sampleInvitation().Line(), "kith join"},
		"cut":        {offer[:100], "damaged"},
		"relabelled": {"kith-answer:" + strings.TrimPrefix(offer, "kith-offer:"), "damaged"},
		"nothing":    {OfferLine(false, tag, nil), "damaged"},
		"too much":   {OfferLine(false, tag, make([]byte, maxSealed+1)), "damaged"},
		"newer":      {makeLine(offerPrefix, []byte{2}), "newer version"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := ParseOfferLine(c.line)
			wantKind(t, err, kith.Invalid)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q does not say %q", err, c.want)
			}
		})
	}
}
