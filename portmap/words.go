package portmap

import (
	"errors"
	"fmt"
	"strings"
)

// What a person is told.
const (
	reasonAsking  = "Asking your router to map ports…"
	reasonOff     = "Mapping of ports is off."
	reasonNoPorts = "There is no port to map."
	reasonNone    = "Your router does not map ports; most connections work all the same."
	// Routers that know that they are behind another one say this, too.
	reasonOffline = "Your router answers, but says that it has no address of the internet: it is not connected, or itself behind another one (a second router of yours, or carrier-grade NAT). Most connections work all the same."
	reasonNoRoute = "This device has no router of a home, so there is none to map ports."
)

// protocolNames are as on the pages of a router.
var protocolNames = map[string]string{"upnp": "UPnP", "nat-pmp": "NAT-PMP", "pcp": "PCP"}

// describe says what these mappings are good for.
func describe(mappings []Mapping) State {
	if len(mappings) == 0 {
		return State{Reason: reasonNone}
	}
	outside := mappings[0].Outside.Addr()
	if !internet(outside) {
		return State{Reason: fmt.Sprintf("Your router itself is behind another one (a second router of yours, or carrier-grade NAT): "+
			"its outside address, %s, is not one of the internet, so nobody gets in by mapped ports. Most connections work all the same.", outside)}
	}
	var each []string
	for _, m := range mappings {
		network := strings.ToUpper(m.Network) + " "
		if len(mappings) == 1 {
			network = ""
		}
		each = append(each, fmt.Sprintf("%sport %d to %s", network, m.Inside, m.Outside))
	}
	if more := len(each) - 3; more > 0 {
		each = append(each[:3], fmt.Sprintf("%d more", more))
	}
	last := len(each) - 1
	list := each[last]
	if last > 0 {
		list = strings.Join(each[:last], ", ") + " and " + list
	}
	return State{true, fmt.Sprintf("Your router maps %s (%s).", list, protocolNames[mappings[0].By])}
}

// excuse says why there is nothing to map with.
func excuse(err error) string {
	switch {
	case errors.Is(err, errNoGateway), errors.Is(err, errPublic):
		return reasonNoRoute
	case errors.Is(err, errUnconnected):
		return reasonOffline
	default:
		return reasonNone
	}
}

// maxLogged is how much of what a router causes goes into a log.
const maxLogged = 200

// short is an error as a log may hold it.
func short(err error) string {
	text := err.Error()
	if len(text) > maxLogged {
		text = text[:maxLogged] + "…"
	}
	return text
}
