package node

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"kith/hubapi"
	"kith/session"
)

// A Finding is one thing that the doctor looked at.
type Finding struct {
	Subject string `json:"subject" enum:"visibility,network,udp,nat,router,hubs,relay,lan,dht" doc:"What it is about"`
	Level   string `json:"level" enum:"good,fair,bad" doc:"Fair: it works, but could be better; bad: it stands in the way"`
	Text    string `json:"text" doc:"What was found, a sentence for people"`
	Advice  string `json:"advice,omitempty" doc:"What they can do about it"`
}

// The levels of findings.
const (
	good = "good"
	fair = "fair"
	bad  = "bad"
)

// Doctor looks at all that links need, and says what it found and what can be
// done. It takes some seconds.
func (n *Node) Doctor(ctx context.Context) ([]Finding, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	var findings []Finding
	if !r.isVisible() {
		return []Finding{{"visibility", bad, "You are hidden: this device looks for nobody and answers nobody.", "Become visible with “kith visible on”, or in the page."}}, nil
	}
	findings = append(findings, r.findNetwork())
	if r.calls == nil {
		return findings, nil
	}
	findings = append(findings, r.findNAT(ctx)...)
	findings = append(findings, r.findRouter())
	findings = append(findings, r.findHubs()...)
	findings = append(findings, r.findWays()...)
	return findings, ctx.Err()
}

// findNetwork looks at the machine's own addresses.
func (r *run) findNetwork() Finding {
	var public, private []string
	for _, a := range r.net.Addresses() {
		if isPublic(a.Addr()) {
			public = append(public, a.String())
		} else {
			private = append(private, a.String())
		}
	}
	switch {
	case len(public) > 0:
		return Finding{"network", good, fmt.Sprintf("Others on the internet are told to look for this device at %s.", strings.Join(public, " and ")), ""}
	case len(private) > 0:
		return Finding{"network", fair, fmt.Sprintf("This device only has addresses of its local network: %s.", strings.Join(private, ", ")), "That is usual at home. What your router makes of it stands below."}
	}
	return Finding{"network", bad, "This device is on no network.", "Connect it to a network; everything else then goes by itself."}
}

// carrierGrade is what providers use between their customers' routers and the
// internet (RFC 6598).
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !carrierGrade.Contains(a)
}

// findNAT asks STUN servers what stands between this device and the internet.
func (r *run) findNAT(ctx context.Context) []Finding {
	report, err := r.net.NAT(ctx, nil)
	if err != nil {
		return []Finding{{"nat", fair, "What your router does to connections could not be found out, since no STUN server is known.", "Add a hub (kith hubs add URL): hubs answer this question, too."}}
	}
	var findings []Finding
	for _, family := range []struct {
		name string
		kind session.NATMapping
	}{{"IPv4", report.IPv4}, {"IPv6", report.IPv6}} {
		if f, ok := natFinding(family.name, family.kind); ok {
			findings = append(findings, f)
		}
	}
	if len(findings) == 0 {
		return []Finding{{"udp", bad, "No STUN server answers: this network seems to block UDP.", "Links then go through the relay of a hub, if that is open; ask who runs the network to let UDP out, or use another network."}}
	}
	if report.Hairpin == session.HairpinNo {
		findings = append(findings, Finding{"nat", fair, "Your router does not lead devices behind it to each other by its outer address.", "On the same local network they find each other all the same."})
	}
	return findings
}

// natFinding puts a kind of NAT into words.
func natFinding(family string, kind session.NATMapping) (f Finding, ok bool) {
	switch kind {
	case session.NATNone:
		return Finding{"nat", good, "On " + family + " nothing stands between this device and the internet.", ""}, true
	case session.NATEndpointIndependent:
		return Finding{"nat", good, "On " + family + " your router lets direct connections be made to nearly everybody (it keeps one outer port for all).", ""}, true
	case session.NATSome:
		return Finding{"nat", fair, "On " + family + " there is a router in between; with only one STUN server no more can be said.", "With a second hub its kind could be found out."}, true
	case session.NATAddressDependent:
		return Finding{"nat", fair, "On " + family + " your router uses another outer port for everybody (a “symmetric” NAT): direct connections work only with those who have an easier one.", "Others are reached through a hub's relay. In the router's settings look for “full cone”, “open NAT” or UPnP."}, true
	}
	return f, false
}

// findRouter tells what the router did when it was asked for ports.
func (r *run) findRouter() Finding {
	switch {
	case !r.preferences().MapPorts:
		return Finding{"router", fair, "The router is not asked to open ports: you switched that off.", "Switch it on with “kith config map-ports on”."}
	case r.opt.Loopback:
		return Finding{"router", good, "This Kith is for this machine only, and asks no router.", ""}
	}
	state := r.ports.State()
	if state.Working {
		return Finding{"router", good, state.Reason, ""}
	}
	return Finding{"router", fair, state.Reason, "Switch on UPnP or NAT-PMP in the router's settings, if links are only relayed."}
}

// findHubs tells how the hubs do.
func (r *run) findHubs() []Finding {
	views := r.hubs.views()
	if len(views) == 0 {
		return []Finding{{"hubs", fair, "You use no hub: messages for people who are away wait here, and some routers can't be passed.", "Add one with “kith hubs add URL”. Anybody can run one: “kith hub init”."}}
	}
	var findings []Finding
	relays := false
	for _, h := range views {
		level := map[string]string{string(hubapi.Connected): good, string(hubapi.Connecting): fair, string(hubapi.Stopped): fair}[h.Phase]
		if level == "" {
			level = bad
		}
		advice := ""
		if level == bad {
			advice = "Look whether its address is right, and ask who runs it."
		}
		findings = append(findings, Finding{"hubs", level, h.Reason, advice})
		for _, part := range h.Parts {
			relays = relays || part == hubapi.PartRelay && h.Phase == string(hubapi.Connected)
		}
	}
	if !relays {
		findings = append(findings, Finding{"relay", fair, "No hub that you are connected to offers a relay.", "Without one, two people behind “symmetric” routers can't reach each other."})
	}
	return findings
}

// findWays tells of the ways that need nobody in particular.
func (r *run) findWays() []Finding {
	var findings []Finding
	if r.lan != nil {
		lan := r.lan.State()
		findings = append(findings, Finding{"lan", levelOf(lan.Working), lan.Reason, ""})
	}
	state := r.dht.State()
	return append(findings, Finding{"dht", levelOf(state.Working), state.Reason, ""})
}

func levelOf(working bool) string {
	if working {
		return good
	}
	return fair
}
