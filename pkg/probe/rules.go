package probe

import (
	"fmt"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Rules are all rules about probes.
func Rules() []rule.Rule {
	var out []rule.Rule
	for _, part := range [][]rule.Rule{askingRules(), presenceRules(), orderRules(), startRules(), stopRules(), execRules(), seenRules(), refusedRules()} {
		out = append(out, part...)
	}
	return out
}

// reads are the kinds that every rule may look at.
func reads() []snapshot.Kind {
	return []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "Pod", "Service", eventKind, snapshot.NodeProbesKind}
}

// ofSubject makes a rule of a function that judges one pod template.
func ofSubject(id string, judge func(*view, *subject) []finding.Finding) rule.Rule {
	return rule.Rule{ID: id, Reads: reads(), Check: func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		v := look(s, sc)
		var out []finding.Finding
		for _, sub := range v.subjects {
			out = append(out, judge(v, sub)...)
		}
		return out
	}}
}

// ofContainer makes a rule of a function that judges one container. What a
// webhook or an operator added to the pods is not the template's to change, and is left out.
func ofContainer(id string, judge func(*view, *subject, container) *finding.Finding) rule.Rule {
	return ofSubject(id, func(v *view, sub *subject) []finding.Finding {
		var out []finding.Finding
		for _, c := range sub.containers() {
			if c.added {
				continue
			}
			if f := judge(v, sub, c); f != nil {
				out = append(out, *f)
			}
		}
		return out
	})
}

// ofProbe makes a rule of a function that judges one probe.
func ofProbe(id string, judge func(*view, *subject, container, Type) *finding.Finding) rule.Rule {
	return ofSubject(id, func(v *view, sub *subject) []finding.Finding {
		var out []finding.Finding
		for _, c := range sub.containers() {
			for _, t := range Types() {
				if c.added || !c.has(t) {
					continue
				}
				if f := judge(v, sub, c, t); f != nil {
					out = append(out, *f)
				}
			}
		}
		return out
	})
}

// finding begins a finding about a container of a template. Where pods of it
// were seen, it counts them: all of them are written so.
func (sub *subject) finding(c container) *finding.Finding {
	f := &finding.Finding{
		Object: c.of(sub.ref), Count: 1,
		Args: map[string]any{"container": c.spec.Name, "namespace": sub.ref.Namespace, "owner": sub.ref.String(), "role": string(c.role)},
	}
	if sub.read != sub.ref || len(sub.pods) > 0 {
		f.At = sub.read
	}
	if len(sub.pods) > 0 {
		f.At, f.Count = rule.RefTo(sub.pods[0]), len(sub.pods)
		for _, pod := range sub.pods[1:] {
			f.Also = append(f.Also, rule.RefTo(pod))
		}
	}
	return f
}

// probeFinding is finding about one of the container's probes.
func (sub *subject) probeFinding(c container, t Type) *finding.Finding {
	f := sub.finding(c)
	f.Args["probe"], f.Args["handler"] = string(t), Handler(c.probe(t), c.spec)
	return f
}

// written makes evidence of what the template says.
func (sub *subject) written(path, format string, args ...any) finding.Evidence {
	return finding.Evidence{Object: sub.read.String(), Path: rule.TemplatePath(sub.read, path), Value: fmt.Sprintf(format, args...)}
}

// numbers makes evidence of a probe's numbers, those that were left to the
// default marked: "period 10 s (default), timeout 3 s".
func (sub *subject) numbers(c container, t Type) finding.Evidence {
	v := c.values(t)
	byDefault := map[Field]bool{}
	for _, f := range v.Default {
		byDefault[f] = true
	}
	var parts []string
	for _, p := range []struct {
		field Field
		value int
	}{{InitialDelay, v.InitialDelaySeconds}, {Period, v.PeriodSeconds}, {Timeout, v.TimeoutSeconds}, {SuccessThreshold, v.SuccessThreshold}, {FailureThreshold, v.FailureThreshold}} {
		if byDefault[p.field] && (p.field == InitialDelay || p.field == SuccessThreshold) {
			continue // 0 and 1 go without saying
		}
		text := fmt.Sprintf("%s: %d", p.field, p.value)
		if byDefault[p.field] {
			text += " (default)"
		}
		parts = append(parts, text)
	}
	return sub.written(c.probePath(t), "%s", strings.Join(parts, ", "))
}

// on moves a finding to the pods on which it was seen.
func on(f *finding.Finding, s *sight) *finding.Finding {
	f.At, f.Count, f.Also = rule.RefTo(s.pods[0]), len(s.pods), nil
	for _, pod := range s.pods[1:] {
		f.Also = append(f.Also, rule.RefTo(pod))
	}
	if s.event != nil {
		f.Evidence = append(f.Evidence, quote(s.event))
	}
	if s.kill != nil {
		f.Evidence = append(f.Evidence, quote(s.kill))
	}
	return f
}

// severity is error where the failure stops something now.
func (s *sight) severity() finding.Severity {
	if s.out > 0 || s.killed > 0 {
		return finding.Error
	}
	return finding.Warning
}
