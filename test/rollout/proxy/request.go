package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Class is what a request is to the cluster.
type Class string

// The classes.
const (
	// ClassAny counts all requests together.
	ClassAny Class = "any"
	// ClassRead changes nothing: reads, and questions that are asked by POST, such as access reviews and dry runs.
	ClassRead Class = "read"
	// ClassRenewal only says that the holder of a lease is still there.
	ClassRenewal Class = "renewal"
	// ClassWrite changes something.
	ClassWrite Class = "write"
)

// Request is one request as it came.
type Request struct {
	At time.Time
	// N counts from 1 within the class.
	N            int
	Class        Class
	Method, Path string
	Query        string
	UserAgent    string
	Body         []byte
	// Code is the status of the server's answer; 0 where the request was not passed on or not answered.
	Code int
	// Fault is what was done to it.
	Fault string
}

// String is the request in a line, without the namespace: "write 3: PATCH deployments/web 200".
func (r Request) String() string {
	s := fmt.Sprintf("%s %d: %s %s %d", r.Class, r.N, r.Method, r.object(), r.Code)
	if r.Fault != "" {
		s += " (" + r.Fault + ")"
	}
	return s
}

// object is the path without the namespace.
func (r Request) object() string {
	if _, rest, ok := strings.Cut(r.Path, "/namespaces/"); ok {
		if _, after, ok := strings.Cut(rest, "/"); ok {
			return after
		}
	}
	return r.Path
}

// Meaning is what a request is for: the same when it is tried again, by another
// driver or for the same rollout elsewhere, and another for each point of a rollout.
func (r Request) Meaning() string {
	s := r.Method + " " + r.object()
	if query, err := url.ParseQuery(r.Query); err == nil && query.Has("labelSelector") {
		s += " by label"
	}
	var ops []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if json.Unmarshal(r.Body, &ops) != nil {
		return s
	}
	var set []string
	for _, op := range ops {
		switch {
		case op.Op == "test":
		case strings.HasPrefix(op.Path, "/spec/"):
			set = append(set, op.Path+"="+string(op.Value))
		default:
			set = append(set, op.Path+point(op.Value))
		}
	}
	slices.Sort(set)
	return s + " " + strings.Join(set, " ")
}

// point is where a rollout stands, if the value is a journal's state.
func point(value json.RawMessage) string {
	var text string
	var state struct {
		Phase, Waiting, NewHash string
		Step                    int
		Intent                  *struct{ Why string }
	}
	if json.Unmarshal(value, &text) != nil || json.Unmarshal([]byte(text), &state) != nil || state.Phase == "" {
		return ""
	}
	s := fmt.Sprintf("=%s %d %s %t", state.Phase, state.Step, state.Waiting, state.NewHash != "")
	if state.Intent != nil {
		s += " " + state.Intent.Why
	}
	return s
}

// classify is called with the lock held: whether a lease is renewed depends on who held it before.
func (p *Proxy) classify(r *Request) Class {
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions,
		strings.Contains(r.Query, "dryRun="),
		strings.HasPrefix(r.Path, "/apis/authorization.k8s.io/"), strings.HasPrefix(r.Path, "/apis/authentication.k8s.io/"):
		return ClassRead
	}
	// A driver has one lease; it is made without its name in the path.
	lease, _, of := strings.Cut(r.Path, "/leases")
	if !of {
		return ClassWrite
	}
	holder, said := holderIn(r.Body)
	before, known := p.holders[lease]
	if !said {
		holder = before
	}
	p.holders[lease] = holder
	if (!said || known && holder == before) && holder != "" && r.Method != http.MethodDelete {
		return ClassRenewal
	}
	return ClassWrite
}

// holderIn is the holder that a write to a lease puts there: a whole Lease, or a
// JSON Patch. One that says nothing about the holder leaves whoever it is.
func holderIn(body []byte) (holder string, said bool) {
	var lease struct {
		Spec struct {
			HolderIdentity string `json:"holderIdentity"`
		} `json:"spec"`
	}
	if json.Unmarshal(body, &lease) == nil {
		return lease.Spec.HolderIdentity, true
	}
	var ops []struct {
		Op, Path string
		Value    any
	}
	if json.Unmarshal(body, &ops) != nil {
		return "", false
	}
	for _, op := range ops {
		if op.Op != "test" && op.Path == "/spec/holderIdentity" {
			holder, _ = op.Value.(string)
			said = true
		}
	}
	return holder, said
}
