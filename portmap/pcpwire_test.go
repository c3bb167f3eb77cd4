package portmap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	pcpNonceText = "0102030405060708090a0b0c"
	pcpExample   = pcpMapping{
		nonce: pcpNonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, protocol: protocolUDP, inside: 4711,
		outside: netip.MustParseAddrPort("203.0.113.5:4712"),
	}
)

func TestPCPRequests(t *testing.T) {
	client := netip.MustParseAddr("192.168.1.2")
	header := "00000000000000000000ffffc0a80102"
	if got, want := appendPCPHeader(nil, pcpAnnounce, 0, client), unhex(t, "02 00 0000 00000000"+header); !bytes.Equal(got, want) {
		t.Errorf("ANNOUNCE is %x, want %x", got, want)
	}
	want := unhex(t, "02 01 0000 00000e10"+header+pcpNonceText+"11 000000 1267 1268 00000000000000000000ffffcb007105")
	if got := appendPCPMap(nil, pcpExample, 3600, client); !bytes.Equal(got, want) {
		t.Errorf("MAP is\n%x, want\n%x", got, want)
	}
}

func TestPCPResponses(t *testing.T) {
	mapped := "02 81 0000 00000e10 0000002a 000000000000000000000000" + pcpNonceText + "11 000000 1267 1268 00000000000000000000ffffcb007105"
	for _, c := range []struct {
		name, hex string
		want      pcpReply
		ok        bool
	}{
		{"announce", "02 80 0000 00000000 0000002a 000000000000000000000000", pcpReply{epoch: 42}, true},
		{"map", mapped, pcpReply{opcode: 1, lifetime: 3600, epoch: 42, mapping: pcpExample}, true},
		{"map with an option", mapped + "02000000", pcpReply{opcode: 1, lifetime: 3600, epoch: 42, mapping: pcpExample}, true},
		{"refused", "02 81 0002 0000001e 0000002a 000000000000000000000000", pcpReply{opcode: 1, result: 2, lifetime: 30, epoch: 42}, true},
		{"a request", "02 01 0000 00000e10 0000002a 000000000000000000000000", pcpReply{}, false},
		{"NAT-PMP", "00 81 0001 00000e10 0000002a 000000000000000000000000", pcpReply{}, false},
		{"too short", "02 80 0000", pcpReply{}, false},
		{"a short mapping", mapped[:len(mapped)-8], pcpReply{}, false},
		{"odd", mapped + "00", pcpReply{}, false},
		{"too long", mapped + strings.Repeat("00", pcpMaxSize), pcpReply{}, false},
	} {
		got, err := parsePCP(unhex(t, c.hex))
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

func TestPCPResults(t *testing.T) {
	for result, want := range map[byte]string{0: "", 2: "not authorized", 13: "excessive remote peers", 200: "result 200"} {
		err := pcpReply{result: result}.err()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("result %d is %v", result, err)
		}
	}
	if err := (pcpReply{result: pcpNoNetwork}).err(); !errors.Is(err, errUnconnected) {
		t.Errorf("network failure is %v", err)
	}
}

func FuzzPCPResponse(f *testing.F) {
	f.Add(appendPCPMap(nil, pcpExample, 3600, netip.MustParseAddr("192.168.1.2")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1 {
			b[0], b[1] = pcpVersion, b[1]|pcpResponse // most are refused for these
		}
		r, err := parsePCP(b)
		if err != nil || r.opcode != pcpOpMap || r.result != 0 {
			return
		}
		// What was read is written alike.
		again := appendPCPMap(nil, r.mapping, r.lifetime, netip.IPv6Unspecified())
		if !bytes.Equal(again[pcpHeader:pcpHeader+13], b[pcpHeader:pcpHeader+13]) || !bytes.Equal(again[pcpMap-20:], b[pcpMap-20:pcpMap]) {
			t.Errorf("%x was read as %+v", b, r)
		}
	})
}

func FuzzSSDP(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://192.168.1.1:5000/rootDesc.xml\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if u := parseSSDP(b); u != nil && u.Scheme != "http" {
			t.Errorf("%q leads to %v", b, u)
		}
	})
}
