//go:build linux

package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// A line is what agents tell each other, and us.
type line struct {
	Ufrag, Pwd string        `json:",omitempty"`
	Candidate  string        `json:",omitempty"`
	Text       string        `json:",omitempty"` // an outcome
	Pair       string        `json:",omitempty"`
	Took       time.Duration `json:",omitempty"`
}

// say writes a line to standard output.
func say(l line) { json.NewEncoder(os.Stdout).Encode(l) }

// iceAgent is one side. It ends with standard input.
func iceAgent(server string, controlling bool) error {
	var urls []*stun.URI
	at := netip.AddrPortFrom(netip.MustParseAddr(server), 3478)
	tls := netip.AddrPortFrom(at.Addr(), 443)
	for _, text := range []string{"stun:" + at.String(), "turn:" + at.String() + "?transport=udp", "turn:" + tls.String() + "?transport=tcp"} {
		u, err := stun.ParseURI(text)
		if err != nil {
			return err
		}
		u.Username, u.Password = "lab", "lab"
		if u.Scheme == stun.SchemeTypeSTUN {
			u.Username, u.Password = "", ""
		}
		urls = append(urls, u)
	}
	agent, err := ice.NewAgentWithOptions(
		ice.WithUrls(urls),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithSrflxAcceptanceMinWait(0),
		ice.WithPrflxAcceptanceMinWait(0),
		// The relay must not win because this machine is busy.
		ice.WithRelayAcceptanceMinWait(time.Second),
	)
	if err != nil {
		return err
	}
	defer agent.Close()
	ufrag, pwd, err := agent.GetLocalUserCredentials()
	if err != nil {
		return err
	}
	say(line{Ufrag: ufrag, Pwd: pwd})
	if err := agent.OnCandidate(func(c ice.Candidate) {
		if c != nil {
			say(line{Candidate: c.Marshal()})
		}
	}); err != nil {
		return err
	}
	if err := agent.GatherCandidates(); err != nil {
		return err
	}
	for text := bufio.NewScanner(os.Stdin); text.Scan(); {
		var l line
		if err := json.Unmarshal(text.Bytes(), &l); err != nil {
			return err
		}
		if l.Ufrag != "" {
			go link(agent, l, controlling)
			continue
		}
		c, err := ice.UnmarshalCandidate(l.Candidate)
		if err != nil {
			return err
		}
		if err := agent.AddRemoteCandidate(c); err != nil {
			return err
		}
	}
	return nil
}

// link connects, sends some bytes there and back, and says how it went.
func link(agent *ice.Agent, other line, controlling bool) {
	start := time.Now()
	if !controlling {
		conn, err := agent.Accept(context.Background(), other.Ufrag, other.Pwd)
		if err == nil {
			io.Copy(conn, conn)
		}
		return
	}
	conn, err := agent.Dial(context.Background(), other.Ufrag, other.Pwd)
	if err != nil {
		say(line{Text: "failed: " + err.Error()})
		return
	}
	took := time.Since(start)
	pair, err := agent.GetSelectedCandidatePair()
	if err == nil {
		_, err = conn.Write([]byte("there and back"))
	}
	if err == nil {
		_, err = conn.Read(make([]byte, 64))
	}
	how := "direct"
	switch {
	case err != nil:
		how = "failed: " + err.Error()
	case pair.Local.Type() == ice.CandidateTypeRelay || pair.Remote.Type() == ice.CandidateTypeRelay:
		how = "relayed"
	}
	say(line{Text: how, Pair: fmt.Sprint(pair), Took: took})
}

// relayServer is the STUN and TURN server of the hub, at UDP 3478 and TCP 443.
// It ends with standard input.
func relayServer(addresses []string) error {
	conf := turn.ServerConfig{
		Realm:         "lab",
		LoggerFactory: logging.NewDefaultLoggerFactory(),
		AuthHandler: func(*turn.RequestAttributes) (string, []byte, bool) {
			return "lab", turn.GenerateAuthKey("lab", "lab", "lab"), true
		},
	}
	for _, address := range addresses {
		generator := &turn.RelayAddressGeneratorStatic{RelayAddress: net.ParseIP(address), Address: address}
		packets, err := net.ListenPacket("udp", net.JoinHostPort(address, "3478"))
		if err != nil {
			return err
		}
		conns, err := net.Listen("tcp", net.JoinHostPort(address, "443"))
		if err != nil {
			return err
		}
		conf.PacketConnConfigs = append(conf.PacketConnConfigs, turn.PacketConnConfig{PacketConn: packets, RelayAddressGenerator: generator})
		conf.ListenerConfigs = append(conf.ListenerConfigs, turn.ListenerConfig{Listener: conns, RelayAddressGenerator: generator})
	}
	server, err := turn.NewServer(conf)
	if err != nil {
		return err
	}
	defer server.Close()
	say(line{Text: "ready"})
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// playRole is one of the roles of these tests.
func playRole(role string, args []string) int {
	var err error
	switch role {
	case "agent":
		err = iceAgent(args[0], strings.Join(args[1:], "") == "controlling")
	case "relay":
		err = relayServer(args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role, err)
		return 1
	}
	return 0
}
