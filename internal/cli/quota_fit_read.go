package cli

import (
	"context"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

// readFit gives the snapshot that the question is answered from, and the
// question. What -f names may be manifests to ask about, or a saved snapshot to
// be answered from.
func (a *app) readFit(ctx context.Context, o quotaFitOptions) (*snapshot.Snapshot, quota.FitQuery, error) {
	if o.snapshot != "" {
		state, err := a.loadState(o.snapshot)
		if err != nil {
			return nil, quota.FitQuery{}, err
		}
		manifests, err := a.fitFiles(o, state.Namespace)
		if err == nil && manifests != nil && manifests.Source == snapshot.FromCluster {
			err = usage("quota.error.snapshot-as-manifest", "file", o.files[0])
		}
		return state, o.fitQuery(state.Namespace, manifests), err
	}
	c, unconnected := a.connect()
	namespace := "default"
	if unconnected == nil {
		namespace = c.namespace
	}
	manifests, err := a.fitFiles(o, namespace)
	switch {
	case err != nil:
		return nil, quota.FitQuery{}, err
	case manifests != nil && manifests.Source == snapshot.FromCluster:
		return manifests, o.fitQuery(manifests.Namespace, nil), a.saveSnapshot(o.save, manifests)
	case unconnected != nil:
		return nil, quota.FitQuery{}, unconnected
	}
	q := o.fitQuery(c.namespace, manifests)
	s := snapshot.New(snapshot.FromCluster, a.Now())
	s.Context, s.Namespace = c.context, c.namespace
	ctx, cancel := a.within(ctx)
	defer cancel()
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	err = c.reader.Fill(ctx, s, func(s *snapshot.Snapshot) snapshot.Needs { return quota.FitNeeds(s, q) })
	done()
	a.sayRequests(c)
	if err != nil {
		return nil, q, err
	}
	return s, q, a.saveSnapshot(o.save, s)
}

func (a *app) loadState(name string) (*snapshot.Snapshot, error) {
	s, err := file.Load([]string{name}, a.Streams.In, file.Options{Namespace: "default", Now: a.Now()})
	if err == nil && s.Source != snapshot.FromCluster {
		err = usage("quota.error.not-a-snapshot", "file", name)
	}
	return s, err
}

// fitFiles reads -f; nil for none.
func (a *app) fitFiles(o quotaFitOptions, namespace string) (*snapshot.Snapshot, error) {
	if len(o.files) == 0 {
		return nil, nil
	}
	if o.namespace != "" {
		namespace = o.namespace
	}
	s, err := file.Load(o.files, a.Streams.In, file.Options{Namespace: namespace, Now: a.Now()})
	if err == nil && s.Source == snapshot.FromManifests && (len(o.selection.objects) > 0 || len(o.drain) > 0 || o.selector != "") {
		err = usage("quota.fit.error.names-and-manifests", "file", o.files[0])
	}
	return s, err
}

func (o quotaFitOptions) fitQuery(namespace string, manifests *snapshot.Snapshot) quota.FitQuery {
	if o.namespace != "" {
		namespace = o.namespace
	}
	q := quota.FitQuery{Query: o.query(namespace), Manifests: manifests, Drain: o.drain, Add: o.add, Like: o.like}
	if o.replicas >= 0 {
		n := o.replicas
		q.Replicas = &n
	}
	return q
}
