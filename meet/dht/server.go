package dht

import (
	"context"
	"net"
	"net/netip"
	"time"

	mainline "github.com/anacrolix/dht/v2"
	"github.com/anacrolix/dht/v2/bep44"
	"github.com/anacrolix/dht/v2/krpc"
	"github.com/anacrolix/log"
	"golang.org/x/time/rate"

	"kith"
	"kith/meet/dht/guard"
)

// packetsASecond bounds what is sent, over all lookups of one family.
const packetsASecond = 300

// maxToken bounds a token, in bytes; usual are 4 to 20.
const maxToken = 128

// A server is the transport over the library. It answers nobody.
type server struct {
	*mainline.Server
	conn *guard.Conn
}

func newServer(socket net.PacketConn) (*server, error) {
	quiet := log.NewLogger("dht")
	quiet.SetHandlers(log.DiscardHandler)
	conn := guard.Wrap(socket, false)
	config := mainline.NewDefaultServerConfig()
	config.Conn = conn
	config.Passive = true // BEP 43
	config.StartingNodes = func() ([]mainline.Addr, error) { return nil, nil }
	config.Store = nothing{}
	config.Logger = quiet
	config.SendLimiter = rate.NewLimiter(packetsASecond, packetsASecond)
	config.QueryResendDelay = func() time.Duration { return 2 * answerLimit } // a context ends it before
	s, err := mainline.NewServer(config)
	if err != nil {
		conn.Close()
		return nil, kith.Errorf(kith.Internal, "start the DHT: %w", err)
	}
	return &server{s, conn}, nil
}

func (s *server) close() { s.Close() }

func (s *server) failed() <-chan struct{} { return s.conn.Failed() }

func (s *server) ask(ctx context.Context, to netip.AddrPort, q question) (*answer, error) {
	defer s.conn.Ask(to)()
	addr := mainline.NewAddr(net.UDPAddrFromAddrPort(to))
	var result mainline.QueryResult
	if q.item {
		result = s.Get(ctx, addr, q.target, q.newer, mainline.QueryRateLimiting{})
	} else {
		args := krpc.MsgArgs{Target: krpc.ID(q.target), Want: []krpc.Want{krpc.WantNodes, krpc.WantNodes6}}
		result = s.Query(ctx, addr, "find_node", mainline.QueryInput{MsgArgs: args})
	}
	return readAnswer(&result)
}

// readAnswer takes from an answer what lookups need. A field may be missing.
func readAnswer(result *mainline.QueryResult) (*answer, error) {
	if result.Err != nil {
		return nil, result.Err
	}
	r := result.Reply.R
	if result.Reply.E != nil || r == nil {
		return nil, errRefused
	}
	a := &answer{id: id(r.ID), key: r.K, sig: r.Sig, seq: r.Seq, value: r.V}
	if r.Token != nil && len(*r.Token) <= maxToken {
		a.token = *r.Token
	}
	r.ForAllNodes(func(n krpc.NodeInfo) {
		addr, ok := netip.AddrFromSlice(n.Addr.IP)
		if ok && len(a.named) < maxNamed {
			a.named = append(a.named, node{id(n.ID), netip.AddrPortFrom(addr.Unmap(), uint16(n.Addr.Port))})
		}
	})
	return a, nil
}

func (s *server) put(ctx context.Context, to netip.AddrPort, p bep44.Put, token string) error {
	defer s.conn.Ask(to)()
	result := s.Put(ctx, mainline.NewAddr(net.UDPAddrFromAddrPort(to)), p, token, mainline.QueryRateLimiting{})
	if result.Err == nil && (result.Reply.E != nil || result.Reply.R == nil) {
		return errRefused
	}
	return result.Err
}

// nothing is a store for the library, which would keep every item that we put.
type nothing struct{}

func (nothing) Put(*bep44.Item) error                 { return nil }
func (nothing) Get(bep44.Target) (*bep44.Item, error) { return nil, bep44.ErrItemNotFound }
func (nothing) Del(bep44.Target) error                { return nil }
