package run

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// The health protocol (github.com/grpc/grpc-proto, grpc/health/v1/health.proto).
const (
	healthMethod = "/grpc.health.v1.Health/Check"
	serving      = 1
	firstStream  = 1
)

// The status codes of gRPC that the kubelet tells apart or that stand in its words.
const (
	codeOK               = 0
	codeDeadlineExceeded = 4
	codeUnimplemented    = 12
)

// errCancelled is how a server ends a call that it was given no more time for.
var errCancelled = errors.New("stream terminated by RST_STREAM with error code: CANCEL")

// soon is how much before ours the server's clock may run out.
const soon = 50 * time.Millisecond

// check is a gRPC probe (pkg/probe/grpc/grpc.go): one plaintext call of the
// health service, whose answer must be SERVING. Whatever else comes is a failure.
func check(ctx context.Context, way Way, clock *Clock, host string, port int, service string, timeout time.Duration, agent string) (probe.Sample, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	fail := func(format string, args ...any) probe.Sample {
		return probe.Sample{Verdict: probe.Failure, Reason: fmt.Sprintf(format, args...), Took: clock.took(time.Now()), Late: late(ctx)}
	}
	unconnected := func() probe.Sample {
		// The kubelet's client tries again until the time is over, whatever the reason.
		return fail("timeout: failed to connect service %q within %v: context deadline exceeded", address, timeout)
	}
	conn, err := way.Dial(ctx, clock, host, port, 2)
	if err != nil {
		if isGone(err) {
			return probe.Sample{}, err
		}
		return unconnected(), nil
	}
	defer conn.Close()
	release := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer release()
	c := newCall(conn)
	if err := c.open(); err != nil {
		if end, ok := conn.(lateEnd); ok && isGone(end.Broken()) {
			return probe.Sample{}, end.Broken()
		}
		return unconnected(), nil
	}
	answer, err := c.ask(address, agent, service, clock.Left())
	switch {
	case late(ctx), err == nil && answer.code == codeDeadlineExceeded, errors.Is(err, errCancelled) && clock.Left() < soon:
		return fail("timeout: health rpc did not complete within %v", timeout), nil
	case err != nil:
		return fail("error: health rpc probe failed: rpc error: code = Unavailable desc = %v", err), nil
	case answer.code == codeUnimplemented:
		return fail("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): %s", answer.message), nil
	case answer.code != codeOK:
		return fail("error: health rpc probe failed: rpc error: code = %s desc = %s", codeName(answer.code), answer.message), nil
	case answer.health != serving:
		return fail("service unhealthy (responded with %q)", healthName(answer.health)), nil
	}
	return probe.Sample{Verdict: probe.Success, Took: clock.took(time.Now())}, nil
}

// call is one unary call on an HTTP/2 connection of its own.
type call struct {
	conn   net.Conn
	framer *http2.Framer
	body   bytes.Buffer
	answer reply
}

// reply is what the server said.
type reply struct {
	status  int    // of HTTP, 0 before it came
	content string // the type of the answer
	code    int
	message string
	health  uint64
}

func newCall(conn net.Conn) *call {
	f := http2.NewFramer(conn, conn)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.MaxHeaderListSize = 64 << 10
	return &call{conn: conn, framer: f, answer: reply{code: -1}}
}

// open greets the server and waits for its settings, which is what the client
// of the kubelet calls connected.
func (c *call) open() error {
	if _, err := io.WriteString(c.conn, http2.ClientPreface); err != nil {
		return fmt.Errorf("send the preface: %w", err)
	}
	if err := c.framer.WriteSettings(); err != nil {
		return fmt.Errorf("send settings: %w", err)
	}
	first, err := c.framer.ReadFrame()
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	if s, ok := first.(*http2.SettingsFrame); !ok || s.IsAck() {
		return errors.New("the server does not speak HTTP/2")
	}
	return c.framer.WriteSettingsAck()
}

// ask sends the request and reads frames until its stream has ended.
func (c *call) ask(authority, agent, service string, within time.Duration) (reply, error) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, h := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", healthMethod}, {":authority", authority},
		{"content-type", "application/grpc"}, {"user-agent", agent}, {"te", "trailers"},
		{"grpc-timeout", strconv.FormatInt(max(1, within.Milliseconds()), 10) + "m"},
	} {
		if err := enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
			return reply{}, fmt.Errorf("encode headers: %w", err)
		}
	}
	if err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: firstStream, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		return reply{}, err
	}
	if err := c.framer.WriteData(firstStream, true, healthRequest(service)); err != nil {
		return reply{}, err
	}
	for {
		ended, err := c.frame()
		if err != nil {
			return reply{}, err
		}
		if ended {
			return c.judge(), nil
		}
	}
}

// largestAnswer bounds what is kept of an answer; a health check is a few bytes.
const largestAnswer = 64 << 10

// frame reads one frame, and says whether it ended the stream.
func (c *call) frame() (ended bool, err error) {
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return false, err
	}
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return false, c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return false, c.framer.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		if f.LastStreamID < firstStream {
			return false, fmt.Errorf("the server sent GOAWAY (%v)", f.ErrCode)
		}
	case *http2.RSTStreamFrame:
		if f.ErrCode == http2.ErrCodeCancel {
			return false, errCancelled
		}
		return false, fmt.Errorf("stream terminated by RST_STREAM with error code: %v", f.ErrCode)
	case *http2.DataFrame:
		if c.body.Len()+len(f.Data()) > largestAnswer {
			return false, errors.New("the answer is larger than any health check")
		}
		c.body.Write(f.Data())
		return f.StreamEnded(), nil
	case *http2.MetaHeadersFrame:
		c.headers(f)
		return f.StreamEnded(), nil
	}
	return false, nil
}

func (c *call) headers(f *http2.MetaHeadersFrame) {
	for _, h := range f.Fields {
		switch h.Name {
		case ":status":
			c.answer.status, _ = strconv.Atoi(h.Value)
		case "content-type":
			c.answer.content = h.Value
		case "grpc-status":
			if code, err := strconv.Atoi(h.Value); err == nil {
				c.answer.code = code
			}
		case "grpc-message":
			if text, err := url.PathUnescape(h.Value); err == nil {
				c.answer.message = text
			}
		}
	}
}

// judge fills in what gRPC says of an answer that is none of its own
// (google.golang.org/grpc/internal/transport, HTTPStatusConvTab), and reads the message.
func (c *call) judge() reply {
	r := c.answer
	if r.code < 0 || !strings.HasPrefix(r.content, "application/grpc") {
		r.code, r.message = httpCode(r.status), fmt.Sprintf("unexpected HTTP status code received from server: %d (%s); ", r.status, http.StatusText(r.status))
		if r.content == "" {
			r.message += "malformed header: missing HTTP content-type"
		} else {
			r.message += fmt.Sprintf("transport: received unexpected content-type %q", r.content)
		}
	}
	body := c.body.Bytes()
	if r.code != codeOK {
		return r
	}
	const prefix = 5 // whether it is compressed, and the length
	if len(body) < prefix || body[0] != 0 || len(body)-prefix < int(binary.BigEndian.Uint32(body[1:prefix])) {
		r.code, r.message = 13, "the answer is no message of the health protocol"
		return r
	}
	health, ok := healthStatus(body[prefix:])
	if !ok {
		r.code, r.message = 13, "the answer is no message of the health protocol"
	}
	r.health = health
	return r
}
