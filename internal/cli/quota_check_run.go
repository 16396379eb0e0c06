package cli

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

func (a *app) runQuotaCheck(ctx context.Context, o quotaCheckOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	in, err := a.quotaCheckInput(ctx, o)
	if err != nil {
		return err
	}
	if err := a.saveSnapshot(o.save, in.State); err != nil {
		return err
	}
	report, err := quota.Check(in, catalogue, a.lang)
	if err != nil {
		return err
	}
	return a.give(report, o.output, o.verdict)
}

// quotaCheckInput reads the manifests, and what they are to be held against.
func (a *app) quotaCheckInput(ctx context.Context, o quotaCheckOptions) (quota.CheckInput, error) {
	switch {
	case o.local:
		in, err := a.manifests(o, "default")
		in.Alone, in.State = true, snapshot.New(snapshot.FromCluster, a.Now())
		return in, err
	case o.snapshot != "":
		s, err := file.Load([]string{o.snapshot}, a.Streams.In, file.Options{Namespace: "default", Now: a.Now()})
		if err != nil {
			return quota.CheckInput{}, err
		}
		if s.Source != snapshot.FromCluster {
			return quota.CheckInput{}, usage("quota.error.not-a-snapshot", "file", o.snapshot)
		}
		in, err := a.manifests(o, s.Namespace)
		in.Saved, in.State = true, s
		return in, err
	}
	c, err := a.connect()
	if err != nil {
		return quota.CheckInput{}, err
	}
	in, err := a.manifests(o, c.namespace)
	if err != nil {
		return in, err
	}
	in.State = snapshot.New(snapshot.FromCluster, a.Now())
	in.State.Context, in.State.Namespace = c.context, c.namespace
	ctx, cancel := a.within(ctx)
	defer cancel()
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	err = c.reader.Fill(ctx, in.State, func(s *snapshot.Snapshot) snapshot.Needs { return quota.CheckNeeds(in.Manifests, s) })
	if err == nil && o.askServer {
		in.Rehearsals = a.rehearse(ctx, c.reader, quota.Questions(in.Manifests, in.State))
		in.State.Requests = len(c.reader.Requests())
	}
	done()
	a.sayRequests(c)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return in, err
}

// manifests reads -f. Without -n what names no namespace goes where kubectl would send it.
func (a *app) manifests(o quotaCheckOptions, fallback string) (quota.CheckInput, error) {
	if o.namespace != "" {
		fallback = o.namespace
	}
	s, err := file.Load(o.files, a.Streams.In, file.Options{Namespace: fallback, Now: a.Now()})
	if err != nil {
		return quota.CheckInput{}, err
	}
	if s.Source == snapshot.FromCluster {
		return quota.CheckInput{}, usage("quota.error.snapshot-as-manifest", "file", o.files[0])
	}
	for _, m := range s.Objects() {
		if ns := m.GetNamespace(); o.namespace != "" && ns != "" && ns != o.namespace {
			return quota.CheckInput{}, usage("quota.error.other-namespace", "object", string(snapshot.KindOf(m))+" "+m.GetName(), "namespace", ns, "asked", o.namespace)
		}
	}
	return quota.CheckInput{Manifests: s}, nil
}

// rehearsing is how many dry runs are under way at the same time.
const rehearsing = 4

// rehearse asks the API server; each answer has its own place.
func (a *app) rehearse(ctx context.Context, r *live.Reader, questions []quota.Question) []quota.Rehearsal {
	out := make([]quota.Rehearsal, len(questions))
	g := errgroup.Group{}
	g.SetLimit(rehearsing)
	for i, q := range questions {
		out[i] = quota.Rehearsal{Object: q.Object, Pod: q.Pod}
		if q.Needs != nil {
			out[i].Unasked = a.t("quota.check.needs", "object", q.Needs.String())
			continue
		}
		g.Go(func() error {
			answer := r.Rehearse(ctx, q.Send, q.There)
			out[i].Refused, out[i].Message, out[i].Unasked = answer.Refused, answer.Message, answer.Unasked
			return nil
		})
	}
	_ = g.Wait() // none of them fails
	return out
}
