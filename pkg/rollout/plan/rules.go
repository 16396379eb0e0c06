package plan

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// rules are all that a plan is held against. A finding that is an error refuses
// it: what it says would lose requests, never come to its end, or be undone.
func (d *draft) rules() []rule.Rule {
	var out []rule.Rule
	add := func(cause string, check func() []finding.Finding) {
		out = append(out, rule.Rule{ID: "rollout/" + cause, Check: func(*snapshot.Snapshot, *rule.Scope) []finding.Finding { return check() }})
	}
	add("nothing-to-do", d.checkNothingToDo)
	add("lock-held", d.checkLockHeld)
	add("abandoned", d.checkAbandoned)
	add("drift", d.checkDrift)
	if d.in.NothingToDo {
		return out // what the steps would come to is no matter
	}
	add("not-settled", d.checkNotSettled)
	add("recreate-strategy", d.checkRecreate)
	add("no-readiness-gate", d.checkReadinessGate)
	add("selector-mismatch", d.checkSelectorMismatch)
	add("volume-conflict", d.checkVolumeConflict)
	add("selector-overlap", d.checkSelectorOverlap)
	add("session-affinity", d.checkSessionAffinity)
	add("uneven-routing", d.checkUnevenRouting)
	add("unready-published", d.checkUnreadyPublished)
	add("weight-unreachable", d.checkWeights)
	add("quota-short", d.checkQuota)
	add("pods-refused", d.checkPodsRefused)
	add("no-room", d.checkRoom)
	add("budget-tight", d.checkBudgets)
	add("timeout-short", d.checkTimeout)
	add("hpa-conflict", d.checkAutoscalers)
	add("gitops-managed", d.checkGitOps)
	add("operator-owned", d.checkOperator)
	add("write-refused", d.checkWrites)
	add("access-denied", d.checkAccess)
	return out
}

// fights says whether a rule is about somebody or something that works against the rollout.
func fights(id string) bool {
	switch strings.TrimPrefix(id, "rollout/") {
	case "lock-held", "abandoned", "drift", "recreate-strategy", "volume-conflict", "selector-overlap", "session-affinity",
		"uneven-routing", "hpa-conflict", "gitops-managed", "operator-owned":
		return true
	}
	return false
}

// found begins a finding about the workload, with what all texts may name.
func (d *draft) found(args map[string]any, seen ...finding.Evidence) finding.Finding {
	return d.foundAt(d.w.target(), args, seen...)
}

// foundAt begins a finding about another object.
func (d *draft) foundAt(object finding.Ref, args map[string]any, seen ...finding.Evidence) finding.Finding {
	all := map[string]any{
		"workload": d.w.ref.String(), "kind": d.w.ref.Kind, "name": d.w.ref.Name, "namespace": d.w.ref.Namespace,
		"deployment": d.w.deployment != nil, "plan": d.command(), "again": d.again(),
	}
	maps.Copy(all, args)
	return finding.Finding{Object: object, Args: all, Evidence: seen}
}

// command asks for a plan of the same change. Images are written out; what may be
// long, or hold what nobody wants to read twice, is named only.
func (d *draft) command() string {
	words := []string{"kubectl msa -n", d.w.ref.Namespace, "rollout plan", d.w.ref.String()}
	e := d.spec.Edit
	for _, container := range slices.Sorted(maps.Keys(e.Images)) {
		words = append(words, "--image", quoted(container+"="+e.Images[container]))
	}
	for _, v := range e.Env {
		change := v.Name + "=..."
		if v.Remove {
			change = v.Name + "-"
		}
		if v.Container != "" {
			change = v.Container + ":" + change
		}
		words = append(words, "--set-env", quoted(change))
	}
	if len(e.Patch) > 0 {
		words = append(words, "--patch", "PATCH")
	}
	if len(e.Manifest) > 0 {
		words = append(words, "-f", "FILE")
	}
	return strings.Join(words, " ")
}

// again is command with the strategy that was asked for.
func (d *draft) again() string {
	if d.spec.Strategy == rollout.BlueGreen {
		return d.command() + " --strategy bluegreen"
	}
	return d.command()
}

// quoted protects a word from the shell.
func quoted(word string) string {
	if strings.IndexFunc(word, func(r rune) bool {
		return !strings.ContainsRune("-_.:/=@+,", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// seen is evidence on the workload.
func (d *draft) seen(path, value string) finding.Evidence {
	return finding.Evidence{Object: d.w.ref.String(), Path: path, Value: value}
}

func (d *draft) checkNothingToDo() []finding.Finding {
	if !d.in.NothingToDo {
		return nil
	}
	return []finding.Finding{d.found(nil, d.seen("spec.template.spec.containers[*].image", strings.Join(images(d.old), ", ")))}
}
