package probe

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// stopRules find probes and grace periods that end a container otherwise than meant.
func stopRules() []rule.Rule {
	return []rule.Rule{
		ofSubject("probe/grace-conflict", checkGrace),
		ofProbe("probe/no-restart-effect", checkNoRestart),
		ofContainer("probe/drain-gap", checkDrain),
	}
}

// farewell is what a program gets to finish its requests, beyond the hook: Kubernetes' default grace period.
const farewell = corev1.DefaultTerminationGracePeriodSeconds

// drainWait is how long a proposed preStop hook waits: longer than kube-proxies
// need to hear of a pod that leaves. Load balancers of clouds may need more.
const drainWait = 10

// checkGrace: the preStop hook takes the whole grace period, so that SIGKILL
// comes two seconds after SIGTERM; or a probe's own grace period is longer than the pod's.
func checkGrace(_ *view, sub *subject) []finding.Finding {
	var out []finding.Finding
	for _, c := range containers(sub.spec) {
		hook := PreStop(c.spec)
		pod := podGrace(sub.spec)
		if hook.Seconds != nil && *hook.Seconds >= pod && pod > 0 {
			f := sub.finding(c)
			f.Args["variant"], f.Args["hook"], f.Args["grace"], f.Args["pod"], f.Args["probe"] = "pod", *hook.Seconds, pod, pod, ""
			f.Args["patch"] = sub.patch(change{string(Grace): *hook.Seconds + farewell})
			f.Evidence = append(f.Evidence, sub.written("spec.terminationGracePeriodSeconds", "%d", pod), sub.written(c.path()+".lifecycle.preStop", "%d s", *hook.Seconds))
			out = append(out, *f)
		}
		for _, t := range []Type{Startup, Liveness} {
			if !c.has(t) || c.values(t).TerminationGracePeriodSeconds == nil {
				continue
			}
			own := *c.values(t).TerminationGracePeriodSeconds
			f := sub.probeFinding(c, t)
			f.Args["hook"], f.Args["grace"], f.Args["pod"] = 0, own, pod
			f.Evidence = append(f.Evidence, sub.written(c.probePath(t)+"."+string(Grace), "%d", own), sub.written("spec.terminationGracePeriodSeconds", "%d", pod))
			switch {
			case hook.Seconds != nil && *hook.Seconds >= own:
				f.Args["variant"], f.Args["hook"] = "probe", *hook.Seconds
				f.Args["patch"] = sub.patchContainer(c, set(t, change{string(Grace): *hook.Seconds + farewell}))
				f.Evidence = append(f.Evidence, sub.written(c.path()+".lifecycle.preStop", "%d s", *hook.Seconds))
			case own > pod:
				f.Args["variant"], f.Severity = "longer", finding.Info
				f.Args["patch"] = sub.patchContainer(c, set(t, change{string(Grace): pod}))
			default:
				continue
			}
			out = append(out, *f)
		}
	}
	return out
}

// checkNoRestart: the probe ends a container that nothing starts again. Of a
// Job that is a way to end a run that hangs; and what another controller makes
// of a pod that failed is its own affair.
func checkNoRestart(_ *view, sub *subject, c container, t Type) *finding.Finding {
	alone := sub.ref.Kind == "Pod" || c.spec.RestartPolicy != nil
	if !t.kills() || c.restarts(sub.spec) || sub.once() || !alone {
		return nil
	}
	f := sub.probeFinding(c, t)
	f.Args["latest"] = *timing(sub, c, t).KilledSeconds
	f.Evidence = append(f.Evidence, sub.written("spec.restartPolicy", "%s", sub.spec.RestartPolicy))
	if p := c.spec.RestartPolicy; p != nil {
		f.Evidence[0] = sub.written(c.path()+".restartPolicy", "%s", *p)
	}
	return f
}

// checkDrain: when a pod is deleted, SIGTERM goes out at the same moment as the
// news that it leaves the Service; whoever has not heard yet still sends. Only
// said of pods that take traffic from outside the cluster, whose load balancers
// hear last, and only a hint: the program may itself go on serving for a while.
func checkDrain(_ *view, sub *subject, c container) *finding.Finding {
	s := serving(sub)[c.spec.Name]
	if s == nil || len(s.outside) == 0 || PreStop(c.spec).Present || sub.once() {
		return nil
	}
	f := sub.finding(c)
	f.Confidence = finding.Possible
	f.Args["services"], f.Args["grace"] = strings.Join(s.outside, ", "), podGrace(sub.spec)
	wait := inContainer(c, change{"lifecycle": change{"preStop": change{"sleep": change{"seconds": drainWait}}}})
	if grace := podGrace(sub.spec); grace < corev1.DefaultTerminationGracePeriodSeconds {
		wait[string(Grace)] = grace + drainWait
	}
	f.Args["patch"] = sub.patch(wait)
	f.Evidence = append(f.Evidence, sub.written(c.path()+".lifecycle.preStop", "(none)"), sub.written("spec.terminationGracePeriodSeconds", "%d", podGrace(sub.spec)))
	for _, svc := range sub.services {
		if !slices.Contains(s.outside, svc.Name) {
			continue
		}
		f.Evidence = append(f.Evidence, finding.Evidence{Object: rule.RefTo(svc).String(), Path: "spec.type", Value: string(svc.Spec.Type)})
	}
	return f
}
