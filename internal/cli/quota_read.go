package cli

import (
	"context"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

// quotaFlags is what was typed of the flags that all reading quota commands have.
type quotaFlags struct{ *readFlags }

// quotaOptions is what will run.
type quotaOptions struct {
	readOptions
	// explain adds formulas to the numbers.
	explain bool
	// lean keeps of pods what an audit looks at; a saved snapshot has them whole.
	lean bool
}

func newQuotaFlags(fail failOn) *quotaFlags { return &quotaFlags{newReadFlags(fail)} }

// options checks what was typed, without looking at any cluster.
func (f *quotaFlags) options(a *app, args []string) (quotaOptions, error) {
	o, err := f.readFlags.options(a, args, parseSelection)
	return quotaOptions{readOptions: o}, err
}

// readQuota gives the snapshot that the question is answered from, and the question.
func (a *app) readQuota(ctx context.Context, o quotaOptions, needs func(*snapshot.Snapshot, quota.Query) snapshot.Needs) (*snapshot.Snapshot, quota.Query, error) {
	if len(o.files) > 0 {
		fallback := o.namespace
		if fallback == "" {
			fallback = "default"
		}
		s, err := file.Load(o.files, a.Streams.In, file.Options{Namespace: fallback, Now: a.Now()})
		if err != nil {
			return nil, quota.Query{}, err
		}
		namespace := o.namespace
		if namespace == "" {
			namespace = s.Namespace
		}
		q := o.query(namespace)
		notSaved(s, func() snapshot.Needs { return needs(s, q) })
		return s, q, a.saveSnapshot(o.save, s)
	}
	c, err := a.connect()
	if err != nil {
		return nil, quota.Query{}, err
	}
	q := o.query(c.namespace)
	s := snapshot.New(snapshot.FromCluster, a.Now())
	s.Context, s.Namespace = c.context, c.namespace
	if o.lean && o.save == "" {
		c.reader.Keep(quota.Lean())
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	err = c.reader.Fill(ctx, s, func(s *snapshot.Snapshot) snapshot.Needs { return needs(s, q) })
	done()
	a.sayRequests(c)
	if err != nil {
		return nil, q, err
	}
	return s, q, a.saveSnapshot(o.save, s)
}

// notSaved notes what the question needs and a saved snapshot does not hold, such
// as one that was saved for another question.
func notSaved(s *snapshot.Snapshot, needs func() snapshot.Needs) {
	const rounds = 8 // what is known decides what is needed next
	for range rounds {
		missing := needs().Objects
		if s.Source != snapshot.FromCluster || len(missing) == 0 {
			return
		}
		for _, n := range missing {
			s.Record(snapshot.Reading{Need: n, Why: "not in the saved snapshot"})
		}
	}
}

func (o quotaOptions) query(namespace string) quota.Query {
	if o.allNamespaces {
		namespace = ""
	}
	q := quota.Query{Namespace: namespace, Selector: o.selector, Explain: o.explain}
	for _, t := range o.selection.objects {
		t.Namespace = namespace
		q.Targets = append(q.Targets, t)
	}
	return q
}
