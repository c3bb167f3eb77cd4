package relay

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"

	"kith/internal/freeport"
)

// A server is a TURN server in a process of its own.
type server struct {
	pid  int
	addr string
}

// waitTick waits a moment.
func waitTick() { <-time.After(5 * time.Millisecond) }

// startCoturn runs Debian's TURN server with our secret.
func startCoturn(t testing.TB) server {
	t.Helper()
	if _, err := exec.LookPath("turnserver"); err != nil {
		t.Skip("coturn is not installed: it is in Debian's package coturn")
	}
	dir := t.TempDir()
	port := freeport.Loopback(t, 1)
	var said bytes.Buffer
	cmd := exec.Command("turnserver", "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", strconv.Itoa(port),
		"--allow-loopback-peers", "--use-auth-secret", "--static-auth-secret="+secret, "-r", defaultRealm,
		"--no-tls", "--no-dtls", "--no-cli", "-m", "2", "--min-port=49152", "--max-port=65535",
		"--no-stdout-log", "-l", dir+"/log", "--pidfile", dir+"/pid", "-b", dir+"/db")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for until := time.Now().Add(10 * time.Second); ; waitTick() {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return server{cmd.Process.Pid, addr}
		}
		if time.Now().After(until) {
			t.Fatalf("coturn does not listen: %s", said.String())
		}
	}
}

// TestCoturnsClient has coturn's test client use our relay: over UDP and TCP,
// by channels and by indications, to an echo and between two of its clients.
func TestCoturnsClient(t *testing.T) {
	if _, err := exec.LookPath("turnutils_uclient"); err != nil {
		t.Skip("turnutils_uclient is not installed: it is in Debian's package coturn")
	}
	s := start(t, lab())
	peer := echo(t).LocalAddr().(*net.UDPAddr)
	c := s.Credentials(time.Now(), "")
	for name, args := range map[string]string{
		"UDP, channels":                "",
		"UDP, indications":             "-s",
		"TCP, channels":                "-t",
		"TCP, indications":             "-t -s",
		"between two, UDP":             "-y",
		"between two, TCP":             "-y -t",
		"between two, UDP indications": "-y -s",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // its client waits a lot
			all := append(strings.Fields(args), "-n", "50", "-m", "2", "-l", "997", "-z", "1", "-c", "-L", "127.0.0.1",
				"-u", c.Username, "-w", c.Password, "-p", strconv.Itoa(int(s.Port())))
			if !strings.Contains(args, "-y") {
				all = append(all, "-e", "127.0.0.1", "-r", strconv.Itoa(peer.Port))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			out, err := exec.CommandContext(ctx, "turnutils_uclient", append(all, "127.0.0.1")...).CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("Total lost packets 0 (0.000000%)")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestThroughCoturn uses coturn with credentials that we made: with the TURN
// client, and with two ICE agents that may only use relays.
func TestThroughCoturn(t *testing.T) {
	s := start(t, lab())
	coturn := startCoturn(t)
	c := s.Credentials(time.Now(), "somebody")
	relayed := allocate(t, dial(t, coturn.addr, c.Username, c.Password, defaultRealm, nil))
	peer := echo(t)
	exchange(t, relayed, relayed, peer.LocalAddr(), "through", "coturn")
	relayOnly(t, coturn.addr, c.Username, c.Password)
}

// TestICE links two agents of pion/ice over our relay alone.
func TestICE(t *testing.T) {
	s := start(t, lab())
	c := s.Credentials(time.Now(), "somebody")
	relayOnly(t, at(s), c.Username, c.Password)
}

// relayOnly links two ICE agents that may only use a relay, and has them talk.
func relayOnly(t *testing.T, addr, name, pass string) {
	uri, err := stun.ParseURI("turn:" + addr + "?transport=udp")
	if err != nil {
		t.Fatal(err)
	}
	uri.Username, uri.Password = name, pass
	var agents [2]*ice.Agent
	for i := range agents {
		agents[i], err = ice.NewAgentWithOptions(
			ice.WithUrls([]*stun.URI{uri}), ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeRelay}),
			ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4}), ice.WithIncludeLoopback(),
			ice.WithRelayAcceptanceMinWait(0),
			ice.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: discardWriter{}}),
		)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { agents[i].Close() })
	}
	for i := range agents {
		if err := agents[i].OnCandidate(func(c ice.Candidate) {
			if c != nil {
				_ = agents[1-i].AddRemoteCandidate(c) // fails only once it is closed
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	var ufrag, pwd [2]string
	for i := range agents {
		if ufrag[i], pwd[i], err = agents[i].GetLocalUserCredentials(); err != nil {
			t.Fatal(err)
		}
		if err := agents[i].GatherCandidates(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	accepted := make(chan *ice.Conn, 1)
	go func() {
		conn, err := agents[1].Accept(ctx, ufrag[0], pwd[0])
		if err != nil {
			t.Error(err)
		}
		accepted <- conn
	}()
	conn, err := agents[0].Dial(ctx, ufrag[1], pwd[1])
	if err != nil {
		t.Fatal(err)
	}
	other := <-accepted
	if other == nil {
		return
	}
	buf := make([]byte, 100)
	if _, err := conn.Write([]byte("by relay")); err != nil {
		t.Fatal(err)
	}
	_ = other.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := other.Read(buf); err != nil || string(buf[:n]) != "by relay" {
		t.Errorf("heard %q, %v", buf[:n], err)
	}
}
