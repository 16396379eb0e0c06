package quota

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// SoftAnnotation on a ResourceQuota or a Namespace holds soft limits:
// "requests.cpu=80%, limits.memory=6Gi". One annotation for all, because the names of resources
// hold slashes and could not all be parts of annotation names.
const SoftAnnotation = "kubectl-msa.dev/soft-limits"

// Soft are soft limits by resource name; "*" stands for all others.
type Soft map[corev1.ResourceName]Threshold

// Threshold is a part of the hard limit, or an amount.
type Threshold struct {
	Percent int
	Amount  *resource.Quantity
	// From is who said it.
	From Source
}

// SoftLimits are those of a file: for every namespace, and for some.
type SoftLimits struct {
	Default    map[string]string            `json:"default,omitempty"`
	Namespaces map[string]map[string]string `json:"namespaces,omitempty"`
}

// ParseSoftLimits reads the file. Its error names what cannot be read.
func ParseSoftLimits(data []byte) (SoftLimits, error) {
	var out SoftLimits
	if err := yaml.UnmarshalStrict(data, &out); err != nil {
		return out, fmt.Errorf("soft limits: %w", err)
	}
	for _, m := range append(slices.Collect(maps.Values(out.Namespaces)), out.Default) {
		if _, err := softOf(m); err != nil {
			return out, err
		}
	}
	return out, nil
}

func softOf(m map[string]string) (Soft, error) {
	out := Soft{}
	for name, value := range m {
		t, err := parseThreshold(value)
		if err != nil {
			return nil, fmt.Errorf("soft limit of %s: %w", name, err)
		}
		out[corev1.ResourceName(name)] = t
	}
	return out, nil
}

// parseSoft reads the annotation.
func parseSoft(s string) (Soft, error) {
	m := map[string]string{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' }) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, fmt.Errorf("soft limit %q: write NAME=VALUE, such as requests.cpu=80%%", strings.TrimSpace(part))
		}
		m[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return softOf(m)
}

func parseThreshold(s string) (Threshold, error) {
	if percent, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.Atoi(strings.TrimSpace(percent))
		if err != nil || n < 1 || n > 100 {
			return Threshold{}, fmt.Errorf("%q is not a percentage between 1%% and 100%%", s)
		}
		return Threshold{Percent: n}, nil
	}
	q, err := resource.ParseQuantity(s)
	if err != nil || q.Sign() < 0 {
		return Threshold{}, errors.New(strconv.Quote(s) + " is neither a percentage nor an amount")
	}
	return Threshold{Amount: &q}, nil
}

// of is the soft limit for a hard one, in the resource's own unit.
func (t Threshold) of(hard resource.Quantity) resource.Quantity {
	if t.Amount != nil {
		return t.Amount.DeepCopy()
	}
	percent := int64(t.Percent)
	if hard.Value() > resource.MaxMilliValue/100 {
		return *resource.NewQuantity(hard.Value()/100*percent, hard.Format) // thousandths would overflow
	}
	return *resource.NewMilliQuantity(hard.MilliValue()*percent/100, hard.Format)
}

// find looks for the resource, then for "*".
func (s Soft) find(name corev1.ResourceName) (Threshold, bool) {
	if t, ok := s[name]; ok {
		return t, true
	}
	t, ok := s["*"]
	return t, ok
}

// softFor unites what holds for a quota: its annotation before that of its
// namespace, that before the file's word on the namespace, that before the default.
// The error is that of the quota's own annotation.
func (l SoftLimits) softFor(s *snapshot.Snapshot, q *corev1.ResourceQuota) (Soft, error) {
	out := Soft{}
	take := func(limits Soft, from Source) {
		for name, t := range limits {
			t.From = from
			out[name] = t
		}
	}
	for _, from := range []map[string]string{l.Default, l.Namespaces[q.Namespace]} {
		if limits, err := softOf(from); err == nil {
			take(limits, FromSoftFile)
		}
	}
	if ns, a := snapshot.Get[*corev1.Namespace](s, "", q.Namespace); a.State == snapshot.Present {
		if limits, err := parseSoft(ns.Annotations[SoftAnnotation]); err == nil {
			take(limits, FromNamespaceAnnotation)
		}
	}
	own, err := parseSoft(q.Annotations[SoftAnnotation])
	take(own, FromQuotaAnnotation)
	return out, err
}
