package wire

import (
	"encoding/base64"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"kith"
)

var secret = kith.InvitationSecret(pattern(0xc0, 16))

func sampleInvitation() Invitation {
	return Invitation{Account: account, Secret: secret, Expires: moment.Truncate(time.Second), Name: "Zoë", Addresses: addresses}
}

func TestInvitationRoundTrip(t *testing.T) {
	never := Invitation{Account: account, Secret: secret}
	for name, want := range map[string]Invitation{
		"full": sampleInvitation(), "bare": never,
		"sphere":          {Account: account, Secret: secret, Sphere: true, Name: "Familie Gr", Addresses: addresses},
		"nameless sphere": {Account: account, Secret: secret, Sphere: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseInvitation(want.Line())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestInvitationTakesWhatFits(t *testing.T) {
	v4 := func(i byte) netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, i}), 4711) }
	v6 := func(i byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: i}), 4711)
	}
	long := strings.Repeat("ë", 20)
	for name, c := range map[string]struct {
		name      string
		addresses []netip.AddrPort
		wantName  string
		want      []netip.AddrPort
	}{
		"one of each":     {"Grandmother", []netip.AddrPort{v4(1), v6(1)}, "Grandmother", []netip.AddrPort{v4(1), v6(1)}},
		"five short":      {"", []netip.AddrPort{v4(1), v4(2), v4(3), v4(4), v4(5), v4(6)}, "", []netip.AddrPort{v4(1), v4(2), v4(3), v4(4), v4(5)}},
		"long name":       {long, []netip.AddrPort{v4(1), v4(2), v4(3)}, long[:24], []netip.AddrPort{v4(1), v4(2)}},
		"address first":   {"Grandmother", []netip.AddrPort{v6(1), v6(2)}, "", []netip.AddrPort{v6(1), v6(2)}},
		"a later one":     {"Zoë", []netip.AddrPort{v4(1), v6(1), v6(2), v4(2)}, "Zoë", []netip.AddrPort{v4(1), v6(1), v4(2)}},
		"of no use":       {"Zoë", []netip.AddrPort{{}, netip.MustParseAddrPort("0.0.0.0:1"), v4(1)}, "Zoë", []netip.AddrPort{v4(1)}},
		"zone":            {"", []netip.AddrPort{netip.MustParseAddrPort("[fe80::1%eth0]:1")}, "", []netip.AddrPort{netip.MustParseAddrPort("[fe80::1]:1")}},
		"name is garbled": {"Zo\xff", nil, "Zo", nil},
	} {
		t.Run(name, func(t *testing.T) {
			inv := Invitation{Account: account, Secret: secret, Name: c.name, Addresses: c.addresses}
			line := inv.Line()
			payload, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(line, "kith:"))
			if err != nil {
				t.Fatal(err)
			}
			if len(payload) > MaxInvitation {
				t.Errorf("%d bytes", len(payload))
			}
			got, err := ParseInvitation(line)
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != c.wantName || !reflect.DeepEqual(got.Addresses, c.want) {
				t.Errorf("got %q and %v", got.Name, got.Addresses)
			}
		})
	}
}

// That an invitation is for a sphere is told whatever else is in it.
func TestInvitationIntoASphereTakesWhatFits(t *testing.T) {
	v4, v6 := addresses[0], addresses[1]
	for _, c := range []struct {
		addresses []netip.AddrPort
		wantName  string
		want      int
	}{
		{nil, "Fahrradfreunde im Süden", 0},
		{[]netip.AddrPort{v4, v4, v4}, "Fahrradfreunde im Süden", 2},
		{[]netip.AddrPort{v6, v4}, "Fahrradfreun", 2},
		{[]netip.AddrPort{v6, v6, v4}, "", 2},
	} {
		inv := Invitation{Account: account, Secret: secret, Sphere: true, Name: "Fahrradfreunde im Süden und Norden", Addresses: c.addresses}
		line := inv.Line()
		payload, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(line, "kith:"))
		if err != nil || len(payload) > MaxInvitation {
			t.Errorf("%d bytes, %v", len(payload), err)
		}
		got, err := ParseInvitation(line)
		if err != nil || !got.Sphere || !strings.HasPrefix(got.Name, c.wantName) || len(got.Addresses) != c.want {
			t.Errorf("got %+v, %v; want the name %q and %d addresses", got, err, c.wantName, c.want)
		}
	}
}

func TestExpiryIsKeptInRange(t *testing.T) {
	for given, want := range map[time.Time]time.Time{
		{}: {},
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC): time.Date(2020, 1, 1, 0, 0, 1, 0, time.UTC),
		time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC): time.Date(2156, 2, 7, 6, 28, 15, 0, time.UTC),
	} {
		got, err := ParseInvitation(Invitation{Account: account, Secret: secret, Expires: given}.Line())
		if err != nil || !got.Expires.Equal(want) {
			t.Errorf("%v became %v, want %v (%v)", given, got.Expires, want, err)
		}
	}
}

func TestPastedInvitation(t *testing.T) {
	line := sampleInvitation().Line()
	for name, pasted := range map[string]string{
		"spaces around": "  \t" + line + "\r\n",
		"broken":        line[:40] + "\r\n   " + line[40:90] + "\n" + line[90:],
		"quoted mail":   "> " + line[:60] + "\n> " + line[60:],
		"quotes":        "“" + line + "”",
		"brackets":      "<" + line + ">",
		"code":          "`" + line + "`",
		"upper case":    "KITH:" + line[5:],
		"no-break":      "\ufeff" + line[:30] + "\u200b" + line[30:] + "\u00a0",
		"padded":        line + "==",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseInvitation(pasted)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, sampleInvitation()) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestBadInvitations(t *testing.T) {
	line := sampleInvitation().Line()
	head := make([]byte, invitationHead)
	head[0] = lineVersion
	full := append([]byte{lineVersion}, pattern(1, invitationHead-1)...)
	made := func(payload []byte) string { return makeLine(invitationPrefix, payload) }
	with := func(tail ...byte) string { return made(append(append([]byte{}, full...), tail...)) }
	const none, damaged, newer = "not an invitation", "damaged or incomplete", "newer version"
	for name, c := range map[string]struct{ line, want string }{
		"empty":         {"", none},
		"words":         {"hello there", none},
		"another link":  {"https://example.org/" + line, none},
		"offer":         {OfferLine(false, [8]byte{1}, make([]byte, 60)), "kith connect"},
		"nothing in it": {"kith:", damaged},
		"cut":           {line[:len(line)-1], damaged},
		"cut more":      {line[:20], damaged},
		"one more":      {line + "A", damaged},
		"lower case":    {strings.ToLower(line), damaged},
		"swapped":       {line[:30] + line[31:32] + line[30:31] + line[32:], damaged},
		"wrong sign":    {line[:30] + "!" + line[31:], damaged},
		"endless":       {line + strings.Repeat("A", maxLine), damaged},
		"newer":         {made([]byte{2, 3, 4}), newer},
		"short":         {made(full[:52]), damaged},
		"zero keys":     {made(head), damaged},
		"cut field":     {with(9), damaged},
		"long field":    {with(9, 5, 1, 2), damaged},
		"name not text": {with(fieldName, 1, 0xff), damaged},
		"name too long": {with(append([]byte{fieldName, 25}, make([]byte, 25)...)...), damaged},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseInvitation(c.line)
			wantKind(t, err, kith.Invalid)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q does not say %q", err, c.want)
			}
		})
	}
	// Fields of a later version are skipped.
	got, err := ParseInvitation(with(77, 3, 1, 2, 3, fieldAddress, 1, 9, fieldName, 1, 'a'))
	if err != nil || got.Name != "a" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestEveryGarbledSignIsNoticed changes each character of a line.
func TestEveryGarbledSignIsNoticed(t *testing.T) {
	line := sampleInvitation().Line()
	for i := len("kith:"); i < len(line); i++ {
		garbled := []byte(line)
		garbled[i] = 'A'
		if line[i] == 'A' {
			garbled[i] = 'B'
		}
		if _, err := ParseInvitation(string(garbled)); err == nil {
			t.Errorf("character %d may be changed", i)
		}
	}
}
