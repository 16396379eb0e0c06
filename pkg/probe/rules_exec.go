package probe

import (
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// execRules judge what a probe runs or asks.
func execRules() []rule.Rule {
	return []rule.Rule{
		ofProbe("probe/exec-missing-binary", checkBinary),
		ofContainer("probe/exec-load", checkExecLoad),
		ofProbe("probe/dependency-cascade", checkCascade),
	}
}

// checkBinary: the kubelet says that the command of an exec probe could not be
// started. It calls that no verdict and forgets the run, as of a port without a name.
func checkBinary(v *view, sub *subject, c container, t Type) *finding.Finding {
	if c.probe(t).Exec == nil {
		return nil
	}
	s := v.sightOf(sub, func(pod *corev1.Pod) []*corev1.Event { return v.failures(pod, c, t) },
		func(message string) bool { return faultOf(message) == noBinary })
	if s == nil {
		return nil
	}
	f := sub.probeFinding(c, t)
	if t == Liveness {
		f.Severity = finding.Warning
	}
	f.Args["command"] = strings.Join(c.probe(t).Exec.Command, " ")
	f.Evidence = append(f.Evidence, sub.written(c.probePath(t)+".exec.command", "%s", strings.Join(c.probe(t).Exec.Command, " ")))
	f.Evidence = append(f.Evidence, v.countedEvidence(sub, c, t)...)
	return on(f, s)
}

// Every run of an exec probe makes a process in the container, by way of the
// container runtime, which costs tens of milliseconds of processor time.
const (
	podLoad  = 0.5 // runs a second in one pod
	nodeLoad = 5.0 // runs a second on one node, of pods of one workload that were seen there
)

// checkExecLoad adds up the exec probes of one container.
func checkExecLoad(_ *view, sub *subject, c container) *finding.Finding {
	rate := 0.0
	var kinds []string
	for _, t := range []Type{Readiness, Liveness} { // startup ends
		if c.has(t) && c.probe(t).Exec != nil {
			rate += 1 / float64(c.values(t).PeriodSeconds)
			kinds = append(kinds, string(t))
		}
	}
	perNode, node := map[string]int{}, ""
	for _, pod := range sub.pods {
		if pod.Spec.NodeName != "" {
			perNode[pod.Spec.NodeName]++
		}
	}
	for name, n := range perNode {
		if n > perNode[node] || n == perNode[node] && name < node {
			node = name
		}
	}
	onNode := rate * float64(perNode[node])
	if rate < podLoad && onNode < nodeLoad {
		return nil
	}
	f := sub.finding(c)
	f.Args["minute"], f.Args["node"], f.Args["nodeMinute"], f.Args["pods"] = perMinute(rate), "", 0, perNode[node]
	if onNode >= nodeLoad {
		f.Severity = finding.Warning
		f.Args["node"], f.Args["nodeMinute"] = node, perMinute(onNode)
	}
	for _, k := range kinds {
		f.Evidence = append(f.Evidence, sub.numbers(c, Type(k)))
	}
	return f
}

func perMinute(rate float64) int { return int(rate*60 + 0.5) }

// aggregated are the paths under which frameworks answer for everything that a
// program needs, its database included, and what they offer in their place:
// Spring Boot Actuator's root health group, and Quarkus' sum of liveness and readiness.
func aggregated(asked string) string {
	return map[string]string{"/actuator/health": "/actuator/health/liveness", "/q/health": "/q/health/live"}[strings.TrimSuffix(asked, "/")]
}

// checkCascade: a liveness probe that fails when something else fails restarts
// every replica for a fault that no restart mends.
func checkCascade(v *view, sub *subject, c container, t Type) *finding.Finding {
	p := c.probe(t)
	f := sub.probeFinding(c, t)
	f.Args["service"], f.Args["path"], f.Args["instead"], f.Args["patch"] = "", "", "", ""
	switch {
	case p.HTTPGet != nil && t == Liveness && aggregated(p.HTTPGet.Path) != "":
		f.Confidence = finding.Likely
		f.Args["path"], f.Args["instead"] = p.HTTPGet.Path, aggregated(p.HTTPGet.Path)
		f.Args["patch"] = sub.patchContainer(c, set(t, change{"httpGet": change{"path": aggregated(p.HTTPGet.Path)}}))
		f.Evidence = append(f.Evidence, sub.written(c.probePath(t)+".httpGet.path", "%s", p.HTTPGet.Path))
	case p.Exec != nil && t != Startup:
		other := otherService(v, sub, strings.Join(p.Exec.Command, " "))
		if other == "" {
			return nil
		}
		f.Args["service"] = other
		f.Evidence = append(f.Evidence,
			sub.written(c.probePath(t)+".exec.command", "%s", strings.Join(p.Exec.Command, " ")),
			finding.Evidence{Object: "service/" + other, Path: "metadata.name", Value: other})
		if t == Readiness {
			f.Severity = finding.Info // all replicas leave at once, and come back by themselves
		}
	default:
		return nil
	}
	return f
}

// hostIn finds what a command connects to: -h HOST, --host=HOST, scheme://HOST, user@HOST, nc HOST PORT, HOST:PORT.
var hostIn = regexp.MustCompile(`(?:^|\s)(?:-h|-H|--host|--hostname|--server)[ =]?([a-z][a-z0-9.-]*)` +
	`|(?:://|@)([a-z][a-z0-9.-]*)` +
	`|(?:^|\s)nc(?:\s+-\S+)*\s+([a-z][a-z0-9.-]*)\s+[0-9]` +
	`|(?:^|\s|=)([a-z][a-z0-9.-]*):[0-9]{2,5}\b`)

// otherService is a Service of the namespace that a command connects to, and that leads elsewhere.
func otherService(v *view, sub *subject, command string) string {
	all, _ := snapshot.List[*corev1.Service](v.s, sub.ref.Namespace, nil)
	for _, m := range hostIn.FindAllStringSubmatch(command, -1) {
		name, _, _ := strings.Cut(strings.Join(m[1:], ""), ".") // one of them is not empty
		known := func(svc *corev1.Service) bool { return svc.Name == name }
		if slices.ContainsFunc(all, known) && !slices.ContainsFunc(sub.services, known) {
			return name
		}
	}
	return ""
}

// slowCommands start an interpreter or a virtual machine, or are documented to
// take longer than a second.
func slowCommands() []string {
	return []string{
		"java", "jcmd", "jps", "nodetool", "cqlsh", "rabbitmqctl", "rabbitmq-diagnostics", "celery",
		"kafka-topics.sh", "kafka-broker-api-versions.sh", "kafka-topics", "kafka-broker-api-versions", "mongo", "mongosh",
	}
}

// slowCommand is the command of an exec probe that is known to be slow to start, "" for none.
func slowCommand(p *corev1.Probe) string {
	if p.Exec == nil {
		return ""
	}
	for _, word := range strings.FieldsFunc(strings.Join(p.Exec.Command, " "), func(r rune) bool { return strings.ContainsRune(" \t\n;|&()'\"$`", r) }) {
		if name := path.Base(word); slices.Contains(slowCommands(), name) {
			return name
		}
	}
	return ""
}
