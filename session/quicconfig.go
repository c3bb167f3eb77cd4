package session

import (
	"time"

	"github.com/quic-go/quic-go"
)

const (
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 45 * time.Second // of silence, after which a link is lost
	// keepAlive is short enough for the usual NAT, which forgets UDP after 30
	// seconds, and costs about 10 bytes a second in both directions together.
	keepAlive     = 15 * time.Second
	maxStreams    = 64 // a peer may have open at the same time
	initialWindow = 512 << 10
	streamWindow  = 4 << 20 // bytes a peer may send ahead, in one stream
	linkWindow    = 8 << 20 // and in all of a link
)

// quicConfig is the same for both ends and all links. There is no 0-RTT, whose
// data could be replayed.
func quicConfig() *quic.Config {
	return &quic.Config{
		Versions:                       []quic.Version{quic.Version1},
		HandshakeIdleTimeout:           handshakeTimeout,
		MaxIdleTimeout:                 idleTimeout,
		KeepAlivePeriod:                keepAlive,
		InitialStreamReceiveWindow:     initialWindow,
		MaxStreamReceiveWindow:         streamWindow,
		InitialConnectionReceiveWindow: initialWindow,
		MaxConnectionReceiveWindow:     linkWindow,
		MaxIncomingStreams:             maxStreams,
		MaxIncomingUniStreams:          -1,
		// The least that QUIC allows, for paths through tunnels with the
		// least MTU that IPv6 allows. Path MTU discovery raises it.
		InitialPacketSize: 1200,
		EnableDatagrams:   true, // they carry probes only; see quicLink.probe
	}
}
