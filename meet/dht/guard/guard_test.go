package guard

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	mainline "github.com/anacrolix/dht/v2"
	"github.com/anacrolix/log"
)

// deadly are packets that end a program with a bare server of the library, or
// grow its tables; see the package comment.
var deadly = []string{
	"d2:ip0:1:rd2:id20:aaaaaaaaaaaaaaaaaaaae1:t1:a1:y1:re",
	"d2:ip1:x1:rd2:id20:aaaaaaaaaaaaaaaaaaaae1:t1:a1:y1:re",
	"d1:rd2:id20:aaaaaaaaaaaaaaaaaaaa6:valuesl1:xee1:t1:a1:y1:re",
	"d1:q13:announce_peer1:t1:a1:y1:qe",
	"d1:q3:put1:t1:a1:y1:qe",
	"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q3:put1:t1:a1:y1:qe",
	"d1:q40:" + strings.Repeat("x", 40) + "1:t1:a1:y1:qe",
	"d1:rd1:v99999999:1:t1:a1:y1:re",
	"d1:r" + strings.Repeat("l", 3000),
	"d", "de", "i1e", "", "d1:t1:a1:y1:re", "d1:t1:a1:y1:ee", "d1:y1:qe",
	"d1:t1:a1:y1:r1:rd2:id20:aaaaaaaaaaaaaaaaaaaa1:v" + strings.Repeat("9", 5000),
}

// A server behind the guard survives what kills a bare one, and still answers.
func TestSurvives(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	guarded := Wrap(conn, true)
	config := mainline.NewDefaultServerConfig()
	config.Conn, config.Logger = guarded, quiet()
	server, err := mainline.NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	peer, err := net.Dial("udp4", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	for _, packet := range deadly {
		if _, err := peer.Write([]byte(packet)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := peer.Write([]byte("d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t1:a1:y1:qe")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 2000)
	if err := peer.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := peer.Read(answer)
	if err != nil {
		t.Fatal("no answer to a ping: ", err)
	}
	if m, ok := Parse(answer[:n]); !ok || m.R == nil {
		t.Errorf("answer %q", answer[:n])
	}
	if got := guarded.Dropped(); got != uint64(len(deadly)) {
		t.Errorf("%d packets dropped, want %d", got, len(deadly))
	}
}

func quiet() log.Logger {
	l := log.NewLogger("dht")
	l.SetHandlers(log.DiscardHandler)
	return l
}

// One who only asks hears nobody else.
func TestHearsOnlyTheAsked(t *testing.T) {
	const reply, query = "d1:rd2:id20:aaaaaaaaaaaaaaaaaaaae1:t1:a1:y1:re", "d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t1:a1:y1:qe"
	friend := netip.MustParseAddrPort("192.0.2.1:6881")
	c := Wrap(nil, false)
	if c.admits([]byte(reply), net.UDPAddrFromAddrPort(friend)) {
		t.Error("a reply that nobody asked for came through")
	}
	done, again := c.Ask(friend), c.Ask(friend)
	done()
	if !c.admits([]byte(reply), net.UDPAddrFromAddrPort(friend)) {
		t.Error("a reply did not come through")
	}
	if c.admits([]byte(query), net.UDPAddrFromAddrPort(friend)) {
		t.Error("a query came through")
	}
	again()
	if c.admits([]byte(reply), net.UDPAddrFromAddrPort(friend)) || len(c.asked) != 0 {
		t.Error("it is heard for ever")
	}
}

// A broken socket is reported and does not end the program.
func TestBrokenSocket(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	guarded := Wrap(conn, false)
	ended := make(chan error)
	go func() {
		_, _, err := guarded.ReadFrom(make([]byte, 100))
		ended <- err
	}()
	conn.Close() // not by us
	<-guarded.Failed()
	if guarded.Cause() == nil {
		t.Error("no cause")
	}
	select {
	case <-ended:
		t.Error("the library heard of it")
	default:
	}
	guarded.Close()
	if err := <-ended; err == nil {
		t.Error("no error after Close")
	}
}

func FuzzParse(f *testing.F) {
	for _, packet := range deadly {
		f.Add([]byte(packet))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := Parse(b)
		if ok && len(b) > maxPacket {
			t.Error("a giant was parsed")
		}
		if ok && m.Y == "q" && harmless(&m) && m.A == nil && m.Q != "ping" {
			t.Error("a query without arguments")
		}
	})
}
