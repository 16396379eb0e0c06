package proxy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kind is a way in which a request goes wrong.
type Kind string

// The ways.
const (
	// Kill ends the driver with SIGKILL; it never gets an answer.
	Kill Kind = "kill"
	// Answer is the answer of a server that does not do it, or says so.
	Answer Kind = "answer"
	// Hang gives no answer until the client gives up.
	Hang Kind = "hang"
	// Hold keeps the request back until the time has come, and then passes it on as if nothing had been.
	Hold Kind = "hold"
	// Reset tears this one connection down.
	Reset Kind = "reset"
	// Cut tears all connections down, and every new one for a while.
	Cut Kind = "cut"
)

// Fault is what is done to a request.
type Fault struct {
	Kind Kind
	// Forward says that the API server gets the request all the same, so that the driver cannot know.
	Forward bool
	// Status is that of an Answer.
	Status int
	// For is how long a Cut lasts, and the longest that a Hang does.
	For time.Duration
	// Until ends a Hold.
	Until <-chan struct{}
}

// String is the fault in a few words, fit for the name of a test.
func (f Fault) String() string {
	s := string(f.Kind)
	if f.Kind == Answer {
		s = strconv.Itoa(f.Status)
	}
	if f.Forward {
		return s + "-after"
	}
	return s + "-before"
}

type planned struct {
	Fault
	of   Class
	nth  int
	hit  bool
	done chan struct{}
}

// Inject plans a fault for the nth request of a class, counted from 1 and from
// when the proxy started. The channel closes when it has happened.
func (p *Proxy) Inject(of Class, nth int, f Fault) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := &planned{Fault: f, of: of, nth: nth, done: make(chan struct{})}
	p.faults = append(p.faults, one)
	return one.done
}

// InjectEach plans a fault for every request of a class whose meaning is chosen,
// when it comes for the first time; tried again it is passed on. Reads go wrong
// only once something is written: before, a command that cannot look just ends.
func (p *Proxy) InjectEach(of Class, f Fault, chosen func(meaning string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.each = func(r *Request) *planned {
		meaning := r.Meaning()
		if r.Class != of || p.hit[meaning] || of == ClassRead && p.counts[ClassWrite] == 0 || !chosen(meaning) {
			return nil
		}
		p.hit[meaning] = true
		return &planned{Fault: f, done: make(chan struct{})}
	}
}

// Hit are the meanings of the requests that went wrong by InjectEach.
func (p *Proxy) Hit() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.hit))
}

func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, seen *Request, f Fault) {
	if f.Forward {
		p.send(r, seen)
	}
	switch f.Kind {
	case Kill:
		p.mu.Lock()
		kill := p.kill
		p.mu.Unlock()
		kill()
		reset(w)
	case Answer:
		answer(w, f.Status)
	case Hang:
		longest := time.NewTimer(max(f.For, time.Second))
		defer longest.Stop()
		select {
		case <-r.Context().Done():
		case <-longest.C:
		}
		reset(w)
	case Hold:
		<-f.Until
		p.pass(w, r, seen)
	case Reset:
		reset(w)
	case Cut:
		p.Cut(f.For)
		reset(w)
	}
}

// Cut tears all connections down, and every new one until the time is over.
func (p *Proxy) Cut(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutUntil = time.Now().Add(d)
	for conn := range p.conns {
		tear(conn)
	}
}

func (p *Proxy) connState(conn net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.conns[conn] = true
		if time.Now().Before(p.cutUntil) {
			tear(conn)
		}
	case http.StateClosed, http.StateHijacked:
		delete(p.conns, conn)
	case http.StateActive, http.StateIdle:
	}
}

// reset closes the client's connection without an answer.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		tear(conn)
	}
}

func tear(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// answer is the answer that an API server gives with this code.
func answer(w http.ResponseWriter, code int) {
	reason, message := metav1.StatusReasonInternalError, "an error on the server has prevented the request from succeeding"
	switch code {
	case http.StatusConflict:
		reason, message = metav1.StatusReasonConflict, "the object has been modified; please apply your changes to the latest version and try again"
	case http.StatusUnprocessableEntity:
		reason, message = metav1.StatusReasonInvalid, "the server rejected our request due to an error in our request"
	case http.StatusTooManyRequests:
		reason, message = metav1.StatusReasonTooManyRequests, "the server has received too many requests and has asked us to try again later"
		w.Header().Set("Retry-After", "1")
	}
	body, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Reason: reason, Code: int32(code), Message: fmt.Sprintf("%s (made by the test's proxy)", message),
	})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body)
}
