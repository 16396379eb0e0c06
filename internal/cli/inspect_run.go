package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

func (a *app) runInspect(ctx context.Context, o inspectOptions) error {
	if o.cluster {
		return a.runInspectCluster(ctx, o)
	}
	if o.watch {
		return a.runInspectWatch(ctx, o)
	}
	if o.traffic != nil {
		return a.runView(ctx, o, o.traffic.look())
	}
	if view, chosen := o.views.look(); chosen {
		return a.runView(ctx, o, view)
	}
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	if len(o.selection.objects) == 0 {
		restore := frugally(10) // whole pods are kept
		defer restore()
	}
	s, q, err := a.see(ctx, o.readOptions, inspect.Plan)
	if err != nil {
		return err
	}
	if err := a.saveSnapshot(o.save, s); err != nil {
		return err
	}
	options := inspect.Options{Lang: a.lang, Catalogue: catalogue}
	report, err := inspect.Inspect(s, q, options)
	gone := err
	if rest := there(q, err); len(rest.Targets) > 0 { // as kubectl get has it: what is there is shown
		report, err = inspect.Inspect(s, rest, options)
	}
	if err != nil {
		return err
	}
	if err := render.Write(a.Streams.Out, report, a.render(o.output)); err != nil {
		return err
	}
	if gone != nil {
		return gone
	}
	return o.verdict.judge(report.Report)
}

// there is the query without the targets that the error says are not there; it
// has none where that is not what the error says.
func there(q inspect.Query, err error) inspect.Query {
	var missing *rule.NotFoundError
	if !errors.As(err, &missing) {
		return inspect.Query{}
	}
	q.Targets = slices.DeleteFunc(slices.Clone(q.Targets), func(t finding.Ref) bool { return slices.Contains(missing.Targets, t) })
	return q
}

// see gives the snapshot that the question is answered from: as much of a
// cluster as the plan asks for, or what is in files.
func (a *app) see(ctx context.Context, o readOptions, plan func(*snapshot.Snapshot, inspect.Query) snapshot.Needs) (*snapshot.Snapshot, inspect.Query, error) {
	if len(o.files) > 0 {
		return a.seeFiles(o)
	}
	c, err := a.connect()
	if err != nil {
		return nil, inspect.Query{}, err
	}
	s, q, err := a.seeCluster(ctx, c, o, plan)
	a.sayRequests(c)
	return s, q, err
}

// seeCluster reads as much of a cluster as the plan asks for.
func (a *app) seeCluster(ctx context.Context, c *cluster, o readOptions, plan func(*snapshot.Snapshot, inspect.Query) snapshot.Needs) (*snapshot.Snapshot, inspect.Query, error) {
	namespace := c.namespace
	if o.allNamespaces {
		namespace = ""
	}
	s := snapshot.New(snapshot.FromCluster, a.Now())
	s.Context, s.Namespace = c.context, c.namespace
	if o.save == "" {
		c.reader.Keep(inspect.Alike())
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	selected, found, err := o.selection.known(func(typed string) (snapshot.Info, bool, error) { return c.reader.Resolve(ctx, typed) })
	if err != nil {
		done()
		return nil, inspect.Query{}, err
	}
	for _, i := range found {
		s.Know(i)
	}
	q := selected.query(namespace, o.selector, found...)
	err = c.reader.Fill(ctx, s, func(s *snapshot.Snapshot) snapshot.Needs { return plan(s, q) })
	done()
	return s, q, err
}

// seeFiles reads manifests or a saved snapshot. Manifests say themselves where
// their objects belong: without -n all of them are meant.
func (a *app) seeFiles(o readOptions) (*snapshot.Snapshot, inspect.Query, error) {
	fallback := o.namespace
	if fallback == "" {
		fallback = "default"
	}
	s, err := file.Load(o.files, a.Streams.In, file.Options{Namespace: fallback, Now: a.Now()})
	if err != nil {
		return nil, inspect.Query{}, err
	}
	namespace := o.namespace
	if namespace == "" && s.Source == snapshot.FromCluster {
		namespace = s.Namespace
	}
	if o.allNamespaces {
		namespace = ""
	}
	selected, found, err := o.selection.known(func(typed string) (snapshot.Info, bool, error) { return among(s.Found(), typed) })
	if err != nil {
		return nil, inspect.Query{}, err
	}
	q := selected.query(namespace, o.selector, found...)
	if namespace == "" && s.Source == snapshot.FromManifests {
		for i, t := range q.Targets {
			if t.Namespace == "" {
				q.Targets[i].Namespace = whereIs(s, t, fallback)
			}
		}
	}
	return s, q, nil
}

// among finds a kind by what was typed among those that a saved snapshot tells of.
func among(kinds []snapshot.Info, typed string) (snapshot.Info, bool, error) {
	name, group, grouped := strings.Cut(strings.ToLower(typed), ".")
	for _, i := range kinds {
		if (name == i.Singular || name == i.Resource.Resource) && (!grouped || group == i.Resource.Group) {
			return i, true, nil
		}
	}
	return snapshot.Info{}, false, nil
}

// whereIs finds the namespace of a named object among manifests.
func whereIs(s *snapshot.Snapshot, t finding.Ref, fallback string) string {
	info, ok := snapshot.Lookup(snapshot.Kind(t.Kind))
	if !ok || !info.Namespaced {
		return ""
	}
	for _, o := range s.Objects() {
		if snapshot.KindOf(o) == info.Kind && o.GetName() == t.Name {
			return o.GetNamespace()
		}
	}
	return fallback
}

// sayRequests lists the requests on Err for -v.
func (a *app) sayRequests(c *cluster) {
	if a.global.verbose == 0 {
		return
	}
	requests := c.reader.Requests()
	fmt.Fprintln(a.Streams.Err, a.t("verbose.requests", "n", len(requests)))
	for _, r := range requests {
		fmt.Fprintln(a.Streams.Err, "  "+snapshot.Safe(r.String()))
	}
}
