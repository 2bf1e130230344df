package main

import (
	"errors"
	"net"
)

// relay only copies: what it costs is what a second pair of sockets and Go's scheduler cost, before
// anything is understood, decided or recorded. What Sallyport costs beyond it is Sallyport's.
const relay = "copying only"

// startRelay starts one in front of p, in this process, which is idle while clients run.
func (b *bench) startRelay(p path) (path, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return path{}, err
	}
	b.relay = l
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // stop closed it
			}
			go join(client, p.port)
		}
	}()
	out := p
	out.name = relay
	_, out.port, err = net.SplitHostPort(l.Addr().String())
	return out, err
}

// join connects client to port until either side ends.
func join(client net.Conn, port string) {
	server, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		_ = client.Close() // pgbench says what it thinks of it
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		carry(server, client)
	}()
	carry(client, server)
	<-done
}

// carry copies through this process, as a proxy that reads what it forwards must: io.Copy would
// have the kernel move the bytes.
func carry(from, to net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			_, failed := to.Write(b[:n])
			err = errors.Join(err, failed)
		}
		if err != nil {
			_ = errors.Join(from.Close(), to.Close()) // the end of either ends both
			return
		}
	}
}
