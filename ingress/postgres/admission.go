package postgres

import (
	"net"
	"runtime/debug"

	"sallyport/ingress/internal/admission"
)

func loopback(addr net.Addr) bool {
	if addr.Network() == "unix" {
		return true
	}
	ip := net.ParseIP(admission.Host(addr))
	return ip != nil && ip.IsLoopback()
}

func stack() string { return string(debug.Stack()) }
