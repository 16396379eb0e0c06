package inspect

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func namespaceRules() []rule.Rule {
	return []rule.Rule{{ID: "namespace/stuck-terminating", Reads: []snapshot.Kind{"Namespace"}, Check: checkNamespaces}}
}

// The namespace controller's words (pkg/controller/namespace/deletion/status_condition_utils.go).
var (
	remaining  = regexp.MustCompile(`([a-z0-9.-]+) has (\d+) resource instances`)
	finalizing = regexp.MustCompile(`([^\s,:]+) in (\d+) resource instances`)
)

// checkNamespaces: a namespace is to be deleted and something in it stays.
func checkNamespaces(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, ns := range rule.Members[*corev1.Namespace](s, sc) {
		if !overdue(s, ns) {
			continue
		}
		f := finding.Finding{Object: rule.RefTo(ns), Args: map[string]any{
			"name": ns.Name, "resources": "", "first": "", "finalizers": "", "unserved": "", "failed": "", "keeper": "",
		}}
		for _, c := range ns.Status.Conditions {
			if c.Status != corev1.ConditionTrue {
				continue
			}
			namespaceArgs(f.Args, c)
			f.Evidence = append(f.Evidence, seen(ns, "status.conditions["+string(c.Type)+"]", c.Message))
		}
		if len(f.Evidence) > 0 {
			out = append(out, f)
		}
	}
	return out
}

func namespaceArgs(args map[string]any, c corev1.NamespaceCondition) {
	switch c.Type {
	case corev1.NamespaceContentRemaining:
		var kinds, counted []string
		for _, m := range remaining.FindAllStringSubmatch(c.Message, -1) {
			kind := strings.TrimSuffix(m[1], ".")
			kinds = append(kinds, kind)
			counted = append(counted, m[2]+" "+kind)
		}
		args["resources"], args["first"] = strings.Join(counted, ", "), strings.Join(kinds, ",")
	case corev1.NamespaceFinalizersRemaining:
		var names []string
		for _, m := range finalizing.FindAllStringSubmatch(c.Message, -1) {
			names = append(names, m[1])
		}
		args["finalizers"], args["keeper"] = strings.Join(names, ", "), keeperOf(names)
	case corev1.NamespaceDeletionDiscoveryFailure, corev1.NamespaceDeletionGVParsingFailure:
		args["unserved"] = firstLine(c.Message)
	case corev1.NamespaceDeletionContentFailure:
		args["failed"] = firstLine(c.Message)
	}
}
