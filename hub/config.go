package hub

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/dustin/go-humanize"

	"kith"
	"kith/hub/mailbox"
	"kith/hubapi"
)

// ConfigFile is the name of the configuration in a hub's folder.
const ConfigFile = "hub.toml"

// Config is what hub.toml says. What it leaves out is as in DefaultConfig; the
// file that Init writes explains each line.
type Config struct {
	Name           string         `toml:"name"`   // by which devices reach it
	Listen         string         `toml:"listen"` // address, with a port
	URL            string         `toml:"url"`    // if it is not made of name and listen
	Title          string         `toml:"title"`  // for people; empty: the name
	TrustedProxies []netip.Prefix `toml:"trusted_proxies"`
	Metrics        string         `toml:"metrics"` // loopback address; empty: none
	NoticeKey      string         `toml:"notice_key"`

	TLS     TLS     `toml:"tls"`
	Limits  Limits  `toml:"limits"`
	Meet    Meet    `toml:"meet"`
	Mailbox Mailbox `toml:"mailbox"`
	Relay   Relay   `toml:"relay"`
	Tracker Tracker `toml:"tracker"`
	Seedbox Seedbox `toml:"seedbox"`
	NATS    NATS    `toml:"nats"`
}

// The modes of TLS.
const (
	TLSOff   = "off"   // plain HTTP, on loopback only
	TLSFiles = "files" // a certificate and a key in files
	TLSACME  = "acme"  // a certificate that it gets by itself
)

// TLS says how connections are encrypted.
type TLS struct {
	Mode      string `toml:"mode"`
	Cert      string `toml:"cert"` // relative to the folder
	Key       string `toml:"key"`
	Email     string `toml:"email"`     // for the certificate authority; may be empty
	Directory string `toml:"directory"` // of the authority; empty: Let's Encrypt
	HTTP      string `toml:"http"`      // address for challenges over port 80; empty: only TLS-ALPN
}

// Limits bound what a hub takes from one address (an IPv6 /64) and from all.
// Zero is no limit.
type Limits struct {
	Connections           int  `toml:"connections"`
	ConnectionsPerAddress int  `toml:"connections_per_address"`
	RequestsPerMinute     int  `toml:"requests_per_minute"` // of an address
	NewBoxesPerDay        int  `toml:"new_boxes_per_day"`   // of an address
	FramesPerSecond       int  `toml:"frames_per_second"`   // of a device
	QueuePerDevice        Size `toml:"queue_per_device"`    // what waits for one that reads slowly
}

// Meet is the meeting point.
type Meet struct {
	On            bool `toml:"on"`
	TagsPerDevice int  `toml:"tags_per_device"`
	DevicesPerTag int  `toml:"devices_per_tag"`
}

// Mailbox keeps envelopes and bundles.
type Mailbox struct {
	On               bool     `toml:"on"`
	Keep             Duration `toml:"keep"`
	Unused           Duration `toml:"unused"`
	Boxes            int      `toml:"boxes"`
	BoxesPerDevice   int      `toml:"boxes_per_device"`
	EnvelopesPerBox  int      `toml:"envelopes_per_box"`
	BytesPerBox      Size     `toml:"bytes_per_box"`
	BytesInAll       Size     `toml:"bytes_in_all"`
	KeepBundles      Duration `toml:"keep_bundles"`
	BundlesPerDevice int      `toml:"bundles_per_device"`
}

func (m *Mailbox) limits() mailbox.Limits {
	return mailbox.Limits{
		Keep: m.Keep.Duration(), Unused: m.Unused.Duration(),
		Boxes: m.Boxes, BoxEnvelopes: m.EnvelopesPerBox, BoxBytes: int64(m.BytesPerBox), TotalBytes: int64(m.BytesInAll),
		KeepBundle: m.KeepBundles.Duration(), Bundles: m.BundlesPerDevice,
	}
}

// DefaultConfig is a hub on a free loopback port with a meeting point and a
// mailbox, without the secrets that Init makes.
func DefaultConfig() *Config {
	m := mailbox.DefaultLimits()
	return &Config{
		Listen: "127.0.0.1:0",
		TLS:    TLS{Mode: TLSOff},
		Limits: Limits{
			Connections: 18_000, ConnectionsPerAddress: 256, RequestsPerMinute: 1200, NewBoxesPerDay: 2000, FramesPerSecond: 50, QueuePerDevice: 256 << 10,
		},
		Meet: Meet{On: true, TagsPerDevice: hubapi.DeviceTags, DevicesPerTag: 32},
		Mailbox: Mailbox{
			On: true, Keep: Duration(m.Keep), Unused: Duration(m.Unused),
			Boxes: m.Boxes, BoxesPerDevice: 2048, EnvelopesPerBox: m.BoxEnvelopes, BytesPerBox: Size(m.BoxBytes), BytesInAll: Size(m.TotalBytes),
			KeepBundles: Duration(m.KeepBundle), BundlesPerDevice: m.Bundles,
		},
		Relay:   defaultRelay(),
		Tracker: defaultTracker(),
		Seedbox: defaultSeedbox(),
		NATS:    NATS{Prefix: "kith", Replicas: 3},
	}
}

// Load reads the configuration in a folder. Errors are of kind kith.Invalid and
// name the line.
func Load(dir string) (*Config, error) {
	path := filepath.Join(dir, ConfigFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, kith.Errorf(kith.NotFound, "there is no hub in %s: make one with kith hub init %s", dir, dir)
	}
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "read the configuration: %w", err)
	}
	cfg, err := parse(text)
	if err == nil {
		err = cfg.check()
	}
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "%s: %w", path, err)
	}
	for _, file := range []*string{&cfg.TLS.Cert, &cfg.TLS.Key, &cfg.NATS.Credentials} {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(dir, *file)
		}
	}
	return cfg, nil
}

func parse(text []byte) (*Config, error) {
	cfg := DefaultConfig()
	md, err := toml.NewDecoder(bytes.NewReader(text)).Decode(cfg)
	var wrong toml.ParseError
	if errors.As(err, &wrong) {
		return nil, fmt.Errorf("line %d: %s", wrong.Position.Line, wrong.Message)
	}
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "toml: "))
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		key := unknown[0]
		return nil, fmt.Errorf("line %d: there is no setting %q", lineOf(text, key), key.String())
	}
	return cfg, nil
}

// lineOf finds the line of a setting, which the decoder does not tell.
func lineOf(text []byte, key toml.Key) int {
	section := ""
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.Trim(strings.SplitN(name, "]", 2)[0], "[] ") + "."
			if section == key.String()+"." {
				return i + 1
			}
			continue
		}
		name, _, _ := strings.Cut(line, "=")
		name = section + strings.Trim(strings.TrimSpace(name), `"'`)
		if name == key.String() || strings.HasPrefix(key.String(), name+".") {
			return i + 1
		}
	}
	return 1
}

// check finds what can't work.
func (c *Config) check() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if n, portErr := strconv.Atoi(port); err != nil || portErr != nil || n < 0 || n > 65535 {
		return kith.Errorf(kith.Invalid, "listen: %q is not an address with a port, such as :443 or 127.0.0.1:8440", c.Listen)
	}
	switch c.TLS.Mode {
	case TLSOff:
		if !isLoopback(host) {
			return kith.Errorf(kith.Invalid, "listen: %s is not on this machine alone, and what goes there must be encrypted: set tls.mode to %q or %q, or listen on 127.0.0.1 behind a proxy that does TLS", c.Listen, TLSACME, TLSFiles)
		}
	case TLSFiles:
		if c.TLS.Cert == "" || c.TLS.Key == "" {
			return kith.Errorf(kith.Invalid, "tls: name the files of the certificate and its key, as cert and key")
		}
	case TLSACME:
		if _, err := netip.ParseAddr(c.Name); err == nil || !strings.Contains(c.Name, ".") {
			return kith.Errorf(kith.Invalid, "name: %q is not a name of the internet, so there is no certificate for it: give one, such as hub.example.org", c.Name)
		}
	default:
		return kith.Errorf(kith.Invalid, "tls.mode: %q is none of %q, %q and %q", c.TLS.Mode, TLSACME, TLSFiles, TLSOff)
	}
	if c.Metrics != "" {
		if host, _, err := net.SplitHostPort(c.Metrics); err != nil || !isLoopback(host) {
			return kith.Errorf(kith.Invalid, "metrics: %q is not an address on this machine alone, such as 127.0.0.1:9464", c.Metrics)
		}
	}
	if c.URL != "" {
		if _, err := hubapi.ParseURL(c.URL); err != nil {
			return kith.Errorf(kith.Invalid, "url: %w", err)
		}
	}
	if c.Name == "" && c.URL == "" && c.TLS.Mode != TLSOff {
		return kith.Errorf(kith.Invalid, "name: give the name by which devices reach this hub, such as hub.example.org")
	}
	if c.Relay.On && c.Relay.Secret == "" {
		return kith.Errorf(kith.Invalid, "relay.secret is empty, so nobody could use the relay: give it many random letters, as kith hub init does")
	}
	if err := c.Seedbox.check(c); err != nil {
		return err
	}
	return c.checkNumbers()
}

func (c *Config) checkNumbers() error {
	for _, n := range []struct {
		setting    string
		value      int64
		least, max int64
	}{
		{"limits.connections", int64(c.Limits.Connections), 0, 1 << 30},
		{"limits.connections_per_address", int64(c.Limits.ConnectionsPerAddress), 0, 1 << 30},
		{"limits.requests_per_minute", int64(c.Limits.RequestsPerMinute), 0, 1 << 30},
		{"limits.new_boxes_per_day", int64(c.Limits.NewBoxesPerDay), 0, 1 << 30},
		{"limits.frames_per_second", int64(c.Limits.FramesPerSecond), 0, 1 << 20},
		{"limits.queue_per_device", int64(c.Limits.QueuePerDevice), 64 << 10, 1 << 30},
		{"meet.tags_per_device", int64(c.Meet.TagsPerDevice), 1, 1 << 20},
		{"meet.devices_per_tag", int64(c.Meet.DevicesPerTag), 2, 1 << 10},
		{"mailbox.boxes", int64(c.Mailbox.Boxes), 0, 1 << 40},
		{"mailbox.boxes_per_device", int64(c.Mailbox.BoxesPerDevice), 1, 1 << 20},
		{"mailbox.envelopes_per_box", int64(c.Mailbox.EnvelopesPerBox), 0, 1 << 40},
		{"mailbox.bytes_per_box", int64(c.Mailbox.BytesPerBox), 0, 1 << 60},
		{"mailbox.bytes_in_all", int64(c.Mailbox.BytesInAll), 0, 1 << 60},
		{"seedbox.bytes_in_all", int64(c.Seedbox.BytesInAll), 1 << 20, 1 << 60},
		{"seedbox.bytes_per_device", int64(c.Seedbox.BytesPerDevice), 1 << 20, 1 << 60},
		{"seedbox.files", int64(c.Seedbox.Files), 1, 10_000_000},
		{"seedbox.bytes_per_second", int64(c.Seedbox.RatePerAddress), 0, 1 << 60},
		{"nats.replicas", int64(c.NATS.Replicas), 1, 5},
		{"mailbox.bundles_per_device", int64(c.Mailbox.BundlesPerDevice), 0, 1 << 30},
	} {
		if n.value < n.least || n.value > n.max {
			return kith.Errorf(kith.Invalid, "%s is %d, and may be from %d to %d", n.setting, n.value, n.least, n.max)
		}
	}
	for setting, d := range map[string]Duration{
		"mailbox.keep": c.Mailbox.Keep, "mailbox.unused": c.Mailbox.Unused, "mailbox.keep_bundles": c.Mailbox.KeepBundles,
		"seedbox.keep": c.Seedbox.Keep, "seedbox.least": c.Seedbox.Least,
	} {
		if d.Duration() < time.Hour || d.Duration() > 366*24*time.Hour {
			return kith.Errorf(kith.Invalid, "%s is %s, and may be from 1h to 366d", setting, d)
		}
	}
	return nil
}

// isLoopback reports whether an address is of this machine alone.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// A Duration is a length of time as the configuration writes it: 30d, 12h, 90m.
type Duration time.Duration

var _, _ encoding.TextUnmarshaler = (*Duration)(nil), (*Size)(nil)

// Duration is the length of time.
func (d Duration) Duration() time.Duration { return time.Duration(d) }

// String writes whole days as such.
func (d Duration) String() string {
	const day = 24 * time.Hour
	if d.Duration()%day == 0 {
		return strconv.Itoa(int(d.Duration()/day)) + "d"
	}
	return d.Duration().String()
}

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is not a length of time, such as 30d, 12h or 90m", text)
	}
	*d = Duration(parsed)
	return nil
}

// A Size is a number of bytes as the configuration writes it: 64 MiB, 10 GB.
type Size int64

// String writes it in powers of 1024.
func (s Size) String() string { return humanize.IBytes(uint64(max(0, s))) }

// UnmarshalText reads it.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<60 {
		return fmt.Errorf("%q is not a number of bytes, such as 64 MiB or 10 GB", text)
	}
	*s = Size(n)
	return nil
}
