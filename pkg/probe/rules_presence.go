package probe

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// presenceRules find probes that are not there and would be of use.
func presenceRules() []rule.Rule {
	return []rule.Rule{
		ofContainer("probe/missing-readiness", checkMissingReadiness),
		ofContainer("probe/missing-liveness", checkMissingLiveness),
	}
}

// checkMissingReadiness: a Service sends traffic to a container that counts as
// ready the moment its process exists. Silent where another container's
// readiness probe asks for the same port, since the pod waits for that one too.
func checkMissingReadiness(_ *view, sub *subject, c container) *finding.Finding {
	s := serving(sub)[c.spec.Name]
	if s == nil || c.has(Readiness) || sub.once() || publishes(sub) || askedByAnother(sub, s.ports) {
		return nil
	}
	f := sub.finding(c)
	f.Args["services"], f.Args["liveness"], f.Args["startup"] = strings.Join(s.services, ", "), c.has(Liveness), c.has(Startup)
	f.Args["patch"] = sub.patchContainer(c, set(Readiness, change{"tcpSocket": change{"port": s.ports[0]}}))
	f.Evidence = append(f.Evidence, sub.written(c.path()+".readinessProbe", "(none)"))
	for _, svc := range sub.services {
		if svc.Name == s.services[0] {
			f.Evidence = append(f.Evidence, finding.Evidence{Object: rule.RefTo(svc).String(), Path: "spec.selector", Value: labels.FormatLabels(svc.Spec.Selector)})
		}
	}
	return f
}

func askedByAnother(sub *subject, ports []int) bool {
	return slices.ContainsFunc(containers(sub.spec), func(c container) bool {
		if !c.has(Readiness) {
			return false
		}
		port, ok := portOf(c.probe(Readiness))
		number, resolved := portNumber(port, c.spec)
		return ok && resolved && slices.Contains(ports, number)
	})
}

// checkMissingLiveness: nothing restarts a container that hangs. Only said of
// one that serves and has a readiness probe: the lack of that weighs more, and a
// process that ends is restarted anyway.
func checkMissingLiveness(_ *view, sub *subject, c container) *finding.Finding {
	s := serving(sub)[c.spec.Name]
	if s == nil || c.has(Liveness) || !c.has(Readiness) || sub.once() || !c.restarts(sub.spec) {
		return nil
	}
	f := sub.finding(c)
	f.Args["services"] = strings.Join(s.services, ", ")
	f.Evidence = append(f.Evidence, sub.written(c.path()+".livenessProbe", "(none)"))
	return f
}
