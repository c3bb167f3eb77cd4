package hubapi

import (
	"testing"

	"kith"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		" hub.example.org ":              "https://hub.example.org",
		"HUB.example.org:443/":           "https://hub.example.org",
		"hub.example.org:8443":           "https://hub.example.org:8443",
		"[2001:db8::1]":                  "https://[2001:db8::1]",
		"127.0.0.1:8440":                 "http://127.0.0.1:8440", // as a hub on this machine prints it, shortened
		"localhost:8440":                 "http://localhost:8440",
		"[::1]:80":                       "http://[::1]",
		"https://127.0.0.1:8440":         "https://127.0.0.1:8440",
		"http://localhost":               "http://localhost",
		"http://hub.example.org":         "",
		"ftp://hub.example.org":          "",
		"https://hub.example.org/path":   "",
		"https://ann:pw@hub.example.org": "",
		"https://hub.example.org?a=b":    "",
		"":                               "",
		"a name":                         "",
		"https://":                       "",
	} {
		got, err := ParseURL(text)
		if got != want || (want == "") != (kith.KindOf(err) == kith.Invalid) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}
