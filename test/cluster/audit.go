package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// Request is one request as the API server's audit log has it.
type Request struct {
	Received  time.Time
	User      string
	UserAgent string
	// Verb is the API's: get, list, watch, create, update, patch, delete, …
	Verb string
	// URI is the path with its query.
	URI string
	// Resource is as in a URL, such as pods or pods/log; empty for requests
	// that concern no resource, such as discovery.
	Resource  string
	Namespace string
	Name      string
	// Code is the HTTP status.
	Code int
}

// auditEvent is the part of audit.k8s.io/v1 Event that is read here.
type auditEvent struct {
	AuditID    string `json:"auditID"`
	Stage      string `json:"stage"`
	RequestURI string `json:"requestURI"`
	Verb       string `json:"verb"`
	UserAgent  string `json:"userAgent"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	RequestReceivedTimestamp time.Time `json:"requestReceivedTimestamp"`
}

// Audit returns the requests received since a time whose user agent contains
// the text, in the order in which they ended; a watch that still runs counts.
func (c *Cluster) Audit(t testing.TB, userAgent string, since time.Time) []Request {
	t.Helper()
	c.auditBarrier(t)
	var requests []Request
	seen := map[string]bool{}
	for _, e := range c.auditEvents(t, userAgent) {
		if seen[e.AuditID] || !strings.Contains(e.UserAgent, userAgent) || e.RequestReceivedTimestamp.Before(since) {
			continue
		}
		seen[e.AuditID] = true
		resource := e.ObjectRef.Resource
		if e.ObjectRef.Subresource != "" {
			resource += "/" + e.ObjectRef.Subresource
		}
		requests = append(requests, Request{Received: e.RequestReceivedTimestamp, User: e.User.Username, UserAgent: e.UserAgent, Verb: e.Verb,
			URI: e.RequestURI, Resource: resource, Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name, Code: e.ResponseStatus.Code})
	}
	return requests
}

// auditBarrier makes a request of its own and waits until the log has it. The
// server logs a request after it has answered it, so without this the last
// ones might be missing.
func (c *Cluster) auditBarrier(t testing.TB) {
	t.Helper()
	mark := fmt.Sprintf("msa-audit-barrier-%08x", rand.Uint32())
	config := rest.CopyConfig(c.config)
	config.UserAgent = mark
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatalf("audit: %v", err)
	}
	if _, err := client.ServerVersion(); err != nil {
		t.Fatalf("audit: %v", err)
	}
	c.WaitFor(t, "the audit log", 10*time.Second, func(context.Context) (bool, string, error) {
		for _, e := range c.auditEvents(t, mark) {
			if e.UserAgent == mark {
				return true, "", nil
			}
		}
		return false, "the log lacks " + mark, nil
	})
}

// auditEvents reads the events whose line contains the text somewhere.
func (c *Cluster) auditEvents(t testing.TB, text string) []auditEvent {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(filepath.Dir(c.kubeconfig), "logs", "audit.log"))
	if err != nil {
		t.Fatalf("audit: %v", err)
	}
	var events []auditEvent
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !bytes.Contains(lines.Bytes(), []byte(text)) {
			continue
		}
		var e auditEvent
		// The last line may still be being written.
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			events = append(events, e)
		}
	}
	return events
}
