package quota

import (
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// By says what of the API server refuses an object.
type By string

// Other is what this package does not model and a dry run brought to light: a
// web hook, Pod Security, a missing ServiceAccount.
const (
	ByQuota      By = "quota"
	ByLimitRange By = "limitrange"
	ByValidation By = "validation"
	ByOther      By = "other"
)

// Cause is the kind of refusal; each has a fix of its own.
type Cause string

// The causes.
const (
	// Exceeded: the object would take a quota above its hard limit.
	Exceeded Cause = "exceeded"
	// Unspecified: a quota wants every container to say a request or limit.
	Unspecified Cause = "unspecified"
	// StatusUnknown: the quota is so new that its use was not counted yet.
	StatusUnknown Cause = "status-unknown"
	// OutOfRange: a LimitRange's min, max or ratio.
	OutOfRange Cause = "out-of-range"
	// Invalid: the resources contradict themselves, as a request above its limit.
	Invalid Cause = "invalid"
	// ClassMissing: a PriorityClass or RuntimeClass that is not there.
	ClassMissing Cause = "class-missing"
	// ClassMismatch: the pod says something else than its class does.
	ClassMismatch Cause = "class-mismatch"
	// NamespaceMissing: the namespace is not there, or is going.
	NamespaceMissing Cause = "namespace-missing"
	// KindNotServed: the cluster does not know the kind.
	KindNotServed Cause = "kind-not-served"
	// Unmodelled is what only the API server itself could say.
	Unmodelled Cause = "unmodelled"
)

// Refusal is why the API server does not let an object in.
type Refusal struct {
	By    By
	Cause Cause
	// Name is the ResourceQuota, LimitRange or class; empty for validation.
	Name string
	// Resources are the names that bind, in order.
	Resources []corev1.ResourceName
	// Message is the API server's own, whole. Where it lists several things its
	// order is left to chance; here it is always the same.
	Message string

	// Requested, Used and Hard are those of the resources that are exceeded.
	Requested, Used, Hard corev1.ResourceList
	// Missing says which containers lack which resource (Unspecified).
	Missing []MissingKey
	// Breaches are those of a LimitRange (OutOfRange).
	Breaches []Breach
	// Fields are those that validation refuses (Invalid).
	Fields []FieldError
}

// MissingKey is a resource name of a quota ("limits.memory") that containers do not set.
type MissingKey struct {
	Resource   corev1.ResourceName
	Containers []string
}

// FieldError is a field that validation refuses, and why.
type FieldError struct{ Path, Why string }

// Reason is the message without its head, which names the object.
func (r Refusal) Reason() string {
	for _, head := range []string{" is forbidden: ", " is invalid: "} {
		if _, rest, ok := strings.Cut(r.Message, head); ok {
			return rest
		}
	}
	return r.Message
}

// forbidden writes a refusal of admission as the API server does: `pods "web" is forbidden: …`.
func forbidden(o snapshot.Object, reason string) string {
	return apierrors.NewForbidden(resourceOf(o), nameIn(o), errors.New(reason)).Error()
}

// invalid writes a refusal of validation: `Pod "web" is invalid: …`.
func invalid(o snapshot.Object, all field.ErrorList) Refusal {
	r := Refusal{By: ByValidation, Cause: Invalid}
	seen := map[corev1.ResourceName]bool{}
	for _, e := range all {
		r.Fields = append(r.Fields, FieldError{Path: e.Field, Why: e.ErrorBody()})
		if name := resourceIn(e); name != "" && !seen[name] {
			seen[name] = true
			r.Resources = append(r.Resources, name)
		}
	}
	kind := schema.GroupKind{Group: resourceOf(o).Group, Kind: string(snapshot.KindOf(o))}
	r.Message = apierrors.NewInvalid(kind, nameIn(o), all).Error()
	return r
}

// resourceIn finds which resource a field error is about: in the path
// ("limits[cpu]"), else in the words ("… cpu limit of 1").
func resourceIn(e *field.Error) corev1.ResourceName {
	if before, _, ok := strings.Cut(e.Detail, " limit of "); ok {
		return corev1.ResourceName(before[strings.LastIndex(before, " ")+1:])
	}
	at, name, ok := cutLast(e.Field, "[")
	if !ok || strings.HasSuffix(at, "ontainers") {
		return ""
	}
	name, _, _ = strings.Cut(name, "]")
	return corev1.ResourceName(name)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// nameIn is how the API server calls the object in messages: by the name that
// it will be made from, where it has none yet (admission/errors.go).
func nameIn(o snapshot.Object) string {
	if o.GetName() != "" {
		return o.GetName()
	}
	if o.GetGenerateName() != "" {
		return o.GetGenerateName()
	}
	return "Unknown"
}
