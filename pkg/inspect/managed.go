package inspect

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// PutBack says what becomes of a change that somebody makes by hand.
type PutBack string

// At once: the manager sees the difference and undoes it. At the next change:
// it stays until the manager applies something new. Unknown: what decides it could not be read.
const (
	PutBackAtOnce   PutBack = "at-once"
	PutBackAtChange PutBack = "at-next-change"
	PutBackNever    PutBack = "never"
	PutBackUnknown  PutBack = "unknown"
)

// Managed says which tool an object comes from.
type Managed struct {
	// By is the tool's name: Argo CD, Flux, Helm.
	By string `json:"by"`
	// Object is what the tool keeps of it: an Application, a Kustomization, a release.
	Object  finding.Ref `json:"object"`
	PutBack PutBack     `json:"putBack"`
	// Text says both in a sentence.
	Text string `json:"text"`
}

// manager reads from labels and annotations whose object this is. The marks are
// those that the tools themselves go by: Flux's owner labels, Argo CD's tracking
// id, Helm's release annotations.
func manager(o snapshot.Object) (by string, ref finding.Ref) {
	l, a := o.GetLabels(), o.GetAnnotations()
	switch {
	case l["kustomize.toolkit.fluxcd.io/name"] != "":
		return "Flux", finding.Ref{Kind: "Kustomization", Namespace: l["kustomize.toolkit.fluxcd.io/namespace"], Name: l["kustomize.toolkit.fluxcd.io/name"]}
	case l["helm.toolkit.fluxcd.io/name"] != "":
		return "Flux", finding.Ref{Kind: "HelmRelease", Namespace: l["helm.toolkit.fluxcd.io/namespace"], Name: l["helm.toolkit.fluxcd.io/name"]}
	case a["argocd.argoproj.io/tracking-id"] != "":
		name, _, _ := strings.Cut(a["argocd.argoproj.io/tracking-id"], ":")
		return "Argo CD", application(name)
	case l["argocd.argoproj.io/instance"] != "":
		return "Argo CD", application(l["argocd.argoproj.io/instance"])
	case l["app.kubernetes.io/managed-by"] == "Helm" && a["meta.helm.sh/release-name"] != "":
		return "Helm", finding.Ref{Kind: "HelmStorage", Namespace: a["meta.helm.sh/release-namespace"], Name: a["meta.helm.sh/release-name"]}
	}
	return "", finding.Ref{}
}

// application is an Argo CD Application by its instance name: in a namespace of
// its own it is called "namespace_name", else it lies where Argo CD is installed by default.
func application(instance string) finding.Ref {
	if namespace, name, ok := strings.Cut(instance, "_"); ok {
		return finding.Ref{Kind: "Application", Namespace: namespace, Name: name}
	}
	return finding.Ref{Kind: "Application", Namespace: "argocd", Name: instance}
}

// managerNeeds asks for what decides whether a change by hand stays.
func managerNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	if len(sc.Targets) > 1 {
		return n
	}
	for _, t := range sc.Targets {
		o, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
		if a.State != snapshot.Present {
			continue
		}
		if by, ref := manager(o); by == "Flux" || by == "Argo CD" {
			n.Objects = append(n.Objects, snapshot.Need{Kind: snapshot.Kind(ref.Kind), Namespace: ref.Namespace, Name: ref.Name})
		}
	}
	return n
}

// managed says who manages the object, and what becomes of a change by hand.
func (e explainer) managed(o snapshot.Object) *Managed {
	by, ref := manager(o)
	if by == "" {
		return nil
	}
	m := &Managed{By: by, Object: ref, PutBack: PutBackUnknown}
	if by == "Helm" {
		m.PutBack = PutBackAtChange // a three-way merge at the next upgrade (Helm 3)
	} else if u, a := snapshot.FindCustom(e.s, snapshot.Kind(ref.Kind), ref.Namespace, ref.Name); a.State == snapshot.Present {
		m.PutBack = putBack(u)
	}
	m.Text = e.text("managed-"+string(m.PutBack), map[string]any{"by": by, "kind": managerWord(ref.Kind), "name": ref.Name, "namespace": ref.Namespace})
	return m
}

func managerWord(kind string) string {
	if kind == "HelmStorage" {
		return "release"
	}
	return kind
}

// putBack reads from the tool's own object whether it undoes changes.
func putBack(u *unstructured.Unstructured) PutBack {
	if textIn(u.Object, "spec", "suspend") == "true" {
		return PutBackNever
	}
	switch snapshot.KindOf(u) {
	case "Kustomization": // server-side apply at every interval
		return PutBackAtOnce
	case "HelmRelease": // only with drift detection; else the next upgrade decides
		if textIn(u.Object, "spec", "driftDetection", "mode") == "enabled" {
			return PutBackAtOnce
		}
		return PutBackAtChange
	case "Application":
		if heals(u) {
			return PutBackAtOnce
		}
		return PutBackAtChange
	}
	return PutBackUnknown
}
