package inspect

import (
	"slices"
	"sort"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// configReads are the kinds that the rules about references look at.
func configReads() []snapshot.Kind {
	return []snapshot.Kind{"Pod", "ReplicaSet", eventKind, secretKind, configMapKind}
}

// configRules find what a pod refers to that is not there, or is no good.
func configRules() []rule.Rule {
	v := &survey{}
	missing := func(kind snapshot.Kind, key bool) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
		return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
			return missingReferences(s, v.of(s, sc).needed, kind, key)
		}
	}
	reads := configReads()
	served := append(configReads(), ingressKind, gatewayAPIKind)
	return []rule.Rule{
		{ID: "config/configmap-missing", Reads: reads, Needs: v.configNeeds, Check: missing(configMapKind, false)},
		{ID: "config/configmap-key-missing", Reads: reads, Needs: v.configNeeds, Check: missing(configMapKind, true)},
		{ID: "config/secret-missing", Reads: reads, Needs: v.configNeeds, Check: missing(secretKind, false)},
		{ID: "config/secret-key-missing", Reads: reads, Needs: v.configNeeds, Check: missing(secretKind, true)},
		{ID: "config/serviceaccount-missing", Reads: accountReads(), Needs: accountNeeds, Check: checkAccounts},
		{ID: "config/tls-secret-invalid", Reads: served, Needs: v.configNeeds, Check: v.certificateCheck(certificateInvalid)},
		{ID: "config/certificate-expired", Reads: served, Needs: v.configNeeds, Check: v.certificateCheck(certificateExpired)},
		{ID: "config/certificate-expiring", Reads: served, Needs: v.configNeeds, Check: v.certificateCheck(certificateExpiring)},
	}
}

// lack is one thing that is missing, with every reference of a pod to it.
type lack struct {
	verdict    verdict
	references []reference
}

// missingReferences reports what pods in trouble refer to and is not there: all
// of it, though the kubelet stops at the first. A key of an object that is
// missing as a whole is the object's finding.
func missingReferences(s *snapshot.Snapshot, needed []podReferences, kind snapshot.Kind, key bool) []finding.Finding {
	var out []finding.Finding
	for _, p := range needed {
		pod := p.pod
		var order []string
		lacks := map[string]*lack{}
		for _, r := range p.references {
			if r.kind != kind {
				continue
			}
			v := judge(s, pod, r)
			if v.missing == v.missingKey || v.missingKey != key {
				continue
			}
			id := r.name
			if key {
				id += "/" + r.key
			}
			if lacks[id] == nil {
				lacks[id] = &lack{verdict: v}
				order = append(order, id)
			} else {
				lacks[id].verdict.evidence = append(lacks[id].verdict.evidence, v.evidence...)
			}
			lacks[id].references = append(lacks[id].references, r)
		}
		for _, id := range order {
			out = append(out, lacks[id].finding(s, pod))
		}
	}
	return out
}

func (l *lack) finding(s *snapshot.Snapshot, pod *corev1.Pod) finding.Finding {
	first := l.references[0]
	var users, volumes, wantedKeys, uses []string
	for _, r := range l.references {
		users, volumes, wantedKeys = addNew(users, r.container), addNew(volumes, r.volume), addNew(wantedKeys, r.key)
		uses = addNew(uses, string(r.use))
	}
	owner := rule.TemplateOwner(s, pod)
	at := owner
	if len(users) == 1 {
		at = withContainer(owner, users[0])
	}
	near := nearestName(first.key, l.verdict.keys)
	if l.verdict.missing {
		near = nearestName(first.name, knownNames(s, first.kind, pod.Namespace))
	}
	return finding.Finding{
		Confidence: l.verdict.confidence, Object: at, At: rule.RefTo(pod),
		Via:      []finding.Ref{{Kind: string(first.kind), Namespace: pod.Namespace, Name: first.name}},
		Evidence: dedupe(l.verdict.evidence),
		Args: map[string]any{
			"namespace": pod.Namespace, "owner": owner.String(), "name": first.name, "key": first.key,
			"containers": users, "volumes": volumes, "wanted": wantedKeys, "uses": uses, "path": rule.TemplatePath(owner, first.path),
			"keys": nonNil(l.verdict.keys), "near": near, "seen": l.verdict.seen,
			"early": first.mounted(), "binary": l.verdict.binary, "bare": owner.Kind == "Pod",
		},
	}
}

// knownNames lists the names of a kind that happen to have been read.
func knownNames(s *snapshot.Snapshot, kind snapshot.Kind, namespace string) []string {
	var names []string
	for _, o := range s.OfKind(kind, namespace) {
		names = append(names, o.GetName())
	}
	sort.Strings(names)
	return names
}

func addNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func dedupe(list []finding.Evidence) []finding.Evidence {
	var out []finding.Evidence
	for _, e := range list {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}
