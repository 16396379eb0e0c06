package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe/run"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// withHelper creates the helper pod where it can do something, and gives the
// options to run with, what was not possible, and how to clean up.
func (a *app) withHelper(ctx context.Context, c *cluster, s *snapshot.Snapshot, asked *run.Cluster, questions []probe.Question, image string, o run.Options) (run.Options, []finding.NotChecked, func(), error) {
	nothing := func() {}
	namespace, node := home(questions)
	if namespace == "" {
		return o, nil, nothing, nil
	}
	kept, err := a.keptOut(ctx, c, s, namespace, questions)
	if err != nil {
		return o, nil, nothing, err
	}
	var missing []finding.NotChecked
	o.KeptOut = map[*corev1.Pod]bool{}
	for _, k := range kept {
		o.KeptOut[k.pod] = true
		missing = append(missing, finding.NotChecked{
			What: a.t("probe.run.helper-kept-what", "pod", rule.RefTo(k.pod).String()), Why: a.t("probe.run.helper-kept-why", "policies", strings.Join(k.policies, ", ")),
		})
	}
	if !slices.ContainsFunc(questions, func(q probe.Question) bool { return overNetwork(q) && !o.KeptOut[q.Pod] }) {
		return o, missing, nothing, nil
	}
	fmt.Fprintln(a.Streams.Err, a.t("probe.run.helper-first", "namespace", namespace, "image", snapshot.Safe(image), "life", run.HelperLife.String()))
	done := a.Streams.Wait(a.t("wait.helper", "namespace", namespace))
	helper, err := asked.StartHelper(ctx, namespace, image, node)
	done()
	switch {
	case ctx.Err() != nil:
		return o, missing, nothing, errors.Join(context.Cause(ctx), err)
	case err != nil:
		return o, append(missing, finding.NotChecked{What: a.t("probe.run.helper-what"), Why: snapshot.Safe(err.Error())}), nothing, nil
	}
	o.Helper = helper
	return o, missing, func() { a.removeHelper(ctx, helper) }, nil
}

// overNetwork says that a question goes to a port of a pod that is there.
func overNetwork(q probe.Question) bool { return q.Skip == "" && q.Probe.Exec == nil }

// home is the namespace and the node of the first pod that is asked over the
// network; the namespace is "" where none is.
func home(questions []probe.Question) (namespace, node string) {
	i := slices.IndexFunc(questions, overNetwork)
	if i < 0 {
		return "", ""
	}
	return questions[i].Pod.Namespace, questions[i].Pod.Spec.NodeName
}

// keptOut is a pod that the helper does not reach, by the policies that say so.
type keptOut struct {
	pod      *corev1.Pod
	policies []string
}

// keptOut finds the pods whose NetworkPolicies do not let the helper pod in. The
// kubelet on their node is let in by every policy, so that what the helper would
// find says nothing of the kubelet.
func (a *app) keptOut(ctx context.Context, c *cluster, s *snapshot.Snapshot, namespace string, questions []probe.Question) ([]keptOut, error) {
	needs := snapshot.Needs{Objects: []snapshot.Need{{Kind: "NetworkPolicy", Namespace: namespace}}}
	for _, q := range questions {
		if n := (snapshot.Need{Kind: "NetworkPolicy", Namespace: q.Pod.Namespace}); !slices.Contains(needs.Objects, n) {
			needs.Objects = append(needs.Objects, n)
		}
	}
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	err := c.reader.Fill(ctx, s, func(s *snapshot.Snapshot) snapshot.Needs { return s.Missing(needs) })
	done()
	if err != nil {
		return nil, err
	}
	helper := policy.End{Ref: finding.Ref{Kind: "Pod", Namespace: namespace}, Namespace: namespace, Labels: run.HelperLabels()}
	var out []keptOut
	for _, q := range questions {
		if !overNetwork(q) || q.Elsewhere() != "" || slices.ContainsFunc(out, func(k keptOut) bool { return k.pod == q.Pod }) {
			continue
		}
		v := policy.Judge(helper, policy.PodEnd(rule.RefTo(q.Pod), q.Pod), probedPort(q.Probe), policies(s, namespace), policies(s, q.Pod.Namespace))
		if v.Passes == policy.No {
			out = append(out, keptOut{q.Pod, refusing(v)})
		}
	}
	return out, nil
}

func policies(s *snapshot.Snapshot, namespace string) policy.Listed {
	all, a := snapshot.List[*networkingv1.NetworkPolicy](s, namespace, nil)
	return policy.Listed{Policies: all, Complete: a.State == snapshot.Present}
}

// probedPort is the port that a probe asks.
func probedPort(p *corev1.Probe) policy.Port {
	port := policy.Port{Protocol: corev1.ProtocolTCP}
	var written intstr.IntOrString
	switch {
	case p.HTTPGet != nil:
		written = p.HTTPGet.Port
	case p.TCPSocket != nil:
		written = p.TCPSocket.Port
	case p.GRPC != nil:
		written = intstr.FromInt32(p.GRPC.Port)
	}
	if written.Type == intstr.String {
		port.Name = written.StrVal
	} else {
		port.Number = written.IntVal
	}
	return port
}

// refusing are the policies of the side that refuses.
func refusing(v policy.Verdict) []string {
	var names []string
	for _, side := range []policy.Side{v.Egress, v.Ingress} {
		if side.Passes != policy.No {
			continue
		}
		for _, r := range side.Rulings {
			names = append(names, r.Policy.String())
		}
	}
	return names
}

// removeHelper deletes the helper pod, and says where that failed.
func (a *app) removeHelper(ctx context.Context, helper *run.HelperPod) {
	if err := helper.Remove(ctx); err != nil {
		fmt.Fprintf(a.Streams.Err, "%s: %s\n", a.t("warning"), snapshot.Safe(err.Error()))
		return
	}
	fmt.Fprintln(a.Streams.Err, a.t("probe.run.helper-gone", "name", helper.Name()))
}
