package inspect

import (
	"regexp"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const accountKind snapshot.Kind = "ServiceAccount"

func accountReads() []snapshot.Kind {
	return []snapshot.Kind{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", eventKind, accountKind}
}

// accountMissing is the ServiceAccount admission plug-in's refusal
// (plugin/pkg/admission/serviceaccount), as controllers repeat it.
var accountMissing = regexp.MustCompile(`error looking up service account ([^/\s]+)/(\S+): serviceaccounts? "[^"]+" not found`)

// accountRefusal is a controller that may not create its pods for want of a ServiceAccount.
type accountRefusal struct {
	refusal
	account  finding.Ref
	evidence finding.Evidence
}

// eventOnly lists the scope's controllers that lack pods and keep no condition
// about it: only an event says why. One that has all its pods is left out,
// whatever it was refused once.
func eventOnly(s *snapshot.Snapshot, sc *rule.Scope) []snapshot.Object {
	var out []snapshot.Object
	for _, o := range rule.Members[*appsv1.StatefulSet](s, sc) {
		if int(o.Status.Replicas) < replicasOf(o.Spec.Replicas) {
			out = append(out, o)
		}
	}
	for _, o := range rule.Members[*appsv1.DaemonSet](s, sc) {
		if o.Status.CurrentNumberScheduled < o.Status.DesiredNumberScheduled {
			out = append(out, o)
		}
	}
	for _, o := range rule.Members[*batchv1.Job](s, sc) {
		if o.Status.Active+o.Status.Succeeded+o.Status.Failed == 0 && o.Status.CompletionTime == nil {
			out = append(out, o)
		}
	}
	return out
}

// accountRefusals lists the controllers that say that their ServiceAccount was not found.
func accountRefusals(s *snapshot.Snapshot, sc *rule.Scope) []accountRefusal {
	var out []accountRefusal
	add := func(r refusal, evidence finding.Evidence) {
		if m := accountMissing.FindStringSubmatch(r.message); m != nil {
			out = append(out, accountRefusal{r, finding.Ref{Kind: string(accountKind), Namespace: m[1], Name: m[2]}, evidence})
		}
	}
	for _, r := range refusals(s, sc) {
		add(r, finding.Evidence{Object: r.at.String(), Path: "status.conditions[ReplicaFailure]", Value: r.message})
	}
	for _, o := range eventOnly(s, sc) {
		owner, ok := controller(o)
		if !ok {
			owner = rule.RefTo(o)
		}
		events, _ := eventsAbout(s, o)
		for _, e := range events {
			if e.Reason == "FailedCreate" {
				add(refusal{owner: owner, at: rule.RefTo(o), message: e.Message}, eventEvidence(e))
				break // the newest one tells
			}
		}
	}
	return out
}

// accountNeeds asks for the events of controllers that lack pods and do not
// say why in their status, then for the account that is said to be missing.
func accountNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	if len(eventOnly(s, sc)) > 0 {
		n.Add(eventNeeds(sc))
	}
	for _, r := range accountRefusals(s, sc) {
		n.Objects = append(n.Objects, snapshot.Need{Kind: accountKind, Namespace: r.account.Namespace, Name: r.account.Name})
	}
	return n
}

// checkAccounts reports the missing ServiceAccounts. One that is there by now
// is silent: the controller tries again within its back-off.
func checkAccounts(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, r := range accountRefusals(s, sc) {
		_, answer := snapshot.Get[*corev1.ServiceAccount](s, r.account.Namespace, r.account.Name)
		if answer.State == snapshot.Present {
			continue
		}
		f := finding.Finding{
			Object: r.owner, At: r.at, Via: []finding.Ref{r.account}, Evidence: []finding.Evidence{r.evidence},
			Args: map[string]any{
				"namespace": r.account.Namespace, "name": r.account.Name, "owner": r.owner.String(), "seen": "controller",
				"path": rule.TemplatePath(r.owner, "spec.serviceAccountName"), "settable": imageSettable(r.owner.Kind) && r.owner.Kind != "Pod",
			},
		}
		if answer.State == snapshot.Absent {
			f.Args["seen"] = "api"
			f.Evidence = append(f.Evidence, finding.Evidence{Object: r.account.String(), Path: "metadata.name", Value: "not found"})
		}
		out = append(out, f)
	}
	return out
}
