package portmap

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"kith"
)

// Messages of the Port Control Protocol, RFC 6887. All numbers are big-endian.
//
//	request   version 2 │ opcode        │ reserved 2 │ lifetime 4 │ client address 16
//	response  version 2 │ opcode | 0x80 │ reserved 1 │ result 1 │ lifetime 4 │ epoch 4 │ reserved 12
//	MAP       nonce 12 │ protocol 1 │ reserved 3 │ inside port 2 │ outside port 2 │ outside address 16
//
// A MAP message is a header and what stands in the last line; options may
// follow, of which none is asked for and all are ignored. IPv4 addresses are
// written as IPv6 ones, ::ffff:a.b.c.d.
const (
	pcpVersion   = 2
	pcpPort      = 5351
	pcpHeader    = 24
	pcpMap       = pcpHeader + 36
	pcpMaxSize   = 1100 // section 7
	pcpAnnounce  = 0    // opcodes
	pcpOpMap     = 1
	pcpResponse  = 0x80 // set in the opcode of a response
	protocolTCP  = 6    // numbers of IANA
	protocolUDP  = 17
	pcpNoNetwork = 7 // a result: the router is not connected
)

// pcpResults are the results of section 7.4, by their numbers.
var pcpResults = [...]string{
	"success", "unsupported version", "not authorized", "malformed request", "unsupported opcode",
	"unsupported option", "malformed option", "network failure", "no resources", "unsupported protocol",
	"exceeded quota", "cannot provide external address", "address mismatch", "excessive remote peers",
}

// A pcpNonce ties responses, and later requests, to the first request for a
// mapping.
type pcpNonce [12]byte

// A pcpMapping is what a MAP message is about. In a request the outside is a
// wish.
type pcpMapping struct {
	nonce    pcpNonce
	protocol byte
	inside   uint16
	outside  netip.AddrPort
}

// A pcpReply is a response that parsed.
type pcpReply struct {
	opcode   byte
	result   byte
	lifetime uint32 // seconds; of a result that is not success, how long it will stay so
	epoch    uint32 // seconds for which the router has kept its mappings
	mapping  pcpMapping
}

// appendPCPHeader appends the header of a request.
func appendPCPHeader(b []byte, opcode byte, lifetime uint32, client netip.Addr) []byte {
	b = append(b, pcpVersion, opcode, 0, 0)
	b = binary.BigEndian.AppendUint32(b, lifetime)
	addr := client.As16()
	return append(b, addr[:]...)
}

// appendPCPMap appends a request for a mapping. A lifetime of 0 removes it.
func appendPCPMap(b []byte, m pcpMapping, lifetime uint32, client netip.Addr) []byte {
	b = appendPCPHeader(b, pcpOpMap, lifetime, client)
	b = append(b, m.nonce[:]...)
	b = append(b, m.protocol, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, m.inside)
	b = binary.BigEndian.AppendUint16(b, m.outside.Port())
	addr := m.outside.Addr().As16()
	return append(b, addr[:]...)
}

// parsePCP parses a response. The mapping is set in a successful one to MAP
// only.
func parsePCP(b []byte) (pcpReply, error) {
	if len(b) < pcpHeader || len(b) > pcpMaxSize || len(b)%4 != 0 {
		return pcpReply{}, kith.Errorf(kith.BadPeer, "reading a router's PCP response: %d bytes", len(b))
	}
	if b[0] != pcpVersion || b[1]&pcpResponse == 0 {
		return pcpReply{}, kith.Errorf(kith.BadPeer, "reading a router's PCP response: version %d, opcode %#x", b[0], b[1])
	}
	r := pcpReply{
		opcode:   b[1] &^ pcpResponse,
		result:   b[3],
		lifetime: binary.BigEndian.Uint32(b[4:]),
		epoch:    binary.BigEndian.Uint32(b[8:]),
	}
	if r.opcode != pcpOpMap || r.result != 0 {
		return r, nil
	}
	if len(b) < pcpMap {
		return pcpReply{}, kith.Errorf(kith.BadPeer, "reading a router's PCP response: a mapping of %d bytes", len(b))
	}
	b = b[pcpHeader:]
	copy(r.mapping.nonce[:], b)
	r.mapping.protocol = b[12]
	r.mapping.inside = binary.BigEndian.Uint16(b[16:])
	r.mapping.outside = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[20:36])).Unmap(), binary.BigEndian.Uint16(b[18:]))
	return r, nil
}

// err says what a result means, if it is not success.
func (r pcpReply) err() error {
	if r.result == 0 {
		return nil
	}
	if r.result == pcpNoNetwork {
		return errUnconnected
	}
	text := fmt.Sprintf("result %d", r.result)
	if int(r.result) < len(pcpResults) {
		text = pcpResults[r.result]
	}
	return kith.Errorf(kith.Unreachable, "asking the router by PCP: %s", text)
}
