package inspect

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// shownNodes bounds the nodes that evidence lists one by one.
const shownNodes = 8

// unplaced is one pod without a node.
type unplaced struct {
	s         *snapshot.Snapshot
	pod       *corev1.Pod
	condition *corev1.PodCondition
}

// finding begins the finding of a rule: what must change is the template of
// the pod's owner, seen at the pod. Nothing of the one pod goes into the
// arguments, so that its siblings join it.
func (p unplaced) finding(id string, c finding.Confidence, s finding.Severity) finding.Finding {
	owner := rule.TemplateOwner(p.s, p.pod)
	return finding.Finding{
		Rule: id, Object: owner, At: p.ref(), Confidence: c, Severity: s,
		Args: map[string]any{
			"namespace": p.pod.Namespace, "owner": strings.ToLower(owner.Kind) + "/" + owner.Name,
			"seen": false, "unread": false, "possible": c == finding.Possible,
		},
		Evidence: []finding.Evidence{{
			Object: p.ref().String(), Path: "status.conditions[PodScheduled]",
			Value: p.condition.Reason + ": " + p.condition.Message,
		}},
	}
}

func (p unplaced) ref() finding.Ref {
	return finding.Ref{Kind: "Pod", Namespace: p.pod.Namespace, Name: p.pod.Name}
}

func (p unplaced) gated() finding.Finding {
	f := p.finding(ruleGated, finding.Certain, "")
	gates := gatesOf(p.pod)
	f.Args["gates"], f.Args["n"] = strings.Join(gates, ", "), len(gates)
	f.Evidence = append(f.Evidence, finding.Evidence{Object: p.ref().String(), Path: "spec.schedulingGates", Value: strings.Join(gates, ", ")})
	return f
}

// byArithmetic works the answer out from nodes and pods.
func (p unplaced) byArithmetic(cluster *fit.Cluster) []finding.Finding {
	if cluster.Nodes() == 0 {
		f := p.finding(ruleNoNodes, finding.Certain, "")
		f.Evidence = append(f.Evidence, finding.Evidence{Object: "nodes", Path: "items", Value: "0"})
		f.Args["seen"] = true
		return []finding.Finding{f}
	}
	verdict := cluster.Judge(p.pod)
	if fitting := verdict.Fitting(); len(fitting) > 0 {
		return p.wouldFit(verdict, fitting)
	}
	change, ok := verdict.SmallestChange()
	if !ok {
		return nil
	}
	main := change.Lift[0]
	f := p.finding(ruleFor(main.Reason), p.confidence(verdict), "")
	f.Args["seen"] = true
	refusalArgs(f.Args, main, change)
	if main.Reason == fit.Cordoned || main.Reason == fit.Tainted {
		f.Via = []finding.Ref{{Kind: "Node", Name: change.Node}}
	}
	if main.Claim != nil && main.Claim.Claim != "" {
		f.Via = []finding.Ref{{Kind: "PersistentVolumeClaim", Namespace: p.pod.Namespace, Name: main.Claim.Claim}}
	}
	f.Evidence = append(f.Evidence, verdictEvidence(verdict)...)
	if f.Confidence != finding.Certain {
		f.Evidence = append(f.Evidence, p.notReckoned(verdict)...)
	}
	return []finding.Finding{f}
}

// confidence is certain where the scheduler names nothing that the arithmetic
// does not find as well. It stops at the first reason of each node, so that it
// may well name fewer. Where it names others the cluster has changed since it
// looked, or it reckons with something that was not read here: likely.
func (p unplaced) confidence(v fit.Verdict) finding.Confidence {
	found := map[string]bool{}
	for _, r := range v.Everywhere {
		found[ruleFor(r.Reason)] = true
	}
	for _, n := range v.Nodes {
		for _, r := range n.Refusals {
			found[ruleFor(r.Reason)] = true
		}
	}
	confidence := finding.Likely
	said, _ := fit.ParseMessage(p.condition.Message)
	for _, s := range said {
		if s.Reason == "" || !found[ruleFor(s.Reason)] {
			return finding.Likely
		}
		confidence = finding.Certain
	}
	return confidence
}

// wouldFit: by what was read some node takes the pod, yet the scheduler said
// no. Either something refuses that was not reckoned with, then the scheduler's
// reason is the likely cause where it is of that kind. Or the cluster has
// changed since and the pod is about to be placed: the scheduler wakes it on
// the events that its reasons wait for. It is still without a node, so saying
// nothing would leave its owner alone; the scheduler's words are given as what
// they are, a possible cause, and as a warning only.
func (p unplaced) wouldFit(v fit.Verdict, fitting []string) []finding.Finding {
	confidence, severity := finding.Possible, finding.Warning
	if p.gapExplains(v) {
		confidence, severity = finding.Likely, ""
	}
	out := p.byMessage(confidence, severity)
	for i := range out {
		out[i].Evidence = append(out[i].Evidence, finding.Evidence{
			Object: "node/" + fitting[0], Path: "fit",
			Value: fmt.Sprintf("by what was read, the pod fits here now (%d of %d nodes)", len(fitting), len(v.Nodes)),
		})
		out[i].Evidence = append(out[i].Evidence, p.notReckoned(v)...)
	}
	return out
}

// gapExplains says whether the scheduler's reason is of a kind that was not reckoned with.
func (p unplaced) gapExplains(v fit.Verdict) bool {
	said, _ := fit.ParseMessage(p.condition.Message)
	s, ok := fit.Cheapest(said)
	if !ok {
		return false
	}
	for _, g := range v.NotModelled {
		switch g.Kind {
		case fit.UnboundClaim, fit.UnreadClaim, fit.UnreadVolume, fit.VolumeLimit, fit.InlineDisk:
			if ruleFor(s.Reason) == ruleVolume {
				return true
			}
		case fit.UnreadNamespaces:
			if ruleFor(s.Reason) == ruleAffinity {
				return true
			}
		case fit.Reserved:
			return true
		default: // the scheduler's words for these name no rule of ours
		}
	}
	return false
}

func (p unplaced) notReckoned(v fit.Verdict) []finding.Evidence {
	var out []finding.Evidence
	for _, g := range v.NotModelled {
		out = append(out, finding.Evidence{Object: p.ref().String(), Path: "not reckoned with", Value: g.String()})
	}
	return out
}

// verdictEvidence lists the nodes, the nearest first, and counts the rest.
func verdictEvidence(v fit.Verdict) []finding.Evidence {
	var out []finding.Evidence
	for _, r := range v.Everywhere {
		out = append(out, finding.Evidence{Object: "persistentvolumeclaim/" + r.Claim.Claim, Path: "status", Value: r.String()})
	}
	if len(out) > 0 {
		return out
	}
	nearest := v.Nearest()
	for i, n := range nearest {
		if i == shownNodes {
			rest := fit.Verdict{Nodes: nearest[i:]}
			_, counts, _ := strings.Cut(rest.Message(), ": ")
			out = append(out, finding.Evidence{Object: "nodes", Path: "the rest", Value: fmt.Sprintf("%d more: %s", len(nearest)-i, strings.TrimSuffix(counts, "."))})
			break
		}
		out = append(out, finding.Evidence{Object: "node/" + n.Node, Path: refusalPath(n.Main()), Value: n.String()})
	}
	return out
}

// refusalPath is the field that the refusal was read from.
func refusalPath(r fit.Refusal) string {
	switch r.Reason {
	case fit.Cordoned:
		return "spec.unschedulable"
	case fit.Tainted:
		return "spec.taints"
	case fit.Insufficient:
		return "status.allocatable[" + string(r.Shortage.Resource) + "]"
	case fit.PortTaken, fit.AntiAffinity, fit.KeptAway, fit.AffinityUnmet, fit.Skewed:
		return "pods on it"
	default:
		return "metadata.labels"
	}
}
