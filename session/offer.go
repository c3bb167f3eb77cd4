package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"

	"kith"
	"kith/seal"
	"kith/wire"
)

const (
	offerLife     = 10 * time.Minute
	gatherTimeout = 2 * time.Second // for STUN and TURN servers that don't answer
	// The side with the answer in hand checks all pairs this often, for this
	// many times: 20 seconds. The tick bounds how long a nomination waits.
	offererTick   = 50 * time.Millisecond
	offererChecks = 400
	// The other side waits for it, and checks only to keep the ways through
	// its NAT open, for as long as the offer lives.
	answererTick   = 500 * time.Millisecond
	answererChecks = uint16(offerLife / answererTick)
	maxRemote      = 16 // candidates of the other side that are tried
)

// An ICEServer is a STUN or TURN server, as stun:host:port or
// turn:host:port?transport=udp (RFC 7064, RFC 7065).
type ICEServer struct {
	URL      string
	Username string // for TURN
	Password string
}

// ICEConfig says which servers offers may use; with none, they hold the
// addresses of the machine only.
type ICEConfig struct {
	Servers []ICEServer
	// RelayOnly keeps the machine's addresses out of offers: all goes through
	// the TURN servers, and the other side learns theirs only.
	RelayOnly bool
}

// urls parses the servers. An error is of kind kith.Invalid.
func (c ICEConfig) urls() ([]*stun.URI, error) {
	var urls []*stun.URI
	relays := false
	for _, s := range c.Servers {
		u, err := stun.ParseURI(s.URL)
		if err != nil {
			return nil, kith.Errorf(kith.Invalid, "%q is not a STUN or TURN server, such as stun:stun.example.org:3478 or turn:turn.example.org?transport=udp: %w", s.URL, err)
		}
		isTURN := u.Scheme == stun.SchemeTypeTURN || u.Scheme == stun.SchemeTypeTURNS
		if isTURN && (s.Username == "" || s.Password == "") {
			return nil, kith.Errorf(kith.Invalid, "the TURN server %q needs a user name and a password", s.URL)
		}
		u.Username, u.Password = s.Username, s.Password
		relays = relays || isTURN
		urls = append(urls, u)
	}
	if c.RelayOnly && !relays {
		return nil, kith.Errorf(kith.Invalid, "to link through relays only, a TURN server is needed")
	}
	return urls, nil
}

// SetICE replaces the servers for the offers that are made from now on. An
// error is of kind kith.Invalid, and then nothing changes.
func (e *Endpoint) SetICE(cfg ICEConfig) error {
	if _, err := cfg.urls(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ice = ICEConfig{slices.Clone(cfg.Servers), cfg.RelayOnly}
	return nil
}

// An Offering is one side of an attempt to link by a pasted offer. It lives
// until it is connected or closed, or for 10 minutes.
type Offering struct {
	endpoint *Endpoint
	agent    *ice.Agent
	local    wire.Offer
	remote   *wire.Offer // for an answer: the offer
	ctx      context.Context
	expire   context.CancelCauseFunc
	timer    *time.Timer // of expire, until there is a link

	mu      sync.Mutex // guards started and linked
	started bool       // Connect was called
	linked  bool       // and a link owns the agent now
	closing sync.Once
}

// Offer gathers what an offer holds: the machine's addresses, and those that
// STUN and TURN servers give. It takes up to 2 seconds if there are servers.
func (e *Endpoint) Offer(ctx context.Context) (*Offering, error) {
	local := wire.Offer{Device: seal.DeviceOf(e.cfg.Device), Created: time.Now()}
	rand.Read(local.ID[:])
	return e.gather(ctx, local, nil)
}

// Answer gathers the same for the answer to somebody's offer. An error is of
// kind kith.Invalid if it is no offer.
func (e *Endpoint) Answer(ctx context.Context, remote wire.Offer) (*Offering, error) {
	if remote.Answer {
		return nil, kith.Errorf(kith.Invalid, "this is an answer, and an answer can't be answered: it belongs to whoever made the offer")
	}
	local := wire.Offer{Answer: true, ID: remote.ID, Device: seal.DeviceOf(e.cfg.Device), Created: time.Now()}
	return e.gather(ctx, local, &remote)
}

func (e *Endpoint) gather(ctx context.Context, local wire.Offer, remote *wire.Offer) (*Offering, error) {
	agent, err := e.newAgent(local.Answer)
	if err != nil {
		return nil, kith.Errorf(kith.Internal, "prepare a connection offer: %w", err)
	}
	o := &Offering{endpoint: e, agent: agent, local: local, remote: remote}
	o.ctx, o.expire = context.WithCancelCause(context.Background())
	expired := kith.Errorf(kith.Unreachable, "the offer is older than %.0f minutes: make a new one", offerLife.Minutes())
	o.timer = time.AfterFunc(offerLife, func() { o.expire(expired) })
	context.AfterFunc(o.ctx, o.free)
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.offerings[o] = struct{}{}
	}
	e.mu.Unlock()
	if closed {
		o.Close()
		return nil, errClosed()
	}
	if err := o.gather(ctx); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// newAgent makes the ICE agent. It takes the deprecated constructor because
// the other one leaves the loggers of TURN at pion's default, which writes to
// standard output.
func (e *Endpoint) newAgent(answer bool) (*ice.Agent, error) {
	e.mu.Lock()
	servers := e.ice
	e.mu.Unlock()
	urls, err := servers.urls()
	if err != nil {
		return nil, err
	}
	var none time.Duration
	timeout, tick, checks := gatherTimeout, offererTick, uint16(offererChecks)
	if answer {
		tick, checks = answererTick, answererChecks
	}
	//lint:ignore SA1019 see above
	config := &ice.AgentConfig{
		Urls:               urls,
		NetworkTypes:       []ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6},
		LoggerFactory:      pionLog{e.log},
		MulticastDNSMode:   ice.MulticastDNSModeDisabled,
		IncludeLoopback:    e.cfg.Loopback,
		IPFilter:           e.candidateFilter,
		RemoteIPFilter:     e.candidateFilter,
		CheckInterval:      &tick,
		MaxBindingRequests: &checks,
		STUNGatherTimeout:  &timeout,
		// The best pair so far is taken at once.
		HostAcceptanceMinWait:  &none,
		SrflxAcceptanceMinWait: &none,
		PrflxAcceptanceMinWait: &none,
		RelayAcceptanceMinWait: &none,
		// Once there is a path QUIC keeps it open, and knows when it is dead.
		KeepaliveInterval:   &none,
		DisconnectedTimeout: &none,
		FailedTimeout:       &none,
	}
	switch {
	case servers.RelayOnly:
		config.CandidateTypes = []ice.CandidateType{ice.CandidateTypeRelay}
	case len(urls) == 0:
		config.CandidateTypes = []ice.CandidateType{ice.CandidateTypeHost}
	}
	//lint:ignore SA1019 see above
	return ice.NewAgent(config)
}

func (e *Endpoint) candidateFilter(ip net.IP) bool {
	addr, ok := netip.AddrFromSlice(ip)
	addr = addr.Unmap()
	return ok && !addr.IsMulticast() && !addr.IsUnspecified() &&
		!(addr.Is6() && addr.IsLinkLocalUnicast()) && (e.cfg.Loopback || !addr.IsLoopback())
}

// gather fills in the local half.
func (o *Offering) gather(ctx context.Context) error {
	complete := make(chan struct{})
	err := o.agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(complete)
		}
	})
	if err == nil {
		err = o.agent.GatherCandidates()
	}
	if err != nil {
		return kith.Errorf(kith.Internal, "gather addresses for an offer: %w", err)
	}
	timer := time.NewTimer(gatherTimeout + gatherTimeout/4)
	defer timer.Stop()
	select {
	case <-complete:
	case <-timer.C: // what came until now will do
	case <-o.ctx.Done():
		return errClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
	candidates, err := o.agent.GetLocalCandidates()
	if err == nil {
		o.local.Ufrag, o.local.Pwd, err = o.agent.GetLocalUserCredentials()
	}
	if err != nil {
		return kith.Errorf(kith.Internal, "gather addresses for an offer: %w", err)
	}
	for _, c := range candidates {
		packed, err := wire.ParseCandidate(c.Marshal())
		if err != nil {
			o.endpoint.log.Debug("candidate left out of an offer", "err", err)
			continue
		}
		o.local.Candidates = append(o.local.Candidates, packed)
	}
	if len(o.local.Candidates) == 0 {
		return kith.Errorf(kith.Unreachable, "this machine has no network address that could be offered")
	}
	slices.SortFunc(o.local.Candidates, func(a, b wire.Candidate) int { return cmp.Compare(b.Priority, a.Priority) })
	o.local.Candidates = o.local.Candidates[:min(len(o.local.Candidates), wire.MaxCandidates)]
	return nil
}

// Local is this side's half, to be sealed and pasted.
func (o *Offering) Local() wire.Offer { return o.local }

// Close gives the attempt up. A link that was made of it is not touched.
func (o *Offering) Close() {
	o.mu.Lock()
	linked := o.linked
	o.mu.Unlock()
	if !linked {
		o.end()
	}
}

// end ends the attempt, or what came of it.
func (o *Offering) end() {
	o.expire(kith.Errorf(kith.Conflict, "the offer was given up"))
	o.free()
}

// free gives back what the attempt holds.
func (o *Offering) free() {
	o.closing.Do(func() {
		o.timer.Stop()
		o.endpoint.forget(o)
		if err := o.agent.Close(); err != nil {
			o.endpoint.log.Debug("close the ICE agent", "err", err)
		}
	})
}

func (e *Endpoint) forget(o *Offering) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.offerings, o)
}
