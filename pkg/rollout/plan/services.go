package plan

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// services names those whose traffic moves: the ones asked for, each checked, or
// all of the namespace that select the workload's Pods.
func services(s *snapshot.Snapshot, w *workload, spec rollout.Spec) ([]string, error) {
	if err := checkPreview(s, w, spec); err != nil {
		return nil, err
	}
	if len(spec.Services) > 0 {
		for _, name := range spec.Services {
			if err := checkService(s, w, name); err != nil {
				return nil, err
			}
		}
		return spec.Services, nil
	}
	all, a := snapshot.List[*corev1.Service](s, w.ref.Namespace, nil)
	if a.State != snapshot.Present {
		return nil, wrong(ProblemUnread, "what", "services", "why", a.Why)
	}
	var found []string
	preview := false
	for _, svc := range all {
		switch {
		case !behind(s, w, svc):
		case svc.Name == spec.Preview:
			preview = true
		default:
			found = append(found, svc.Name)
		}
	}
	if len(found) == 0 && preview {
		return nil, wrong(ProblemPreviewLive, "service", spec.Preview)
	}
	if len(found) == 0 && spec.Via == rollout.ViaService {
		return nil, wrong(ProblemNoService, "workload", w.ref.String(), "namespace", w.ref.Namespace, "labels", labels.Set(w.template.Labels).String())
	}
	return found, nil
}

// selects says whether Pods with these labels are behind the Service. An alias
// (ExternalName) and a Service without a selector pick no Pods.
func selects(svc *corev1.Service, podLabels map[string]string) bool {
	if svc.Spec.Type == corev1.ServiceTypeExternalName || len(svc.Spec.Selector) == 0 {
		return false
	}
	return labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(podLabels))
}

// behind says whether Pods of the workload are behind the Service: all that its
// template makes, or those of one version, where the selector asks for the hash
// as well that their controller gives them. A hash that no Pod has picks none.
func behind(s *snapshot.Snapshot, w *workload, svc *corev1.Service) bool {
	if selects(svc, w.template.Labels) {
		return true
	}
	label := rollout.HashLabel(w.ref.Kind)
	ofVersion := maps.Clone(w.template.Labels)
	hash, pinned := svc.Spec.Selector[label]
	if ofVersion[label] = hash; !pinned || !selects(svc, ofVersion) {
		return false
	}
	pods, a := snapshot.List[*corev1.Pod](s, w.ref.Namespace, labels.SelectorFromSet(svc.Spec.Selector))
	return a.State != snapshot.Present || len(pods) > 0
}

func checkService(s *snapshot.Snapshot, w *workload, name string) error {
	svc, err := service(s, w, name)
	if err != nil {
		return err
	}
	if !behind(s, w, svc) {
		return wrong(ProblemServiceOther, "service", name, "workload", w.ref.String(),
			"selector", labels.Set(svc.Spec.Selector).String(), "labels", labels.Set(w.template.Labels).String())
	}
	return nil
}

func service(s *snapshot.Snapshot, w *workload, name string) (*corev1.Service, error) {
	svc, a := snapshot.Get[*corev1.Service](s, w.ref.Namespace, name)
	switch a.State {
	case snapshot.Present:
		return svc, nil
	case snapshot.Unknown:
		return nil, wrong(ProblemUnread, "what", "service/"+name, "why", a.Why)
	case snapshot.Absent:
	}
	var names []string
	for _, o := range s.OfKind("Service", w.ref.Namespace) {
		names = append(names, o.GetName())
	}
	return nil, wrong(ProblemService, "service", name, "namespace", w.ref.Namespace, "near", spelling.Nearest(name, names))
}

// checkPreview: a preview is an existing Service beside those with the traffic.
func checkPreview(s *snapshot.Snapshot, w *workload, spec rollout.Spec) error {
	switch {
	case spec.Preview == "":
		return nil
	case spec.Strategy != rollout.BlueGreen:
		return wrong(ProblemPreview)
	case slices.Contains(spec.Services, spec.Preview):
		return wrong(ProblemPreviewLive, "service", spec.Preview)
	}
	return checkService(s, w, spec.Preview)
}
