package dht

import (
	"bufio"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// libtorrentScript runs five sessions of libtorrent, which make a DHT on
// loopback. It prints their ports, and then does what it is told: "put SEED
// VALUE", where SEED is of an Ed25519 key, and "get PUBLIC" (all in hex).
const libtorrentScript = `
import sys, time
import libtorrent as lt

def session(boot):
    s = lt.session({
        'listen_interfaces': '127.0.0.1:0', 'enable_dht': True, 'enable_lsd': False, 'enable_upnp': False,
        'enable_natpmp': False, 'dht_bootstrap_nodes': boot, 'alert_mask': lt.alert.category_t.dht_notification | lt.alert.category_t.error_notification,
        'dht_restrict_routing_ips': False, 'dht_restrict_search_ips': False,
        'dht_prefer_verified_node_ids': False, 'dht_enforce_node_id': False, 'dht_ignore_dark_internet': False,
        # All share one address, which sends more than one alone may.
        'dht_upload_rate_limit': 10000000, 'dht_block_ratelimit': 10000,
    })
    while s.listen_port() == 0:
        time.sleep(0.01)
    return s

sessions = [session('')]
first = ('127.0.0.1', sessions[0].listen_port())
for _ in range(4):
    sessions.append(session('%s:%d' % first))
for s in sessions:
    for other in sessions:
        if other is not s:
            s.add_dht_node(('127.0.0.1', other.listen_port()))
print(*[s.listen_port() for s in sessions], flush=True)

def wait(s, kind, good):
    end = time.time() + 15
    while time.time() < end:
        s.wait_for_alert(200)
        for a in s.pop_alerts():
            if isinstance(a, kind) and good(a):
                return a
    return None

s = sessions[-1]
for line in sys.stdin:
    words = line.split()
    if words[0] == 'put':
        secret, public, value = (bytes.fromhex(w) for w in words[1:])
        s.dht_put_mutable_item(secret, public, value, b'')
        a = wait(s, lt.dht_put_alert, lambda a: True)
        print('put', a.num_success if a else 'timeout', flush=True)
    if words[0] == 'node':
        for each in sessions:
            each.add_dht_node(('127.0.0.1', int(words[1])))
        print('node', flush=True)
    if words[0] == 'get':
        found = ''
        end = time.time() + 15
        while not found and time.time() < end:
            s.dht_get_mutable_item(bytes.fromhex(words[1]), b'')
            a = wait(s, lt.dht_mutable_item_alert, lambda a: a.authoritative or a.item)
            if a and a.item:
                value = a.item['value'] if isinstance(a.item, dict) and 'value' in a.item else a.item
                found = value.hex() if isinstance(value, bytes) else repr(value)
        print('get', found or 'none', flush=True)
`

// A libtorrent is the script while it runs.
type libtorrent struct {
	t     *testing.T
	in    io.Writer
	lines *bufio.Scanner
	addrs []netip.AddrPort
}

func startLibtorrent(t *testing.T) *libtorrent {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import libtorrent").Run(); err != nil {
		t.Skip("python3-libtorrent is not installed: ", err)
	}
	cmd := exec.Command(python, "-c", libtorrentScript)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		kill := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer kill.Stop()
		cmd.Wait()
		if t.Failed() && complaint.Len() > 0 {
			t.Log(complaint.String())
		}
	})
	l := &libtorrent{t: t, in: in, lines: bufio.NewScanner(out)}
	for _, port := range strings.Fields(l.line()) {
		l.addrs = append(l.addrs, netip.MustParseAddrPort("127.0.0.1:"+port))
	}
	return l
}

func (l *libtorrent) line() string {
	l.t.Helper()
	if !l.lines.Scan() {
		l.t.Fatal("libtorrent ended")
	}
	return l.lines.Text()
}

func (l *libtorrent) do(format string, args ...any) string {
	l.t.Helper()
	if _, err := fmt.Fprintf(l.in, format+"\n", args...); err != nil {
		l.t.Fatal(err)
	}
	return l.line()
}

// Nodes of libtorrent, alone and together with the library's, keep our items and
// give them to libtorrent, and we read what libtorrent writes.
func TestLibtorrent(t *testing.T) {
	l := startLibtorrent(t)
	nodes := populate(t, 10, onLoopback(t))
	for _, addr := range nodes.addrs {
		l.do("node %d", addr.Port())
	}
	p := newPair()
	ann, _ := start(t, Options{Account: p.ann, Routers: routersOf(l.addrs...)}, loopbackOnly, p.toBob)
	bob, bobBox := start(t, Options{Account: p.bob, Routers: routersOf(l.addrs...)}, loopbackOnly, p.toAnn)

	note := strings.Repeat("n", 960)
	if _, _, err := ann.Send(t.Context(), p.toBob, []byte(note)); err != nil {
		t.Fatal(err)
	}
	day := dayOf(time.Now())
	ours := newItem(p.sharedMeet, day, string(p.ann[:]))
	if got := l.do("get %x", ours.public); got != "get "+hex.EncodeToString([]byte(note)) {
		t.Errorf("libtorrent got %.60s", got)
	}
	bob.Hasten(p.toAnn)
	if got := bobBox.get(t, 20*time.Second); got.note != note {
		t.Errorf("Bob got %.60q", got.note)
	}

	// libtorrent writes as Bob would. It wants the expanded key of RFC 8032.
	theirs := newItem(p.sharedMeet, day, string(p.bob[:]))
	secret := sha512.Sum512(theirs.key.Seed())
	secret[0] &= 248
	secret[31] = secret[31]&63 | 64
	if got := l.do("put %x %x %x", secret, theirs.public, "from libtorrent"); !strings.HasPrefix(got, "put ") || got == "put 0" || got == "put timeout" {
		t.Fatalf("libtorrent says %q", got)
	}
	ann2, annBox := start(t, Options{Account: p.ann, Routers: routersOf(l.addrs...)}, loopbackOnly, p.toBob)
	ann2.Hasten(p.toBob)
	if got := annBox.get(t, 20*time.Second); got != (letter{p.toBob, "from libtorrent"}) {
		t.Errorf("Ann got %v", got)
	}
}
