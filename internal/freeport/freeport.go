// Package freeport finds ports for programs that tests start and that have to be
// told where to listen. Who listens at port 0, reads which one it is and closes it
// may have given it to somebody else when the program comes; these are from a
// range that systems leave to those who ask for a port by its number.
package freeport

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// From 32768 on Linux gives ports to whoever asks for any, others from 49152 on.
const first, last = 12000, 32000

// In finds n ports in a row of an address of this machine, at which nobody
// listens by TCP or UDP, and gives the first.
func In(t testing.TB, ip net.IP, n int) int {
	t.Helper()
	for range 1000 {
		port := first + rand.IntN(last-first-n)
		if free(ip, port, n) {
			return port
		}
	}
	t.Fatalf("%s has no %d free ports in a row", ip, n)
	return 0
}

func free(ip net.IP, port, n int) bool {
	for p := port; p < port+n; p++ {
		addr := net.JoinHostPort(ip.String(), strconv.Itoa(p))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return false
		}
		l.Close()
		c, err := net.ListenPacket("udp", addr)
		if err != nil {
			return false
		}
		c.Close()
	}
	return true
}

// Loopback is [In] for 127.0.0.1.
func Loopback(t testing.TB, n int) int {
	t.Helper()
	return In(t, net.IPv4(127, 0, 0, 1), n)
}
