package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// seldom is how often it is asked which budgets and node groups there are.
const seldom = 30 * time.Second

// slowly is what changes seldom.
type slowly struct {
	read    time.Time
	budgets []policyv1.PodDisruptionBudget
	// groups are the values of the group label, by node.
	groups map[string]string
	// counted says that some budget was over the workload's Pods: its numbers change with every Pod, so it is read at every look.
	counted bool
}

// slowly reads the budgets of the namespace and the nodes' groups, or gives what it read a moment ago.
func (c *Client) slowly(ctx context.Context, spec rollout.Spec) (slowly, error) {
	r := spec.Workload
	c.mu.Lock()
	known, ok := c.slow[r]
	c.mu.Unlock()
	old := !ok || time.Since(known.read) > seldom
	if !old && !known.counted {
		return known, nil
	}
	next := slowly{read: time.Now(), groups: known.groups}
	if !old {
		next.read = known.read
	}
	var list policyv1.PodDisruptionBudgetList
	if err := c.list(ctx, policyv1.SchemeGroupVersion, "poddisruptionbudgets", r.Namespace, "", &list); err != nil {
		return slowly{}, err
	}
	next.budgets = list.Items
	if old && r.Kind == "DaemonSet" && spec.GroupBy != "" {
		var err error
		if next.groups, err = c.groups(ctx, spec.GroupBy); err != nil {
			return slowly{}, err
		}
	}
	return next, nil
}

// remember keeps what was read seldom, with what the look made of it.
func (c *Client) remember(r rollout.Ref, s slowly, counted bool) {
	s.counted = counted
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slow[r] = s
}

// groups reads a label of every node, and nothing else of it.
func (c *Client) groups(ctx context.Context, label string) (map[string]string, error) {
	var raw []byte
	err := c.bounded(ctx, func(ctx context.Context) error {
		var err error
		raw, err = bodyOf(c.json.Get().MaxRetries(readRetries).Resource("nodes").
			SetHeader("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json").Do(ctx))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	var list metav1.PartialObjectMetadataList
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("list nodes: the answer is not what an API server says: %w", err)
	}
	groups := make(map[string]string, len(list.Items))
	for _, node := range list.Items {
		groups[node.Name] = node.Labels[label]
	}
	return groups, nil
}
