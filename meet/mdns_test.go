package meet

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	tagA = "00112233445566778899aabbccddeeff"
	tagB = "ffeeddccbbaa99887766554433221100"
)

func pack(t testing.TB, m dnsmessage.Message) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func packed(t testing.TB, b []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func record(name string, ttl uint32, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: ttl},
		Body:   body,
	}
}

func pointer(tag string, ttl uint32) dnsmessage.Resource {
	return record(mdnsService, ttl, &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(tag + "." + mdnsService)})
}

func TestAnswerHoldsNothingElse(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("fe80::7")}
	b, err := mdnsAnswer(tagA, 4242, addrs, false)
	m, err := parseMDNS(packed(t, b, err))
	want := mdnsMessage{seen: []sighting{{tag: tagA, port: 4242, addrs: addrs}}}
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v, %v", m, err)
	}
	if len(b) > 250 {
		t.Errorf("an announcement of %d bytes", len(b))
	}
	var all dnsmessage.Message
	if err := all.Unpack(b); err != nil {
		t.Fatal(err)
	}
	for _, r := range all.Answers {
		name := r.Header.Name.String()
		if name != mdnsService && name != tagA+"."+mdnsService && name != tagA+".local." {
			t.Errorf("a record of %q", name)
		}
		if txt, ok := r.Body.(*dnsmessage.TXTResource); ok && strings.Join(txt.TXT, "") != "" {
			t.Errorf("text %q", txt.TXT)
		}
	}
}

func TestGoodbye(t *testing.T) {
	b, err := mdnsAnswer(tagA, 0, nil, true)
	m, err := parseMDNS(packed(t, b, err))
	if err != nil || !reflect.DeepEqual(m.seen, []sighting{{tag: tagA, gone: true}}) {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestQuery(t *testing.T) {
	b, err := mdnsQuery()
	m, err := parseMDNS(packed(t, b, err))
	if err != nil || !reflect.DeepEqual(m, mdnsMessage{asks: []string{mdnsService}}) {
		t.Errorf("got %+v, %v", m, err)
	}
	// Answers that whoever asks has, fresh and stale.
	m, err = parseMDNS(pack(t, dnsmessage.Message{
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("_KITH._udp.local."), Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}},
		Answers:   []dnsmessage.Resource{pointer(tagA, mdnsTTL), pointer(tagB, mdnsTTL/2-1)},
	}))
	if err != nil || !slices.Equal(m.asks, []string{mdnsService}) || !slices.Equal(m.knows, []string{tagA + "." + mdnsService}) {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestForeignAnswers(t *testing.T) {
	host := dnsmessage.MustNewName("printer.local.")
	m, err := parseMDNS(pack(t, dnsmessage.Message{
		Header: dnsmessage.Header{Response: true},
		Answers: []dnsmessage.Resource{
			record("_ipp._tcp.local.", 100, &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("Printer._ipp._tcp.local.")}),
			record(mdnsService, 100, &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("no-tag." + mdnsService)}),
			record("Printer._ipp._tcp.local.", 100, &dnsmessage.SRVResource{Port: 631, Target: host}),
			record("printer.local.", 100, &dnsmessage.AResource{A: [4]byte{192, 0, 2, 9}}),
		},
	}))
	if err != nil || len(m.seen) != 0 {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestLargeAnswersAreCutOff(t *testing.T) {
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true}}
	for i := range maxRecords {
		tag := strings.Repeat("0", 30) + string("0123456789abcdef"[i/16]) + string("0123456789abcdef"[i%16])
		m.Answers = append(m.Answers, pointer(tag, 100))
	}
	got, err := parseMDNS(pack(t, m))
	if err != nil || len(got.seen) != maxSeen {
		t.Errorf("%d instances, %v", len(got.seen), err)
	}
	m.Additionals = []dnsmessage.Resource{pointer(tagA, 100)}
	if _, err := parseMDNS(pack(t, m)); err == nil {
		t.Error("too many records were taken")
	}
}

func FuzzParseMDNS(f *testing.F) {
	query, err := mdnsQuery()
	f.Add(packed(f, query, err))
	answer, err := mdnsAnswer(tagA, 4242, []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("fe80::7")}, false)
	f.Add(packed(f, answer, err))
	bye, err := mdnsAnswer(tagA, 0, nil, true)
	f.Add(packed(f, bye, err))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMDNS(b)
		if err != nil {
			return
		}
		if len(m.seen) > maxSeen || len(m.asks) > maxRecords {
			t.Errorf("%d instances, %d questions", len(m.seen), len(m.asks))
		}
		for _, s := range m.seen {
			if !isTag(s.tag) || len(s.addrs) > maxAnnounce {
				t.Errorf("instance %+v", s)
			}
		}
	})
}
