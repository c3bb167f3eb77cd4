package node

import (
	"context"
	"net/netip"

	"kith"
	"kith/meet/dht"
	"kith/portmap"
	"kith/store"
)

// setDHTNodes is the setting that spares the DHT's routers at the next start.
const setDHTNodes = "dht nodes"

// openOutside prepares what asks the home router for ports, and the DHT.
func (r *run) openOutside(ctx context.Context) error {
	r.ports = portmap.New(portmap.Options{Log: r.log})
	nodes, err := r.store.Setting(ctx, setDHTNodes)
	if err != nil {
		return err
	}
	r.dht, err = dht.New(dht.Options{
		Account: r.id.peer.Account,
		Enabled: r.usesDHT(),
		Routers: r.opt.DHTRouters,
		Nodes:   nodes,
		Log:     r.log,
		SaveNodes: func(nodes []byte) {
			err := r.store.Update(context.WithoutCancel(r.ctx), func(tx *store.Tx) error { return tx.PutSetting(setDHTNodes, nodes) })
			if err != nil {
				r.log.Debug("the nodes of the DHT are not kept", "error", err)
			}
		},
	})
	return err
}

// startOutside begins to use both, as the preferences say.
func (r *run) startOutside() {
	if !r.opt.Loopback {
		r.ports.SetPorts(r.mappedPorts())
		r.working.Go(func() { r.ports.Run(r.ctx) })
		r.working.Go(r.followPorts)
	}
	r.working.Go(func() { r.whileVisible(func(ctx context.Context) { r.dht.Run(ctx, r.calls) }) })
}

// usesDHT reports whether the DHT may be used: never by nodes for this machine
// alone.
func (r *run) usesDHT() bool {
	return r.preferences().DHT && (!r.opt.Loopback || r.opt.DHTRouters != nil)
}

// mappedPorts are those that the router is asked for.
func (r *run) mappedPorts() []portmap.Port {
	if !r.preferences().MapPorts {
		return nil
	}
	ports := []portmap.Port{{Network: "udp", Port: port(r.net.Addresses())}}
	if r.shelf != nil {
		if addr := r.shelf.Swarm().Address(); addr.IsValid() {
			ports = append(ports, portmap.Port{Network: "tcp", Port: addr.Port()})
		}
	}
	return ports
}

// followPorts tells the network, and then contacts, what the router maps.
func (r *run) followPorts() {
	for {
		select {
		case <-r.ports.Changed():
			var outside []netip.AddrPort
			for _, m := range r.ports.Mappings() {
				if m.Network == "udp" {
					outside = append(outside, m.Outside)
				}
			}
			r.net.SetMappings(outside)
			r.better.now(kith.AccountID{})
			r.refresh.soon()
		case <-r.ctx.Done():
			return
		}
	}
}

// outsideChanged takes in changed preferences.
func (r *run) outsideChanged() {
	if r.calls == nil {
		return
	}
	r.dht.SetEnabled(r.usesDHT())
	if !r.opt.Loopback {
		r.ports.SetPorts(r.mappedPorts())
	}
}

// whileVisible does f whenever this person is visible, until the run ends. The
// context of f ends when they hide.
func (r *run) whileVisible(f func(context.Context)) {
	for r.ctx.Err() == nil {
		visible, changed := r.refresh.visible()
		if !visible {
			select {
			case <-changed:
			case <-r.ctx.Done():
			}
			continue
		}
		ctx, stop := context.WithCancel(r.ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			f(ctx)
		}()
		select {
		case <-changed:
		case <-r.ctx.Done():
		}
		stop()
		<-done
	}
}
