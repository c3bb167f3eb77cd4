package relay

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/turn/v5"

	"kith/hubapi"
)

// Credentials tells where this relay is and gives short-lived credentials, in
// the form that other TURN servers know as their REST interface: the name is
// "EXPIRY:USER" and the password base64(HMAC-SHA1(secret, name)).
//
// Quotas are counted by USER, which anybody on the way can read. It is made of
// who, an opaque name of the device, and of the day, so that it tells nobody
// else which device this is. An empty who gives a USER of its own each time.
func (s *Server) Credentials(now time.Time, who string) hubapi.Relay {
	user := rand.Text()[:16]
	if who != "" {
		mac := hmac.New(sha256.New, []byte(s.cfg.Secret))
		mac.Write([]byte("kith relay user\x00" + now.UTC().Format(time.DateOnly) + "\x00" + who))
		user = hex.EncodeToString(mac.Sum(nil)[:8])
	}
	until := now.Add(CredentialLife).Truncate(time.Second)
	name := strconv.FormatInt(until.Unix(), 10) + ":" + user
	return hubapi.Relay{URLs: s.urls, Username: name, Password: password(s.cfg.Secret, name), Until: until.UnixMilli()}
}

// password is the one of a short-lived name.
func password(secret, name string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(name))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// NewPassword makes a password for a fixed user.
func NewPassword() string { return rand.Text() }

// UserKey is what Config.Users keeps of a fixed user: MD5(user:realm:password)
// in hex, the long-term key of RFC 8489, section 9.2.2. It is as good as the
// password on this realm.
func UserKey(user, realm, password string) string {
	if realm == "" {
		realm = defaultRealm
	}
	return hex.EncodeToString(turn.GenerateAuthKey(user, realm, password))
}

// authenticate finds the key of a name, and the user whose quota it counts to.
func (s *Server) authenticate(ask *turn.RequestAttributes) (user string, key []byte, ok bool) {
	user, key, ok = s.keyOf(ask.Username, time.Now())
	if !ok {
		s.counts.refusedLogins.Add(1)
	}
	return user, key, ok
}

func (s *Server) keyOf(name string, now time.Time) (user string, key []byte, ok bool) {
	if fixed, ok := s.cfg.Users[name]; ok {
		key, err := hex.DecodeString(fixed)
		return name, key, err == nil && len(key) == 16
	}
	expiry, user, ok := strings.Cut(name, ":")
	if !ok || s.cfg.Secret == "" {
		return "", nil, false
	}
	until, err := strconv.ParseInt(expiry, 10, 64)
	if err != nil || until < now.Unix() {
		return "", nil, false
	}
	// The colon keeps it apart from fixed users.
	return ":" + user, turn.GenerateAuthKey(name, s.cfg.Realm, password(s.cfg.Secret, name)), true
}

// urlsOf lists how a relay is reached (RFC 7064, RFC 7065), quickest first.
func urlsOf(host string, port uint16, tlsPort int) []string {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + ip.String() + "]"
	}
	at := net.JoinHostPort("", strconv.Itoa(int(port)))
	urls := []string{
		"stun:" + host + at,
		"turn:" + host + at + "?transport=udp",
		"turn:" + host + at + "?transport=tcp",
	}
	if tlsPort != 0 {
		urls = append(urls, "turns:"+host+":"+strconv.Itoa(tlsPort)+"?transport=tcp")
	}
	return urls
}
