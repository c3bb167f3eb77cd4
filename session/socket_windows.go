package session

import "golang.org/x/sys/windows"

// noRoute are the errors of sending that mean "not now, not from here".
var noRoute = [...]error{
	windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTDOWN,
	windows.WSAEADDRNOTAVAIL, windows.WSAENOBUFS, windows.WSAECONNRESET, windows.WSAENETRESET,
}

// noFamily are the errors of binding on a machine without IPv4 or IPv6.
var noFamily = [...]error{windows.WSAEAFNOSUPPORT, windows.WSAEPROTONOSUPPORT, windows.WSAEADDRNOTAVAIL}
