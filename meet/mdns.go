package meet

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// What is said on a local network, by multicast DNS (RFC 6762) and DNS-SD
// (RFC 6763). A device with the tag T on port P publishes, and nothing else:
//
//	_kith._udp.local.     PTR   T._kith._udp.local.
//	T._kith._udp.local.   SRV   0 0 P T.local.
//	T._kith._udp.local.   TXT   ""
//	T.local.              A, AAAA of the interface it speaks on
//
// Everybody on the network can send such messages, so what is kept of them is
// bounded here and in a neighbourhood. The DNS-SD libraries that there are keep
// everything: 3,000 made-up instances cost one of them 6 s of CPU, this 0.3.
//
// T is 16 bytes in hex. Names are not probed for before use: nobody else draws
// the same 128 bits, and whoever takes them on purpose gains nothing.

const (
	mdnsService = "_kith._udp.local."
	mdnsDomain  = "local."

	// Lifetimes in seconds, as RFC 6762 section 10 advises.
	mdnsTTL     = 75 * 60
	mdnsHostTTL = 120

	flushCache  = 1 << 15 // in the class of a record: it replaces older ones
	maxRecords  = 256     // looked at of one message
	maxSeen     = 32      // instances taken from one message
	maxAnnounce = 8       // addresses told of one interface
)

// An mdnsMessage is what is of interest in a message.
type mdnsMessage struct {
	asks  []string   // names that somebody asks for, in lower case
	knows []string   // instances that whoever asks knows already
	seen  []sighting // instances told of
}

// A sighting is an instance in an answer. Without a port, its address was not
// told with it.
type sighting struct {
	tag   string
	port  uint16
	addrs []netip.Addr
	gone  bool
}

// mdnsQuery asks for all instances.
func mdnsQuery() ([]byte, error) {
	m := dnsmessage.Message{Questions: []dnsmessage.Question{
		{Name: dnsmessage.MustNewName(mdnsService), Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET},
	}}
	return m.Pack()
}

// mdnsAnswer tells of an instance; with gone that it ends.
func mdnsAnswer(tag string, port uint16, addrs []netip.Addr, gone bool) ([]byte, error) {
	service := dnsmessage.MustNewName(mdnsService)
	instance, err := dnsmessage.NewName(tag + "." + mdnsService)
	if err != nil {
		return nil, err
	}
	host, err := dnsmessage.NewName(tag + "." + mdnsDomain)
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true, Authoritative: true}}
	add := func(name dnsmessage.Name, class dnsmessage.Class, ttl uint32, body dnsmessage.ResourceBody) {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: name, Class: class, TTL: ttl}, Body: body,
		})
	}
	if gone {
		add(service, dnsmessage.ClassINET, 0, &dnsmessage.PTRResource{PTR: instance})
		return m.Pack()
	}
	own := dnsmessage.ClassINET | dnsmessage.Class(flushCache)
	add(service, dnsmessage.ClassINET, mdnsTTL, &dnsmessage.PTRResource{PTR: instance})
	add(instance, own, mdnsHostTTL, &dnsmessage.SRVResource{Target: host, Port: port})
	add(instance, own, mdnsTTL, &dnsmessage.TXTResource{TXT: []string{""}})
	for _, addr := range addrs[:min(len(addrs), maxAnnounce)] {
		if addr.Is4() {
			add(host, own, mdnsHostTTL, &dnsmessage.AResource{A: addr.As4()})
		} else {
			add(host, own, mdnsHostTTL, &dnsmessage.AAAAResource{AAAA: addr.As16()})
		}
	}
	return m.Pack()
}

var errTooManyRecords = errors.New("too many records")

// parseMDNS takes out of a message what concerns Kith. An error means that it is
// no DNS message, or an unreasonable one.
func parseMDNS(b []byte) (mdnsMessage, error) {
	var m mdnsMessage
	var p dnsmessage.Parser
	header, err := p.Start(b)
	if err != nil {
		return m, err
	}
	for range maxRecords {
		q, err := p.Question()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return m, m.records(&p, header.Response)
		}
		if err != nil {
			return m, err
		}
		if !header.Response {
			m.asks = append(m.asks, strings.ToLower(q.Name.String()))
		}
	}
	return m, errTooManyRecords
}

// records reads what follows the questions. In a query these are the answers
// that the asking side knows.
func (m *mdnsMessage) records(p *dnsmessage.Parser, response bool) error {
	answers, err := p.AllAnswers()
	if err != nil || !response {
		for _, r := range answers {
			if ptr, ok := r.Body.(*dnsmessage.PTRResource); ok && r.Header.TTL >= mdnsTTL/2 {
				m.knows = append(m.knows, strings.ToLower(ptr.PTR.String()))
			}
		}
		return err
	}
	if err := p.SkipAllAuthorities(); err != nil {
		return err
	}
	more, err := p.AllAdditionals()
	if err != nil {
		return err
	}
	answers = append(answers, more...)
	if len(answers) > maxRecords {
		return errTooManyRecords
	}
	for _, r := range answers {
		m.takeInstance(&r)
	}
	for _, r := range answers {
		m.takeAddress(&r)
	}
	return nil
}

// takeInstance reads a PTR or SRV record of the service.
func (m *mdnsMessage) takeInstance(r *dnsmessage.Resource) {
	switch body := r.Body.(type) {
	case *dnsmessage.PTRResource:
		if strings.EqualFold(r.Header.Name.String(), mdnsService) {
			if s := m.sighting(body.PTR.String()); s != nil {
				s.gone = r.Header.TTL == 0
			}
		}
	case *dnsmessage.SRVResource:
		if s := m.sighting(r.Header.Name.String()); s != nil && r.Header.TTL > 0 {
			s.port = body.Port
		}
	}
}

// takeAddress reads an address record of an instance's host.
func (m *mdnsMessage) takeAddress(r *dnsmessage.Resource) {
	var addr netip.Addr
	switch body := r.Body.(type) {
	case *dnsmessage.AResource:
		addr = netip.AddrFrom4(body.A)
	case *dnsmessage.AAAAResource:
		addr = netip.AddrFrom16(body.AAAA).Unmap()
	default:
		return
	}
	for i := range m.seen {
		s := &m.seen[i]
		if len(s.addrs) < maxAnnounce && strings.EqualFold(r.Header.Name.String(), s.tag+"."+mdnsDomain) {
			s.addrs = append(s.addrs, addr)
		}
	}
}

// sighting gives the entry for an instance name; nil if it is not one of ours
// or there are too many.
func (m *mdnsMessage) sighting(name string) *sighting {
	tag, ok := strings.CutSuffix(strings.ToLower(name), "."+mdnsService)
	if !ok || !isTag(tag) {
		return nil
	}
	for i := range m.seen {
		if m.seen[i].tag == tag {
			return &m.seen[i]
		}
	}
	if len(m.seen) == maxSeen {
		return nil
	}
	m.seen = append(m.seen, sighting{tag: tag})
	return &m.seen[len(m.seen)-1]
}

// isTag reports whether s is 16 bytes in hex.
func isTag(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 16
}
