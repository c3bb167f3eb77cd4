package hub

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kith"
)

// What Init writes is what a hub without a file does, with secrets.
func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	path, err := Init(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && os.PathSeparator == '/' {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	cfg, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{cfg.NoticeKey, cfg.Relay.Secret, cfg.Seedbox.Secret}
	slices.Sort(secrets)
	if len(slices.Compact(secrets)) != 3 || len(strings.Join(secrets, "")) != 3*64 {
		t.Errorf("the secrets are %q", secrets)
	}
	want := DefaultConfig()
	want.Listen = localListen
	want.NATS.Servers = cfg.NATS.Servers
	want.NoticeKey, want.Relay.Secret, want.Seedbox.Secret = cfg.NoticeKey, cfg.Relay.Secret, cfg.Seedbox.Secret
	want.TrustedProxies, want.Relay.Public = cfg.TrustedProxies, cfg.Relay.Public // none, in two ways
	if !reflect.DeepEqual(cfg, want) || len(cfg.TrustedProxies)+len(cfg.Relay.Public)+len(cfg.NATS.Servers) > 0 {
		t.Errorf("the file says\n%+v\nwithout it\n%+v", cfg, want)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(dir, "", ""); kith.KindOf(err) != kith.Conflict {
		t.Errorf("a second time: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was written over, %v", err)
	}
}

func TestInitial(t *testing.T) {
	for _, c := range []struct{ listen, name, wantListen, wantURL, mode, fails string }{
		{listen: "", name: "", wantListen: "127.0.0.1:8440", mode: TLSOff},
		{listen: "127.0.0.1:0", name: "", wantListen: "127.0.0.1:0", mode: TLSOff},
		{listen: "", name: "localhost", wantListen: "127.0.0.1:8440", mode: TLSOff},
		{listen: "", name: "Hub.Example.org", wantListen: ":443", mode: TLSACME},
		{listen: ":8443", name: "hub.example.org", wantListen: ":8443", mode: TLSACME},
		{listen: "127.0.0.1:8440", name: "hub.example.org", wantListen: "127.0.0.1:8440", wantURL: "https://hub.example.org", mode: TLSOff},
		{listen: ":443", name: "192.0.2.1", wantListen: ":443", mode: TLSFiles},
		{listen: ":443", name: "2001:db8::1", wantListen: ":443", mode: TLSFiles},
		{listen: ":443", name: "box", wantListen: ":443", mode: TLSFiles},
		{listen: ":443", name: "", fails: "give --name"},
		{listen: "443", name: "hub.example.org", fails: "not an address with a port"},
		{listen: ":https\"", name: "hub.example.org", fails: "not an address with a port"},
		{listen: "", name: "https://hub.example.org", fails: "not a name of a machine"},
		{listen: "", name: "hub.example.org:443", fails: "not a name of a machine"},
	} {
		cfg, err := initial(c.listen, c.name)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) || kith.KindOf(err) != kith.Invalid {
				t.Errorf("%q %q: %v, want %q", c.listen, c.name, err, c.fails)
			}
			continue
		}
		if err != nil || cfg.Listen != c.wantListen || cfg.URL != c.wantURL || cfg.TLS.Mode != c.mode {
			t.Errorf("%q %q: %+v, %v", c.listen, c.name, cfg, err)
			continue
		}
		dir := t.TempDir()
		if _, err := Init(dir, c.listen, c.name); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err != nil {
			t.Errorf("%q %q: what was written can't be read: %v", c.listen, c.name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	for text, fails := range map[string]string{
		"":                         "",
		"listen = \"127.0.0.1:1\"": "",
		"[mailbox]\nkeep = \"12h\"\nbytes_per_box = \"1 MB\"": "",
		"[mailbox]\nbytes_per_box = 1000000":                  "",
		"\nlisten = 1\n":                                      "line 2",
		"listen":                                              "line 1",
		"# one\n\nfrobnicate = 1":                             `line 3: there is no setting "frobnicate"`,
		"[meet]\non = true\n[mailbox]\nonn = true":            `line 4: there is no setting "mailbox.onn"`,
		"[meet]\non = true\n\n[turn]\non = true":              `line 4: there is no setting "turn`,
		"meet = 7":                                            "line 1",
		"[mailbox]\nkeep = \"soon\"":                          "not a length of time",
		"[mailbox]\nkeep = \"10m\"":                           "mailbox.keep is 10m0s, and may be from 1h to 366d",
		"[mailbox]\nkeep = \"-1d\"":                           "not a length of time",
		"[mailbox]\nbytes_in_all = \"much\"":                  "not a number of bytes",
		"[limits]\nqueue_per_device = \"1kB\"":                "limits.queue_per_device",
		"[limits]\nconnections = -1":                          "limits.connections is -1",
		"listen = \"0.0.0.0:80\"":                             "is not on this machine alone",
		"listen = \":80\"":                                    "is not on this machine alone",
		"listen = \"localhost\"":                              "not an address with a port",
		"listen = \"127.0.0.1:99999\"":                        "not an address with a port",
		"listen = \":443\"\n[tls]\nmode = \"acme\"":           "name:",
		"listen = \":443\"\n[tls]\nmode = \"files\"":          "name the files",
		"[tls]\nmode = \"on\"":                                `"on" is none of`,
		"metrics = \":9464\"":                                 "metrics:",
		"metrics = \"192.0.2.1:9464\"":                        "metrics:",
		"url = \"ftp://x\"":                                   "url:",
		"trusted_proxies = [\"everybody\"]":                   "line 1",
		"[relay]\non = true":                                  "relay.secret",
		"[seedbox]\non = \"yes\"":                             "line 2",
		"[seedbox]\non = true":                                "seedbox.secret",
		"[seedbox]\non = true\nsecret = \"x\"":                "",
		"[seedbox]\nbytes_in_all = \"0\"":                     "seedbox.bytes_in_all is 0",
		"[seedbox]\nkeep = \"1h\"\nleast = \"2h\"":            "",
		"[seedbox]\non = true\nsecret = \"x\"\nkeep = \"1h\"": "seedbox.least is 7d, longer than",
		"[seedbox]\non = true\nsecret = \"x\"\n[nats]\nservers = [\"nats://127.0.0.1:1\"]": "run it as a hub of its own",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(dir)
		if (err == nil) != (fails == "") || err != nil && (!strings.Contains(err.Error(), fails) || kith.KindOf(err) != kith.Invalid) {
			t.Errorf("%q: %v, want %q", text, err, fails)
		}
	}
	if _, err := Load(t.TempDir()); kith.KindOf(err) != kith.NotFound {
		t.Errorf("no file: %v", err)
	}
}

func TestDurationsAndSizes(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 30 * day, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.Duration() != want {
			t.Errorf("%s: %v, %v", text, d, err)
		}
		var again Duration
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Errorf("%s is written as %s", text, d)
		}
	}
	for text, want := range map[string]Size{"64 MiB": 64 << 20, "10GB": 10e9, "1000": 1000} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	if got := Size(64 << 20).String(); got != "64 MiB" {
		t.Errorf("64 MiB is written as %s", got)
	}
}

// A secret that is not one is said to be so before anything starts.
func TestNoNoticeKey(t *testing.T) {
	cfg := testConfig(func(c *Config) { c.NoticeKey = "" })
	if _, err := Start(t.Context(), t.TempDir(), cfg, Options{}); kith.KindOf(err) != kith.Invalid || !strings.Contains(err.Error(), "notice_key") {
		t.Errorf("got %v", err)
	}
}
