package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// seen is everything that one look read.
type seen struct {
	now      time.Time
	workload *workload
	// objects are the managed objects and the Services, by reference; one that does not exist has no entry.
	objects   map[rollout.Ref]*object
	sets      []appsv1.ReplicaSet
	revisions []appsv1.ControllerRevision
	pods      []corev1.Pod
	slices    []discoveryv1.EndpointSlice
	slow      slowly
}

// Observe implements rollout.Cluster. What could not be read is an error, never
// a part of the world that is missing.
//
// The order of the reads is part of the meaning. The workload and the endpoints
// are read first, the Pods after them: so an endpoint's Pod is known, an endpoint
// is never newer than the Pod that stands for it, and a Pod is never older than
// the workload that its version is told by.
func (c *Client) Observe(ctx context.Context, s *rollout.State) (*rollout.World, error) {
	look, err := c.first(ctx, s)
	if err != nil {
		return nil, err
	}
	if look.workload != nil {
		if err := c.second(ctx, look); err != nil {
			return nil, err
		}
	}
	look.now = c.Now()
	w := look.world(s)
	c.remember(s.Spec.Workload, look.slow, len(w.Budgets) > 0)
	return w, nil
}

// Written reads the managed objects alone, which is enough to tell a drift: the
// world that it gives knows no Pods, no Services and no workload.
func (c *Client) Written(ctx context.Context, s *rollout.State) (*rollout.World, error) {
	w := &rollout.World{Live: map[rollout.Ref]rollout.Live{}}
	for _, m := range s.Managed {
		o, err := c.get(ctx, m.Ref)
		if err != nil {
			return nil, reason(ctx, err)
		}
		if o != nil {
			w.Live[m.Ref] = o.live(m.Paths)
		}
	}
	w.At = c.Now()
	return w, nil
}

// first reads what has a known name.
func (c *Client) first(ctx context.Context, s *rollout.State) (*seen, error) {
	look := &seen{objects: map[rollout.Ref]*object{}}
	ref := s.Spec.Workload
	refs := wanted(s)
	read := make([]*object, len(refs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, r := range refs {
		g.Go(func() error {
			var err error
			read[i], err = c.get(gctx, r)
			return err
		})
	}
	if names := services(s.Spec); len(names) > 0 {
		g.Go(func() error {
			var err error
			look.slices, err = c.endpointSlices(gctx, ref.Namespace, names)
			return err
		})
	}
	g.Go(func() error {
		var err error
		look.slow, err = c.slowly(gctx, s.Spec)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, reason(ctx, err)
	}
	for i, r := range refs {
		if read[i] != nil {
			look.objects[r] = read[i]
		}
	}
	if o := look.objects[ref]; o != nil {
		var err error
		if look.workload, err = parseWorkload(ref.Kind, o); err != nil {
			return nil, fmt.Errorf("read %s: %w", ref, err)
		}
	}
	return look, nil
}

// second reads what the workload's selector finds.
func (c *Client) second(ctx context.Context, look *seen) error {
	ns, selector := look.workload.namespace, look.workload.selector
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		var list corev1.PodList
		err := c.list(gctx, corev1.SchemeGroupVersion, "pods", ns, selector, &list)
		look.pods = list.Items
		return err
	})
	g.Go(func() error {
		if look.workload.kind == "Deployment" {
			var list appsv1.ReplicaSetList
			err := c.list(gctx, appsv1.SchemeGroupVersion, "replicasets", ns, selector, &list)
			look.sets = list.Items
			return err
		}
		var list appsv1.ControllerRevisionList
		err := c.list(gctx, appsv1.SchemeGroupVersion, "controllerrevisions", ns, selector, &list)
		look.revisions = list.Items
		return err
	})
	return reason(ctx, g.Wait())
}

// list reads a list in one piece: a workload's Pods are as many as it has replicas.
func (c *Client) list(ctx context.Context, gv schema.GroupVersion, plural, ns, selector string, into runtime.Object) error {
	err := c.bounded(ctx, func(ctx context.Context) error {
		req := c.typed[gv].Get().MaxRetries(readRetries).Namespace(ns).Resource(plural)
		if selector != "" {
			req = req.Param("labelSelector", selector)
		}
		return req.Do(ctx).Into(into)
	})
	if err != nil {
		return fmt.Errorf("list %s in namespace %s: %w", plural, ns, err)
	}
	return nil
}

func (c *Client) endpointSlices(ctx context.Context, ns string, services []string) ([]discoveryv1.EndpointSlice, error) {
	selector, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: discoveryv1.LabelServiceName, Operator: metav1.LabelSelectorOpIn, Values: services}}})
	if err != nil {
		return nil, fmt.Errorf("list endpointslices in namespace %s: %w", ns, err)
	}
	var list discoveryv1.EndpointSliceList
	err = c.list(ctx, discoveryv1.SchemeGroupVersion, "endpointslices", ns, selector.String(), &list)
	return list.Items, err
}

// wanted are the objects to read by name, each once.
func wanted(s *rollout.State) []rollout.Ref {
	refs := map[rollout.Ref]bool{s.Spec.Workload: true}
	for _, m := range s.Managed {
		refs[m.Ref] = true
	}
	for _, name := range services(s.Spec) {
		refs[serviceRef(s.Spec, name)] = true
	}
	return slices.SortedFunc(maps.Keys(refs), func(a, b rollout.Ref) int {
		return slices.Compare([]string{a.Kind, a.Namespace, a.Name}, []string{b.Kind, b.Namespace, b.Name})
	})
}

// services are the names of the Services whose traffic moves, the preview among them.
func services(spec rollout.Spec) []string {
	names := slices.Clone(spec.Services)
	if spec.Preview != "" && !slices.Contains(names, spec.Preview) {
		names = append(names, spec.Preview)
	}
	return names
}

func serviceRef(spec rollout.Spec, name string) rollout.Ref {
	return rollout.Ref{Kind: "Service", Namespace: spec.Workload.Namespace, Name: name}
}

// reason is the caller's own, where that ended the reads.
func reason(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
