package super

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

func TestNoNameExists(t *testing.T) {
	// Port 0 lets the system choose, so the answers are tested on the bytes
	// and once through a real resolver.
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := conn.LocalAddr().String()
	conn.Close()
	if err := serveNoNames(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "udp", address)
	}}
	_, err = resolver.LookupHost(t.Context(), "registry.example.com.")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("error = %v, want no such host", err)
	}
}

func TestNoSuchNameIgnoresWhatIsNoQuery(t *testing.T) {
	question := []byte{7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1}
	if noSuchName(question) == nil {
		t.Fatal("a plain question gets no answer")
	}
	for name, packet := range map[string][]byte{
		"empty":         nil,
		"short":         question[:11],
		"cut off":       question[:len(question)-1],
		"a response":    append([]byte{7, 7, 0x81}, question[3:]...),
		"two questions": append([]byte{7, 7, 1, 0, 0, 2}, question[6:]...),
		"a pointer":     append(append([]byte{}, question[:12]...), 0xc0, 12, 0, 1, 0, 1),
	} {
		if answer := noSuchName(packet); answer != nil {
			t.Errorf("%s: answered %v", name, answer)
		}
	}
}
