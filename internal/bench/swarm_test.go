//go:build linux

package bench

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"kith"
	"kith/link"
	"kith/seal"
	"kith/session"
	"kith/swarm"
)

// A trade is what the process of a swarm is told by its environment, and what
// it answers in lines of JSON.
type trade struct {
	Role string // seal, seed or fetch
	Path string // of what is dropped, or of where it is to arrive
	Home string
	Link bool // over streams of a link alone

	// What the seeder offers, in answer to a drop.
	Ref   kith.FileRef
	TCP   netip.AddrPort
	Links []netip.AddrPort
}

const tradeEnv = "KITH_BENCH_TRADE"

// TestTradeProcess is the process of a swarm. On each line that it reads it does
// its work: hash, offer, or fetch what the line offers.
func TestTradeProcess(t *testing.T) {
	var mine trade
	if raw := os.Getenv(tradeEnv); raw == "" {
		t.Skip("only as a part of a benchmark")
	} else if err := json.Unmarshal([]byte(raw), &mine); err != nil {
		t.Fatal(err)
	}
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	in.Buffer(nil, 1<<20)
	var do func(trade) (trade, error)
	switch mine.Role {
	case "seal":
		do = func(trade) (trade, error) {
			_, err := swarm.Seal(t.Context(), mine.Path, nil)
			return mine, err
		}
	case "seed":
		do = newSeeder(t, mine)
	case "fetch":
		do = newFetcher(t, mine)
	}
	for in.Scan() {
		var told trade
		if err := json.Unmarshal(in.Bytes(), &told); err != nil {
			t.Fatal(err)
		}
		answer, err := do(told)
		if err != nil {
			t.Fatal(err)
		}
		out.Encode(answer)
	}
}

// A trader is one end: a device with an account of its own. Both ends know who
// the other is.
type trader struct {
	account, device ed25519.PrivateKey
}

func traderOf(role string) trader {
	key := func(n byte) ed25519.PrivateKey {
		seed := make([]byte, ed25519.SeedSize)
		copy(seed, role)
		seed[ed25519.SeedSize-1] = n
		return ed25519.NewKeyFromSeed(seed)
	}
	return trader{key(1), key(2)}
}

func (p trader) peer() kith.Peer {
	return kith.Peer{Account: seal.AccountOf(p.account), Device: seal.DeviceOf(p.device)}
}

// open opens the swarm of a trade; dial may be nil.
func (p trader) open(t *testing.T, mine trade, dial func(context.Context, kith.DeviceID) (link.Stream, error), changed func(kith.Infohash)) *swarm.Swarm {
	tls, err := seal.TLSConfig(p.device, seal.AccountOf(p.account), seal.CertifyDevice(p.account, seal.DeviceOf(p.device)))
	if err != nil {
		t.Fatal(err)
	}
	cfg := swarm.Config{
		Dir: filepath.Join(mine.Home, "swarm"), TLS: tls, Listen: "127.0.0.1:0", Dial: dial, Changed: changed,
		Allowed: func(kith.Peer, kith.Infohash) bool { return true },
	}
	if mine.Link {
		cfg.Listen = ""
	}
	s, err := swarm.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// endpoint opens the end of links; door is that of both.
func (p trader) endpoint(t *testing.T) (*session.Endpoint, session.Door) {
	e, err := session.Listen(session.Config{
		Device: p.device, Account: seal.AccountOf(p.account),
		Cert: seal.CertifyDevice(p.account, seal.DeviceOf(p.device)), Loopback: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(link.Goodbye) })
	return e, session.Door{Key: seal.PairDoor(kith.Secret{1})}
}

// newSeeder seals and shares what is dropped.
func newSeeder(t *testing.T, mine trade) func(trade) (trade, error) {
	s := traderOf("seed").open(t, mine, nil, nil)
	answer := trade{TCP: s.Address()}
	if mine.Link {
		e, door := traderOf("seed").endpoint(t)
		door.Account = traderOf("fetch").peer().Account
		e.SetDoors([]session.Door{door})
		for _, a := range e.Addresses() {
			if a.Addr().IsLoopback() {
				answer.Links = append(answer.Links, a)
			}
		}
		go func() {
			in, err := e.Accept(context.Background())
			for err == nil {
				var stream link.Stream
				if _, stream, err = in.Link.Accept(context.Background()); err == nil {
					go s.ServeStream(stream, in.Link.Peer())
				}
			}
		}()
	}
	return func(trade) (trade, error) {
		sealed, err := swarm.Seal(t.Context(), mine.Path, nil)
		if err != nil {
			return trade{}, err
		}
		answer.Ref = sealed.Ref
		return answer, s.Share(sealed)
	}
}

// newFetcher fetches what is offered until all of it is verified and synced.
func newFetcher(t *testing.T, mine trade) func(trade) (trade, error) {
	var l link.Link
	dial := func(ctx context.Context, _ kith.DeviceID) (link.Stream, error) { return l.Open(ctx, link.Swarm) }
	if !mine.Link {
		dial = nil
	}
	changed := make(chan struct{}, 1)
	s := traderOf("fetch").open(t, mine, dial, func(kith.Infohash) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	return func(offer trade) (trade, error) {
		if mine.Link {
			e, door := traderOf("fetch").endpoint(t)
			door.Account = traderOf("seed").peer().Account
			var err error
			if l, err = e.Dial(t.Context(), door, offer.Links, "direct"); err != nil {
				return trade{}, err
			}
		}
		if err := s.Fetch(offer.Ref, mine.Path, swarm.Selection{}); err != nil {
			return trade{}, err
		}
		var at []netip.AddrPort
		if offer.TCP.IsValid() {
			at = append(at, offer.TCP)
		}
		if err := s.Connect(offer.Ref.Infohash, traderOf("seed").peer().Device, at...); err != nil {
			return trade{}, err
		}
		for {
			switch st, err := s.Status(offer.Ref.Infohash); {
			case err != nil:
				return trade{}, err
			case st.State == swarm.Seeding:
				return offer, nil
			case st.State == swarm.Failed || st.State == swarm.Full:
				return trade{}, fmt.Errorf("fetching: %s", st.Reason)
			}
			<-changed
		}
	}
}
