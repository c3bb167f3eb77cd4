package hub

import (
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"kith"
)

//go:embed hub.toml.tmpl
var configText string

var configTemplate = template.Must(template.New(ConfigFile).Parse(configText))

// localListen is where a hub for trying out listens.
const localListen = "127.0.0.1:8440"

// Init writes the configuration of a new hub into a folder, with fresh secrets,
// and gives its path. listen and name may be empty: a hub on this machine
// alone, to try it out. It never writes over one that is there.
func Init(dir, listen, name string) (path string, err error) {
	cfg, err := initial(listen, name)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	if err := configTemplate.Execute(&text, cfg); err != nil {
		return "", kith.Errorf(kith.Internal, "write the configuration: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", kith.Errorf(kith.Invalid, "the folder %s can't be used: %w", dir, err)
	}
	path = filepath.Join(dir, ConfigFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return "", kith.Errorf(kith.Conflict, "%s is there already, and holds secrets that devices know: edit it, or take another folder", path)
	}
	if err != nil {
		return "", kith.Errorf(kith.Invalid, "the folder %s can't be used: %w", dir, err)
	}
	_, err = f.WriteString(text.String())
	return path, errors.Join(err, f.Sync(), f.Close())
}

// initial chooses what fits an address and a name.
func initial(listen, name string) (*Config, error) {
	cfg := DefaultConfig()
	cfg.Name = strings.ToLower(name)
	cfg.NoticeKey, cfg.Relay.Secret, cfg.Seedbox.Secret = secret(), secret(), secret()
	switch {
	case listen != "":
		cfg.Listen = listen
	case name == "" || isLoopback(name):
		cfg.Listen = localListen
	default:
		cfg.Listen = ":443"
	}
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil || strings.ContainsAny(listen, "\"\\\n") {
		return nil, kith.Errorf(kith.Invalid, "--listen: %q is not an address with a port, such as :443 or 127.0.0.1:8440", listen)
	}
	if strings.ContainsAny(name, "/:\" \\\n") && !isAddress(name) {
		return nil, kith.Errorf(kith.Invalid, "--name: %q is not a name of a machine, such as hub.example.org", name)
	}
	switch {
	case isLoopback(host) && (name == "" || isLoopback(name)):
		cfg.TLS.Mode = TLSOff
	case isLoopback(host): // behind a proxy
		cfg.TLS.Mode = TLSOff
		cfg.URL = "https://" + cfg.Name
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	case name == "":
		return nil, kith.Errorf(kith.Invalid, "give --name, by which devices reach this hub, such as hub.example.org; or listen on 127.0.0.1")
	case isAddress(name) || !strings.Contains(name, "."):
		cfg.TLS = TLS{Mode: TLSFiles, Cert: "cert.pem", Key: "key.pem"}
	default:
		cfg.TLS.Mode = TLSACME
	}
	if name != "" && !isLoopback(name) { // a hub for trying out needs no port that others may have
		cfg.Metrics = "127.0.0.1:9464"
	}
	cfg.Relay.On = !isLoopback(host) // whoever is on this machine needs none
	if addr, err := netip.ParseAddr(name); err == nil && cfg.Relay.On {
		cfg.Relay.Public = []netip.Addr{addr}
	}
	return cfg, cfg.check()
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// secret is 32 random bytes.
func secret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return hex.EncodeToString(b)
}
