package super

import (
	"context"
	"io"
	"net"
	"sync"
)

// forward hands every connection of a listener on to an address. The listener
// may belong to another network namespace than this process: that is how the
// host reaches the API server.
func forward(ctx context.Context, l net.Listener, address string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				return
			}
			defer server.Close()
			splice(client, server)
		}()
	}
}

// splice copies both ways and passes the end of each direction on.
func splice(a, b net.Conn) {
	var both sync.WaitGroup
	one := func(to, from net.Conn) {
		defer both.Done()
		_, _ = io.Copy(to, from)
		if half, ok := to.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	}
	both.Add(2)
	go one(a, b)
	go one(b, a)
	both.Wait()
}
