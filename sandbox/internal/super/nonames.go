package super

import (
	"context"
	"fmt"
	"net"
)

// serveNoNames is the machine's name server: it knows no name. A pull from an
// unknown registry then fails at once with "no such host", as it would behind
// a firewall, and nothing outside is asked.
func serveNoNames(ctx context.Context, address string) error {
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	if err != nil {
		return fmt.Errorf("name server: %w", err)
	}
	go func() {
		<-ctx.Done()
		conn.Close()
	}()
	go func() {
		packet := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if answer := noSuchName(packet[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return nil
}

// noSuchName turns a DNS query into the answer NXDOMAIN (RFC 1035, 4.1): the
// header with the response bits set, and the question. nil for anything that
// is not one plain question.
func noSuchName(query []byte) []byte {
	const header = 12
	if len(query) < header || query[2]&0x80 != 0 || query[4] != 0 || query[5] != 1 {
		return nil
	}
	end := header
	for end < len(query) && query[end] != 0 {
		if query[end] > 63 {
			return nil
		}
		end += int(query[end]) + 1
	}
	end += 5 // the root label, type and class
	if end > len(query) {
		return nil
	}
	answer := append([]byte(nil), query[:end]...)
	answer[2] = 0x84 | query[2]&0x01 // response, authoritative, as recursive as asked
	answer[3] = 0x80 | 3             // recursion available, NXDOMAIN
	for i := 6; i < header; i++ {
		answer[i] = 0
	}
	return answer
}
