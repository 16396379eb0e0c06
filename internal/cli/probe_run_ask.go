package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe/run"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

func (a *app) runProbeRun(ctx context.Context, o probeRunOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	s, q, err := a.readProbes(ctx, c, o)
	if err != nil {
		return err
	}
	questions, leftOut, err := probe.Questions(s, q, o.bounds())
	var unknown *probe.NoContainerError
	switch {
	case errors.As(err, &unknown):
		return usage("error.run-container", "asked", unknown.Asked, "near", nearest(unknown.Asked, unknown.Known), "known", unknown.Known)
	case err != nil:
		return err
	}
	asked := run.NewCluster(c.config, ownVersion())
	answers, missing, err := a.askProbes(ctx, c, s, asked, questions, o)
	var later map[finding.Ref]*corev1.Pod
	if err == nil {
		later, err = a.lookAgain(ctx, c, probe.Suspects(s, q, answers))
	}
	a.sayRequests(c)
	if err != nil {
		return err
	}
	report, err := probe.Run(s, probe.RunInput{
		Query: q, Answers: answers, Later: later, PodsLeftOut: leftOut, NotChecked: missing, Requests: len(c.reader.Requests()) + asked.Requests(),
	}, probe.Options{Lang: a.lang, Catalogue: catalogue})
	if err != nil {
		return err
	}
	return a.give(report, o.output, o.verdict)
}

// readProbes reads what probe check reads too: the pods, whose they are, and what the kubelet said of them.
func (a *app) readProbes(ctx context.Context, c *cluster, o probeRunOptions) (*snapshot.Snapshot, probe.Query, error) {
	namespace := c.namespace
	if o.allNamespaces {
		namespace = ""
	}
	q := o.selection.query(namespace, o.selector)
	s := snapshot.New(snapshot.FromCluster, a.Now())
	s.Context, s.Namespace = c.context, c.namespace
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	err := c.reader.Fill(ctx, s, func(s *snapshot.Snapshot) snapshot.Needs { return probePlan(s, q) })
	done()
	if err == nil && o.save != "" {
		err = file.WriteFile(o.save, s)
	}
	return s, probe.Query(q), err
}

// askProbes says what will be done beyond reading, does it, and cleans up after it.
func (a *app) askProbes(ctx context.Context, c *cluster, s *snapshot.Snapshot, asked *run.Cluster, questions []probe.Question, o probeRunOptions) ([]probe.Answer, []finding.NotChecked, error) {
	options := run.Options{Samples: o.samples, Interval: o.interval, Exec: o.exec, Agent: a.agent(ctx, c)}
	if o.exec {
		a.sayCommands(questions)
	}
	var missing []finding.NotChecked
	if o.helper {
		with, could, clean, err := a.withHelper(ctx, c, s, asked, questions, o.image, options)
		if err != nil {
			return nil, nil, err
		}
		defer clean()
		options, missing = with, could
	}
	progress := a.Streams.Wait(a.t("wait.probing", "n", len(questions)))
	defer progress()
	answers, err := asked.Run(ctx, questions, options)
	return answers, missing, err
}

// longestLook bounds how long a suspect is waited for.
const longestLook = 30 * time.Second

// lookAgain reads the pods of suspects once more, after the kubelet has had the
// time to notice what passed here.
func (a *app) lookAgain(ctx context.Context, c *cluster, suspects []probe.Question) (map[finding.Ref]*corev1.Pod, error) {
	var needs snapshot.Needs
	wait := time.Duration(0)
	for _, q := range suspects {
		if settles := time.Duration(q.Settles()) * time.Second; settles <= longestLook {
			wait = max(wait, settles)
			needs.Objects = append(needs.Objects, snapshot.Need{Kind: "Pod", Namespace: q.Pod.Namespace, Name: q.Pod.Name})
		}
	}
	if needs.Empty() {
		return nil, nil
	}
	done := a.Streams.Wait(a.t("wait.suspects", "after", wait.String()))
	defer done()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(wait):
	}
	s := snapshot.New(snapshot.FromCluster, a.Now())
	if err := c.reader.Fill(ctx, s, func(s *snapshot.Snapshot) snapshot.Needs { return s.Missing(needs) }); err != nil {
		return nil, err
	}
	pods, _ := snapshot.List[*corev1.Pod](s, "", nil)
	later := map[finding.Ref]*corev1.Pod{}
	for _, pod := range pods {
		later[rule.RefTo(pod)] = pod
	}
	return later, nil
}

// sayCommands lists the commands that are about to run, each once.
func (a *app) sayCommands(questions []probe.Question) {
	var lines []string
	for _, q := range questions {
		if q.Probe.Exec == nil || q.Skip != "" {
			continue
		}
		line := fmt.Sprintf("%s: %s", q.Container.Name, strings.Join(q.Probe.Exec.Command, " "))
		if line = "  " + strings.Join(strings.Fields(snapshot.Safe(line)), " "); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(a.Streams.Err, a.t("probe.run.exec-first", "n", len(lines)))
	for _, l := range lines {
		fmt.Fprintln(a.Streams.Err, l)
	}
}

// agent is the user agent of the kubelet's probes (pkg/probe/http/request.go).
// The nodes may be a version or two behind the API server, which is asked here.
func (a *app) agent(ctx context.Context, c *cluster) string {
	v, err := c.reader.ServerVersion(ctx)
	if err != nil {
		return "kube-probe/"
	}
	return fmt.Sprintf("kube-probe/%s.%s", v.Major, strings.TrimRight(v.Minor, "+"))
}
