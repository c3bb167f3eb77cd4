package portmap

import (
	"context"
	"net/netip"
	"strings"
	"time"

	natpmplib "github.com/jackpal/go-nat-pmp"

	"kith"
)

// natPMP speaks NAT-PMP, RFC 6886, with one router.
type natPMP struct {
	client  *natpmplib.Client
	outside netip.Addr // as of the last look
}

// natPMPPatience bounds one call of the client, which knows no context.
const natPMPPatience = 2 * time.Second

func newNATPMP(r route) *natPMP {
	return &natPMP{client: natpmplib.NewClientWithLocalAndTimeout(r.gateway.AsSlice(), r.local.AsSlice(), natPMPPatience)}
}

func (*natPMP) name() string { return "nat-pmp" }

func (c *natPMP) look(ctx context.Context) (view, error) {
	r, err := patiently(ctx, c.client.GetExternalAddress)
	if err != nil {
		return view{}, err
	}
	c.outside = netip.AddrFrom4(r.ExternalIPAddress)
	if !sound(c.outside) {
		return view{}, errUnconnected
	}
	return view{outside: c.outside, age: r.SecondsSinceStartOfEpoc, aged: true}, nil
}

func (c *natPMP) add(ctx context.Context, p Port, outside uint16, lifetime time.Duration) (grant, error) {
	r, err := c.mapPort(ctx, p, outside, lifetime)
	if err != nil {
		return grant{}, err
	}
	return grant{
		netip.AddrPortFrom(c.outside, r.MappedExternalPort),
		time.Duration(r.PortMappingLifetimeInSeconds) * time.Second,
	}, nil
}

func (c *natPMP) remove(ctx context.Context, p Port, _ uint16) error {
	_, err := c.mapPort(ctx, p, 0, 0)
	return err
}

func (c *natPMP) mapPort(ctx context.Context, p Port, outside uint16, lifetime time.Duration) (*natpmplib.AddPortMappingResult, error) {
	r, err := patiently(ctx, func() (*natpmplib.AddPortMappingResult, error) {
		return c.client.AddPortMapping(p.Network, int(p.Port), int(outside), int(lifetime/time.Second))
	})
	if err == nil && r.InternalPort != p.Port {
		return nil, kith.Errorf(kith.BadPeer, "asking the router by NAT-PMP: it answered for port %d instead of %d", r.InternalPort, p.Port)
	}
	return r, err
}

// patiently makes a call that ends by itself, but not with the context.
func patiently[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := call()
		done <- result{value, err}
	}()
	var none T
	select {
	case <-ctx.Done():
		return none, kith.Errorf(kith.Unreachable, "asking the router by NAT-PMP: %w", ctx.Err())
	case r := <-done:
		switch {
		case r.err == nil:
			return r.value, nil
		// The client has no error of its own for this.
		case strings.HasPrefix(r.err.Error(), "Non-zero result code 3"):
			return none, errUnconnected
		default:
			return none, kith.Errorf(kith.Unreachable, "asking the router by NAT-PMP: %w", r.err)
		}
	}
}
