package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
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
	path := r.Path
	if _, rest, ok := strings.Cut(path, "/namespaces/"); ok {
		if _, after, ok := strings.Cut(rest, "/"); ok {
			path = after
		}
	}
	s := fmt.Sprintf("%s %d: %s %s %d", r.Class, r.N, r.Method, path, r.Code)
	if r.Fault != "" {
		s += " (" + r.Fault + ")"
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
