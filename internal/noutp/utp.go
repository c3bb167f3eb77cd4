// Package utp stands in for github.com/anacrolix/go-utp, whose present version
// can't be had. It offers what package torrent compiles against and makes no
// socket: Kith's swarms go over TCP and over links, and uTP is switched off.
package utp

import (
	"context"
	"errors"
	"log/slog"
	"net"
)

// Default is the name of the implementation.
const Default = "no uTP"

// ErrNone is what every attempt to make a socket gives.
var ErrNone = errors.New("this program has no uTP")

// A FirewallCallback decides whether to refuse a connection from an address.
type FirewallCallback func(net.Addr) bool

// A Socket would speak uTP (BEP 29).
type Socket interface {
	net.PacketConn
	Accept() (net.Conn, error)
	Addr() net.Addr
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	SetFirewallCallback(FirewallCallback)
}

// An Option of a socket.
type Option func()

// WithLogger would set a logger.
func WithLogger(*slog.Logger) Option { return func() {} }

// NewSocket gives ErrNone.
func NewSocket(string, string, ...Option) (Socket, error) { return nil, ErrNone }

// NewSocketFromPacketConn gives ErrNone.
func NewSocketFromPacketConn(net.PacketConn, ...Option) (Socket, error) { return nil, ErrNone }
