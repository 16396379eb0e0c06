package quota

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validatePodResources is the part of the API server's validation that is about
// resources (pkg/apis/core/validation/validation.go). It runs behind the
// defaults and the LimitRange's, which may have set a limit below a request.
func validatePodResources(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var all field.ErrorList
	for i := range spec.Containers {
		all = append(all, validateRequirements(&spec.Containers[i].Resources, containerName, path.Child("containers").Index(i).Child("resources"))...)
	}
	for i := range spec.InitContainers {
		all = append(all, validateRequirements(&spec.InitContainers[i].Resources, containerName, path.Child("initContainers").Index(i).Child("resources"))...)
	}
	whole := spec.Resources
	if whole == nil {
		return all
	}
	at := path.Child("resources")
	if spec.OS != nil && spec.OS.Name == corev1.Windows {
		return append(all, field.Forbidden(at, "may not be set for a windows pod"))
	}
	if whole.Claims != nil {
		all = append(all, field.Forbidden(at.Child("claims"), "claims may not be set for Resources at pod-level"))
	}
	all = append(all, validateRequirements(whole, podLevelName, at)...)
	return append(all, validateConsistency(spec, at)...)
}

// validateRequirements: known names, amounts that are not negative and whole
// where they must be, and no request above its limit (validateResourceRequirements).
func validateRequirements(r *corev1.ResourceRequirements, named func(corev1.ResourceName, *field.Path) field.ErrorList, path *field.Path) field.ErrorList {
	var all field.ErrorList
	limits, requests := path.Child("limits"), path.Child("requests")
	for _, name := range names(r.Limits) {
		all = append(all, validateAmount(name, r.Limits[name], named, limits.Key(string(name)))...)
	}
	for _, name := range names(r.Requests) {
		asked := r.Requests[name]
		all = append(all, validateAmount(name, asked, named, requests.Key(string(name)))...)
		most, limited := r.Limits[name]
		switch {
		case limited && asked.Cmp(most) != 0 && !isOvercommitted(name):
			all = append(all, field.Invalid(requests, asked.String(), fmt.Sprintf("must be equal to %s limit of %s", name, most.String())))
		case limited && asked.Cmp(most) > 0 && isOvercommitted(name):
			all = append(all, field.Invalid(requests, asked.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, most.String())))
		case !limited && !isOvercommitted(name):
			all = append(all, field.Required(limits, "Limit must be set for non overcommitable resources"))
		}
	}
	if has(isHugePages, r.Limits, r.Requests) && !has(isCPUOrMemory, r.Limits, r.Requests) {
		all = append(all, field.Forbidden(path, "HugePages require cpu or memory"))
	}
	return all
}

func validateAmount(name corev1.ResourceName, q resource.Quantity, named func(corev1.ResourceName, *field.Path) field.ErrorList, path *field.Path) field.ErrorList {
	all := named(name, path)
	if q.Sign() < 0 {
		all = append(all, field.Invalid(path, q.String(), "must be greater than or equal to 0"))
	}
	if (isCounted(name) || isExtended(name)) && q.MilliValue()%1000 != 0 {
		all = append(all, field.Invalid(path, q, "must be an integer"))
	}
	if isHugePages(name) && !isWholePages(name, q) {
		all = append(all, field.Invalid(path, q.String(), fmt.Sprintf("%s is not positive integer multiple of %s", q.String(), name)))
	}
	return all
}

func has(is func(corev1.ResourceName) bool, lists ...corev1.ResourceList) bool {
	for _, l := range lists {
		for name := range l {
			if is(name) {
				return true
			}
		}
	}
	return false
}

func isCPUOrMemory(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory
}

func resourceName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	var all field.ErrorList
	for _, why := range validation.IsQualifiedName(string(name)) {
		all = append(all, field.Invalid(path, name, why))
	}
	if len(all) == 0 && !strings.Contains(string(name), "/") && !isStandard(name) {
		all = append(all, field.Invalid(path, name, "must be a standard resource type or fully qualified"))
	}
	return all
}

func containerName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	all := resourceName(name, path)
	switch {
	case !strings.Contains(string(name), "/"):
		if !isContainerResource(name) {
			all = append(all, field.Invalid(path, name, "must be a standard resource for containers"))
		}
	case !isNative(name) && !isExtended(name):
		all = append(all, field.Invalid(path, name, "doesn't follow extended resource name standard"))
	}
	return all
}

func podLevelName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	if all := resourceName(name, path); len(all) > 0 {
		return all
	}
	if !isPodLevel(name) {
		return field.ErrorList{field.NotSupported(path, name, []string{string(corev1.ResourceCPU), corev1.ResourceHugePagesPrefix, string(corev1.ResourceMemory)})}
	}
	return nil
}

// validateConsistency holds containers to what the pod as a whole asks for
// (validatePodResourceConsistency; the paths are the API server's).
func validateConsistency(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var all field.ErrorList
	pod := &corev1.Pod{Spec: *spec}
	requests, limits := aggregate(pod, requestsOf), aggregate(pod, limitsOf)
	for _, name := range names(requests) {
		whole, said := spec.Resources.Requests[name]
		if own := requests[name]; said && own.Cmp(whole) > 0 {
			all = append(all, field.Invalid(path.Child("requests").Key(string(name)), whole.String(), "must be greater than or equal to aggregate container requests of "+own.String()))
		}
	}
	for _, name := range names(limits) {
		whole, said := spec.Resources.Limits[name]
		if own := limits[name]; said && isHugePages(name) && own.Cmp(whole) > 0 {
			all = append(all, field.Invalid(path.Child("limits").Key(string(name)), whole.String(), "must be greater than or equal to aggregate container limits of "+own.String()))
		}
	}
	for i := range spec.Containers {
		own := spec.Containers[i].Resources.Limits
		for _, name := range names(own) {
			whole, said := spec.Resources.Limits[name]
			if q := own[name]; said && q.Cmp(whole) > 0 {
				all = append(all, field.Invalid(path.Child("containers").Index(i).Key(string(name)).Child("limits"), q.String(), "must be less than or equal to pod limits of "+whole.String()))
			}
		}
	}
	return all
}
