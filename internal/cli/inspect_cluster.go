package cli

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// runInspectCluster tells of control plane, nodes and add-ons.
func (a *app) runInspectCluster(ctx context.Context, o inspectOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	s, answers, err := a.seeTheCluster(ctx, o)
	if err != nil {
		return err
	}
	if err := a.saveSnapshot(o.save, s); err != nil {
		return err
	}
	report, err := inspect.InspectCluster(s, answers, inspect.Options{Lang: a.lang, Catalogue: catalogue})
	if err != nil {
		return err
	}
	return a.give(report, o.output, o.verdict)
}

// notInFiles is why an answer of the API server is not known from files.
const notInFiles = "not in the files"

// seeTheCluster reads a fixed number of lists, and asks the API server how it
// is. Files hold the lists alone.
func (a *app) seeTheCluster(ctx context.Context, o inspectOptions) (*snapshot.Snapshot, inspect.ClusterAnswers, error) {
	plan := func(s *snapshot.Snapshot, _ inspect.Query) snapshot.Needs { return inspect.ClusterPlan(s) }
	var answers inspect.ClusterAnswers
	if len(o.files) > 0 {
		s, _, err := a.seeFiles(o.readOptions)
		why := inspect.HealthAnswer{Why: notInFiles}
		return s, inspect.ClusterAnswers{Live: why, Ready: why, GroupsWhy: notInFiles}, err
	}
	c, err := a.connect()
	if err != nil {
		return nil, answers, err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	s, _, err := a.seeCluster(ctx, c, o.readOptions, plan)
	if err == nil {
		answers = askCluster(ctx, c)
		s.Requests = len(c.reader.Requests())
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}
	a.sayRequests(c)
	return s, answers, err
}

// answerTime bounds how long the API server is waited for when it is asked about
// itself: one that is unwell may not say so, and the lists are there already.
const answerTime = 5 * time.Second

// askCluster makes three requests; what is refused, or not answered in time, leaves its reason.
func askCluster(ctx context.Context, c *cluster) inspect.ClusterAnswers {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var out inspect.ClusterAnswers
	var all sync.WaitGroup
	all.Go(func() {
		groups, err := c.reader.Groups(ctx)
		if err != nil {
			out.GroupsWhy = noAnswer(err)
			return
		}
		out.Groups = slices.Sorted(maps.Keys(groups))
	})
	all.Go(func() { out.Live = healthAnswer(c.reader.Health(ctx, "/livez")) })
	all.Go(func() { out.Ready = healthAnswer(c.reader.Health(ctx, "/readyz")) })
	all.Wait()
	return out
}

func noAnswer(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	return snapshot.Safe(err.Error())
}

func healthAnswer(h live.Health) inspect.HealthAnswer {
	return inspect.HealthAnswer{OK: h.OK, Passed: safeAll(h.Passed), Failed: safeAll(h.Failed), Why: h.Why}
}

func safeAll(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = snapshot.Safe(s)
	}
	return out
}
