// Package router moves the traffic of a rollout, one file for each way of doing
// it. A router never looks at the cluster and never writes: from what was seen
// it names the next write, and says how far the last one has got.
package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// Names are the routers there are.
func Names() []rollout.Via { return []rollout.Via{rollout.ViaRatio, rollout.ViaService} }

// New gives the router of that name.
func New(via rollout.Via) (rollout.TrafficRouter, error) {
	switch via {
	case rollout.ViaRatio:
		return ratio{}, nil
	case rollout.ViaService:
		return service{}, nil
	}
	var names []string
	for _, n := range Names() {
		names = append(names, string(n))
	}
	if near := spelling.Nearest(string(via), names); near != "" {
		return nil, fmt.Errorf("there is no router %q: did you mean %q?", via, near)
	}
	return nil, fmt.Errorf("there is no router %q: use one of %s", via, strings.Join(names, ", "))
}

// serviceRef is the Service of that name beside the workload.
func serviceRef(spec rollout.Spec, name string) rollout.Ref {
	return rollout.Ref{Kind: "Service", Namespace: spec.Workload.Namespace, Name: name}
}

// isLive says whether the Service carries the traffic that moves; the preview does not.
func isLive(spec rollout.Spec, name string) bool { return slices.Contains(spec.Services, name) }
