//go:build !windows

package session

import "syscall"

// noRoute are the errors of sending that mean "not now, not from here". EINVAL,
// which Linux says of a source address that the machine no longer has, is not
// among them: a connection that was accepted on that address is over.
var noRoute = [...]error{
	syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN,
	syscall.EADDRNOTAVAIL, syscall.ENOBUFS,
}

// noFamily are the errors of binding on a machine without IPv4 or IPv6.
var noFamily = [...]error{syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, syscall.EADDRNOTAVAIL}
