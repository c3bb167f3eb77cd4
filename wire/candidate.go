package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strconv"
	"strings"

	"kith"
)

// A CandidateType says where an ICE candidate comes from (RFC 8445 section 5).
type CandidateType uint8

// The types of candidates.
const (
	CandidateHost  CandidateType = 0
	CandidateSrflx CandidateType = 1 // server-reflexive: as a STUN server sees it
	CandidatePrflx CandidateType = 2 // peer-reflexive
	CandidateRelay CandidateType = 3 // an address at a TURN server
)

var candidateTypes = [...]string{"host", "srflx", "prflx", "relay"}

// A CandidateTransport is UDP or one of the three kinds of TCP of RFC 6544.
type CandidateTransport uint8

// The transports.
const (
	CandidateUDP        CandidateTransport = 0
	CandidateTCPActive  CandidateTransport = 1
	CandidateTCPPassive CandidateTransport = 2
	CandidateTCPSO      CandidateTransport = 3 // simultaneous open
)

var tcpTypes = [...]string{"", "active", "passive", "so"}

// A Candidate is one ICE candidate of component 1 with a numeric address. Names
// of mDNS, which only a browser on the same LAN can resolve, have no form here.
type Candidate struct {
	Type      CandidateType
	Transport CandidateTransport
	Priority  uint32
	Addr      netip.AddrPort
	Related   netip.AddrPort // the base of a reflexive or relayed one; may be unset
}

// The first byte of a candidate's encoding. A reader skips candidates with
// bits that it does not know.
const (
	candidateTypeMask       = 0x03
	candidateTransportShift = 2
	candidateAddr6          = 0x10
	candidateRelated        = 0x20
	candidateRelated6       = 0x40
	candidateUnknown        = 0x80
)

// pack gives flags, priority, address and port, and the related address and
// port if there is one: 11 bytes for a host candidate on IPv4.
func (c Candidate) pack() ([]byte, error) {
	if c.Type > CandidateRelay || c.Transport > CandidateTCPSO || !dialable(c.Addr) {
		return nil, fmt.Errorf("%v is not a candidate that could be offered", c)
	}
	flags := byte(c.Type) | byte(c.Transport)<<candidateTransportShift
	if c.Addr.Addr().Unmap().Is6() {
		flags |= candidateAddr6
	}
	if c.Related.IsValid() {
		flags |= candidateRelated
		if c.Related.Addr().Unmap().Is6() {
			flags |= candidateRelated6
		}
	}
	b := binary.BigEndian.AppendUint32([]byte{flags}, c.Priority)
	b = append(b, addrBytes(c.Addr)...)
	if c.Related.IsValid() {
		b = append(b, addrBytes(c.Related)...)
	}
	return b, nil
}

func parseCandidateBytes(b []byte) (c Candidate, ok bool) {
	const head = 5
	if len(b) < head || b[0]&candidateUnknown != 0 {
		return c, false
	}
	flags := b[0]
	c.Type = CandidateType(flags & candidateTypeMask)
	c.Transport = CandidateTransport(flags >> candidateTransportShift & 3)
	c.Priority = binary.BigEndian.Uint32(b[1:])
	rest := b[head:]
	size := addrSize(flags&candidateAddr6 != 0)
	if len(rest) < size {
		return c, false
	}
	if c.Addr, ok = parseAddr(rest[:size]); !ok {
		return c, false
	}
	rest = rest[size:]
	if flags&candidateRelated != 0 {
		if len(rest) != addrSize(flags&candidateRelated6 != 0) {
			return c, false
		}
		// Only for display, so one that could not be dialled is no harm.
		split := len(rest) - 2
		addr, _ := netip.AddrFromSlice(rest[:split])
		c.Related = netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(rest[split:]))
		rest = nil
	}
	return c, len(rest) == 0
}

func addrSize(is6 bool) int {
	if is6 {
		return 18
	}
	return 6
}

// ParseCandidate reads the text form of RFC 8839 section 5.1, with or without
// "candidate:" before it. Extensions other than tcptype are dropped. It refuses
// names instead of addresses and components other than 1, with an error of kind
// kith.Invalid.
func ParseCandidate(text string) (Candidate, error) {
	c, err := parseCandidate(text)
	if err != nil {
		return Candidate{}, kith.Errorf(kith.Invalid, "read the ICE candidate %.200q: %w", text, err)
	}
	return c, nil
}

// The words of a candidate: foundation, component, transport, priority,
// address, port, "typ", type, then pairs of a name and a value.
func parseCandidate(text string) (c Candidate, err error) {
	words := strings.Fields(strings.TrimPrefix(text, "candidate:"))
	if len(words) < 8 || len(words)%2 != 0 || words[1] != "1" || words[6] != "typ" {
		return c, errors.New("it does not have the form of one for component 1")
	}
	priority, err := strconv.ParseUint(words[3], 10, 32)
	if err != nil {
		return c, err
	}
	c.Priority = uint32(priority)
	if c.Addr, err = parseAddrWords(words[4], words[5]); err != nil {
		return c, err
	}
	if c.Type, err = indexOf[CandidateType](candidateTypes[:], words[7]); err != nil {
		return c, err
	}
	more := make(map[string]string)
	for pair := words[8:]; len(pair) > 0; pair = pair[2:] {
		more[pair[0]] = pair[1]
	}
	switch strings.ToLower(words[2]) {
	case "udp":
	case "tcp":
		if c.Transport, err = indexOf[CandidateTransport](tcpTypes[:], more["tcptype"]); err != nil {
			return c, err
		}
	default:
		return c, fmt.Errorf("the transport %q is not known", words[2])
	}
	if more["raddr"] != "" {
		if c.Related, err = parseAddrWords(more["raddr"], more["rport"]); err != nil {
			return c, err
		}
	}
	_, err = c.pack()
	return c, err
}

func parseAddrWords(addr, port string) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(a.Unmap().WithZone(""), uint16(p)), nil
}

func indexOf[T ~uint8](names []string, name string) (T, error) {
	for i, n := range names {
		if n == name && n != "" {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not known", name)
}

// String gives the text form of RFC 8839 section 5.1, without "candidate:".
// The foundation, which has to be the same for candidates of one type, base
// and transport, is the CRC-32 of type, address and network.
func (c Candidate) String() string {
	if int(c.Type) >= len(candidateTypes) || int(c.Transport) >= len(tcpTypes) {
		return "invalid candidate"
	}
	transport, tcpType := "udp", ""
	if c.Transport != CandidateUDP {
		transport, tcpType = "tcp", " tcptype "+tcpTypes[c.Transport]
	}
	network := transport + "4"
	if c.Addr.Addr().Is6() {
		network = transport + "6"
	}
	addr := c.Addr.Addr().String()
	foundation := crc32.ChecksumIEEE([]byte(candidateTypes[c.Type] + addr + network))
	related := ""
	if c.Related.IsValid() {
		related = fmt.Sprintf(" raddr %s rport %d", c.Related.Addr(), c.Related.Port())
	}
	return fmt.Sprintf("%d 1 %s %d %s %d typ %s%s%s", foundation, transport, c.Priority, addr, c.Addr.Port(), candidateTypes[c.Type], related, tcpType)
}
