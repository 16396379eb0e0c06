package cli

import (
	"context"
	"encoding/json"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/journal"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// lookAround adds to the plan what no snapshot holds: who has written the
// objects before, and what the user may do.
func (c *rollouts) lookAround(ctx context.Context, in *plan.Input, objects []rollout.Managed) error {
	in.Live = map[rollout.Ref]json.RawMessage{}
	for _, o := range objects {
		raw, err := c.client.Get(ctx, o.Ref)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			in.Live[o.Ref] = raw
		}
	}
	wanted := accessOf(in.State.Spec, objects)
	answers, err := c.client.Access(ctx, wanted)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i, w := range wanted {
		a := plan.Access{Verb: w.Verb, Resource: w.Resource, Namespace: w.Namespace, Name: w.Name}
		if w.Group != "" {
			a.Resource += "." + w.Group
		}
		if err != nil {
			a.Why = err.Error()
		} else {
			a.Allowed = &answers[i].Allowed
		}
		in.Access = append(in.Access, a)
	}
	return nil
}

// accessOf lists what a driver does: it looks at the workload, its Pods and
// endpoints, writes to the managed objects, and keeps the journal and its lease.
func accessOf(spec rollout.Spec, objects []rollout.Managed) []authorizationv1.ResourceAttributes {
	namespace := spec.Workload.Namespace
	var all []authorizationv1.ResourceAttributes
	add := func(group, resource, name string, verbs ...string) {
		for _, verb := range verbs {
			all = append(all, authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: group, Resource: resource, Name: name})
		}
	}
	for _, o := range objects {
		if info, ok := snapshot.Lookup(snapshot.Kind(o.Ref.Kind)); ok {
			add(info.Resource.Group, info.Resource.Resource, o.Ref.Name, "get", "patch")
		}
	}
	add("", "pods", "", "list")
	if spec.Workload.Kind == "Deployment" {
		add("apps", "replicasets", "", "list")
	} else {
		add("apps", "controllerrevisions", "", "list")
		add("", "pods", "", "delete")
	}
	if len(spec.Services) > 0 || spec.Preview != "" {
		add("discovery.k8s.io", "endpointslices", "", "list")
	}
	add("policy", "poddisruptionbudgets", "", "list")
	if spec.GroupBy != "" {
		all = append(all, authorizationv1.ResourceAttributes{Verb: "list", Resource: "nodes"})
	}
	name := journal.Name(spec.Workload)
	add("", "configmaps", "", "create")
	add("", "configmaps", name, "get", "patch")
	add("coordination.k8s.io", "leases", "", "create")
	add("coordination.k8s.io", "leases", name, "get", "update", "patch", "delete")
	return all
}
