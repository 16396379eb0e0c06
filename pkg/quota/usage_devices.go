package quota

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// deviceUsage: a claim for devices counts as an object, and for the most devices
// of each class that it may get, whatever it has got; of alternatives the largest
// of each class (quota/v1/evaluator/core, resource_claims.go). What it counts for
// as extended resources deviceClasses adds.
func deviceUsage(claim *resourcev1.ResourceClaim) corev1.ResourceList {
	out := corev1.ResourceList{}
	for _, name := range countNames(resourceOf(claim)) {
		out[name] = count(1)
	}
	for i := range claim.Spec.Devices.Requests {
		r := &claim.Spec.Devices.Requests[i]
		switch {
		case len(r.FirstAvailable) > 0:
			most := corev1.ResourceList{}
			for j := range r.FirstAvailable {
				a := &r.FirstAvailable[j]
				raiseTo(most, corev1.ResourceList{devicesOf(a.DeviceClassName): devices(a.AllocationMode, a.Count)})
			}
			addTo(out, most)
		case r.Exactly != nil:
			addTo(out, corev1.ResourceList{devicesOf(r.Exactly.DeviceClassName): devices(r.Exactly.AllocationMode, r.Exactly.Count)})
		default: // a kind of request that is newer than this; the API server counts none that it does not know
		}
	}
	return out
}

// devicesOf is a quota's name for the devices of a class: "gpu.deviceclass.resource.k8s.io/devices".
func devicesOf(class string) corev1.ResourceName {
	return corev1.ResourceName(class + corev1.ResourceClaimsPerClass)
}

// devices is how many a request may get at most; a mode that is not known counts for none.
func devices(mode resourcev1.DeviceAllocationMode, exactly int64) resource.Quantity {
	switch mode {
	case resourcev1.DeviceAllocationModeExactCount:
		return count(exactly)
	case resourcev1.DeviceAllocationModeAll:
		return count(resourcev1.AllocationResultsMaxSize)
	}
	return count(0)
}

func tracksDevices(name corev1.ResourceName) bool {
	return name == "count/resourceclaims.resource.k8s.io" || strings.HasSuffix(string(name), corev1.ResourceClaimsPerClass)
}

// defaultDevices fills in what a manifest leaves out: one device of each request
// (pkg/apis/resource/v1/defaults.go).
func defaultDevices(spec *resourcev1.ResourceClaimSpec) {
	fill := func(mode *resourcev1.DeviceAllocationMode, n *int64) {
		if *mode == "" {
			*mode = resourcev1.DeviceAllocationModeExactCount
		}
		if *mode == resourcev1.DeviceAllocationModeExactCount && *n == 0 {
			*n = 1
		}
	}
	for i := range spec.Devices.Requests {
		r := &spec.Devices.Requests[i]
		if r.Exactly != nil {
			fill(&r.Exactly.AllocationMode, &r.Exactly.Count)
		}
		for j := range r.FirstAvailable {
			fill(&r.FirstAvailable[j].AllocationMode, &r.FirstAvailable[j].Count)
		}
	}
}

// claimDevices makes the claims that the pod's templates stand for, as their
// controller does once the pod is there. A quota that refuses one leaves the pod
// waiting for good; the outcome then is that of the claim.
func (s *Space) claimDevices(w Work, pod Outcome) Outcome {
	for _, claim := range s.deviceClaims(w, pod.Object.GetName(), &pod) {
		made := s.Admit(claim, nil)
		pod.Unknown = append(pod.Unknown, made.Unknown...)
		if !made.Admitted() {
			pod.Refusals = made.Refusals
			return pod
		}
	}
	return pod
}

// podClaimAnnotation is by what a claim that was made for a pod says which of the
// pod's claims it is (pkg/controller/resourceclaim).
const podClaimAnnotation = "resource.kubernetes.io/pod-claim-name"

// deviceClaims are the claims that are made for one pod, where a quota counts any.
// A template that is not there leaves the pod waiting, which is not for quotas to
// say; one that was not read is noted in the outcome.
func (s *Space) deviceClaims(w Work, pod string, out *Outcome) []*resourcev1.ResourceClaim {
	var claims []*resourcev1.ResourceClaim
	for _, c := range w.Template.Spec.ResourceClaims {
		if c.ResourceClaimTemplateName == nil || !s.countsDevices() {
			continue
		}
		template := s.deviceTemplate(*c.ResourceClaimTemplateName)
		if template == nil {
			s.unread(out, "ResourceClaimTemplate")
			continue
		}
		claim := &resourcev1.ResourceClaim{ObjectMeta: *template.Spec.ObjectMeta.DeepCopy(), Spec: *template.Spec.Spec.DeepCopy()}
		claim.Namespace, claim.Name = w.Ref.Namespace, pod+"-"+c.Name+"-*"
		metav1.SetMetaDataAnnotation(&claim.ObjectMeta, podClaimAnnotation, c.Name)
		claims = append(claims, claim)
	}
	return claims
}

// unsureOfExtended: a quota that counts extended resources may count the claim as
// well, where the classes were not read, or more of it than another time.
func (s *Space) unsureOfExtended(claim *resourcev1.ResourceClaim, out *Outcome) {
	if s.classes.known && !s.classes.chance(claim) {
		return
	}
	for _, l := range s.ledgers {
		if len(selectors(l.quota)) == 0 && slices.ContainsFunc(names(l.quota.Status.Hard), isQuotaForExtended) {
			out.Unknown = append(out.Unknown, "DeviceClass")
			return
		}
	}
}

// countsDevices says whether any quota counts claims for devices, or may.
func (s *Space) countsDevices() bool {
	for _, l := range s.ledgers {
		if slices.ContainsFunc(names(l.quota.Status.Hard), s.classes.mayCount) {
			return true
		}
	}
	return false
}

func (s *Space) deviceTemplate(name string) *resourcev1.ResourceClaimTemplate {
	for _, t := range s.rules.DeviceTemplates {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// waitsForDevices says that what is refused is a claim that a pod waits for.
func waitsForDevices(w Work, r Refusal) bool {
	return w.Template != nil && strings.HasPrefix(r.Message, resourceOf(&resourcev1.ResourceClaim{}).String()+" ")
}

// deviceTemplatesOf are the templates that the pods of a workload name.
func deviceTemplatesOf(w Work) []string {
	var out []string
	for _, c := range w.Template.Spec.ResourceClaims {
		if c.ResourceClaimTemplateName != nil {
			out = append(out, *c.ResourceClaimTemplateName)
		}
	}
	return out
}

// learnTemplate takes in a template that a manifest makes.
func (s *Space) learnTemplate(o snapshot.Object) {
	if t, ok := o.(*resourcev1.ResourceClaimTemplate); ok {
		t = t.DeepCopy()
		defaultDevices(&t.Spec.Spec)
		s.rules.DeviceTemplates = append([]*resourcev1.ResourceClaimTemplate{t}, s.rules.DeviceTemplates...)
	}
}
