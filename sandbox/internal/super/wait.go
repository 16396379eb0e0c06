package super

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
)

// startReady starts a component and waits until it does its work.
func (s *supervisor) startReady(starting, life context.Context, name string) error {
	one := s.all[name]
	if err := s.procs.keep(life, s.dir, one); err != nil {
		return err
	}
	if err := until(starting, func() bool { return s.answers(starting, one.Ready) }); err != nil {
		return fmt.Errorf("%s did not become ready: %w", name, err)
	}
	s.status.step(name + " ready")
	return nil
}

// answers looks at a Process's Ready.
func (s *supervisor) answers(ctx context.Context, ready string) bool {
	if strings.HasPrefix(ready, "https://") {
		if strings.HasPrefix(ready, s.spec.Server()) {
			return s.api.Answers(ctx, ready)
		}
		// The managers serve with a certificate that they sign themselves.
		ready = strings.TrimPrefix(ready, "https://")
		ready, _, _ = strings.Cut(ready, "/")
	}
	network, address := "tcp", ready
	if path, ok := strings.CutPrefix(ready, "unix:"); ok {
		network, address = "unix", path
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// until asks every 50 ms until the answer is yes.
func until(ctx context.Context, yes func() bool) error {
	for !yes() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %w", context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// nodeReady waits for the real node's Ready condition.
func (s *supervisor) nodeReady(ctx context.Context) error {
	err := until(ctx, func() bool {
		status, body, err := s.api.Do(ctx, http.MethodGet, "/api/v1/nodes/"+plan.NodeName, "", nil)
		if err != nil || status != http.StatusOK {
			return false
		}
		var node struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		if json.Unmarshal(body, &node) != nil {
			return false
		}
		for _, c := range node.Status.Conditions {
			if c.Type == "Ready" {
				return c.Status == "True"
			}
		}
		return false
	})
	if err != nil {
		return fmt.Errorf("node %s did not become Ready: %w", plan.NodeName, err)
	}
	s.status.step("node " + plan.NodeName + " Ready")
	return nil
}

// defaultServiceAccount waits for the account without which no pod is
// admitted to the default namespace.
func (s *supervisor) defaultServiceAccount(ctx context.Context) error {
	err := until(ctx, func() bool {
		status, _, err := s.api.Do(ctx, http.MethodGet, "/api/v1/namespaces/default/serviceaccounts/default", "", nil)
		return err == nil && status == http.StatusOK
	})
	if err != nil {
		return fmt.Errorf("the default ServiceAccount did not appear: %w", err)
	}
	return nil
}

// dnsReady asks the cluster DNS through its Service, which proves the pod,
// its network and kube-proxy as well.
func (s *supervisor) dnsReady(ctx context.Context) error {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		dialer := net.Dialer{Timeout: time.Second}
		return dialer.DialContext(ctx, network, net.JoinHostPort(plan.DNSIP, "53"))
	}}
	err := until(ctx, func() bool {
		asking, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		addresses, err := resolver.LookupHost(asking, "kubernetes.default.svc.cluster.local.")
		return err == nil && len(addresses) == 1 && addresses[0] == plan.APIServiceIP
	})
	if err != nil {
		return fmt.Errorf("the cluster DNS did not answer: %w", err)
	}
	s.status.step("cluster DNS answers")
	return nil
}
