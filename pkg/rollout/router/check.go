package router

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Unfit is why a Service cannot take part in a rollout.
type Unfit string

// Why a Service cannot take part.
const (
	// UnfitExternalName: it is an alias of a name in DNS. Its selector, if it has one, does nothing.
	UnfitExternalName Unfit = "external-name"
	// UnfitNoSelector: somebody else writes its endpoints.
	UnfitNoSelector Unfit = "no-selector"
	// UnfitPinned: its selector asks for one version already. Whoever wrote that moves the traffic themselves, or an
	// earlier rollout was never ended.
	UnfitPinned Unfit = "pinned"
	// UnfitUnready: it publishes Pods that are not ready, so its endpoints do not tell which can take traffic.
	UnfitUnready Unfit = "publishes-unready"
	// UnfitLosesNew: its selector asks for a label that the new version's Pods will not have.
	UnfitLosesNew Unfit = "loses-new"
)

// UnfitError says why a Service cannot take part in a rollout, and what to do.
type UnfitError struct {
	Service rollout.Ref
	Why     Unfit
	// Label is the label of the selector that stands in the way, KEY=VALUE, where one does.
	Label string
}

func (e *UnfitError) Error() string {
	switch e.Why {
	case UnfitExternalName:
		return fmt.Sprintf("%s is an ExternalName and selects no Pods: name a Service that does", e.Service)
	case UnfitNoSelector:
		return fmt.Sprintf("%s has no selector, its endpoints are written by somebody else: name a Service that selects the workload's Pods", e.Service)
	case UnfitPinned:
		return fmt.Sprintf("the selector of %s asks for one version already: take %s out of it first", e.Service, e.Label)
	case UnfitUnready:
		return fmt.Sprintf("%s sends traffic to Pods that are not ready: take publishNotReadyAddresses out of its spec first", e.Service)
	case UnfitLosesNew:
		return fmt.Sprintf("the selector of %s asks for %s, which the new version's Pods do not have: keep that label, or take it out of the selector", e.Service, e.Label)
	}
	return fmt.Sprintf("%s cannot take part in a rollout", e.Service)
}

// Check says whether a Service can take part in a rollout of a workload of that
// kind whose new version's Pods have these labels. The error is an *UnfitError.
// It holds for every router: each follows endpoints of both versions.
func Check(kind string, svc *corev1.Service, newLabels map[string]string) error {
	unfit := func(why Unfit, label string) error {
		return &UnfitError{Service: rollout.Ref{Kind: "Service", Namespace: svc.Namespace, Name: svc.Name}, Why: why, Label: label}
	}
	selects := svc.Spec.Selector
	switch hash, pinned := selects[hashLabel(kind)]; {
	case svc.Spec.Type == corev1.ServiceTypeExternalName:
		return unfit(UnfitExternalName, "")
	case len(selects) == 0:
		return unfit(UnfitNoSelector, "")
	case pinned:
		return unfit(UnfitPinned, hashLabel(kind)+"="+hash)
	case svc.Spec.PublishNotReadyAddresses:
		return unfit(UnfitUnready, "")
	}
	for _, r := range requirements(selects) {
		if !r.Matches(labels.Set(newLabels)) {
			return unfit(UnfitLosesNew, r.String())
		}
	}
	return nil
}

// requirements are a selector's labels, in order of their keys.
func requirements(selects map[string]string) labels.Requirements {
	all, _ := labels.SelectorFromSet(selects).Requirements()
	return all
}
