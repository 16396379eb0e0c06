package quota

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// patch is part of a workload as a manifest has it.
type patch map[string]any

// worthIt is how much a request must change to be worth replacing pods for.
const worthIt = 0.1

// values lists the fields that change. A change below a tenth is none, unless
// another value of the same resource changes with it.
func (d *draft) values() []SuggestedValue {
	var out []SuggestedValue
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if !d.worth(name) {
			for list, values := range d.lists() {
				if now, said := d.current(list)[name]; said {
					values[name] = now
				} else {
					delete(values, name)
				}
			}
			continue
		}
		for _, list := range []string{"requests", "limits"} {
			value, set := d.lists()[list][name]
			now, said := d.current(list)[name]
			if set == said && value.Cmp(now) == 0 {
				continue
			}
			v := SuggestedValue{Field: list + "." + string(name)}
			if said {
				v.Now = now.String()
			}
			if set {
				v.Value = value.String()
			}
			if wanted, ok := d.wanted[v.Field]; ok && wanted.Cmp(value) != 0 {
				v.Wanted = printedAmount(name, wanted)
			}
			out = append(out, v)
		}
	}
	return out
}

func (d *draft) worth(name corev1.ResourceName) bool {
	for list, values := range d.lists() {
		value, set := values[name]
		now, said := d.current(list)[name]
		if set != said {
			return true
		}
		was := now.AsApproximateFloat64()
		if math.Abs(value.AsApproximateFloat64()-was) > was*worthIt {
			return true
		}
	}
	return false
}

// wrapped puts a pod's spec into what the owner is; false where the owner takes
// no such change: a Job's template and a bare pod's requests stay as they are.
func wrapped(kind string, spec patch) (patch, bool) {
	template := patch{"spec": patch{"template": patch{"spec": spec}}}
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return template, true
	case "CronJob":
		return patch{"spec": patch{"jobTemplate": template}}, true
	}
	return nil, false
}

// write makes the patch and its command.
func (s *Suggestion) write(w Work) {
	spec := patch{}
	for _, c := range s.Containers {
		list := "containers"
		for i := range w.Template.Spec.InitContainers {
			if w.Template.Spec.InitContainers[i].Name == c.Container {
				list = "initContainers"
			}
		}
		all, _ := spec[list].([]patch)
		spec[list] = append(all, patch{"name": c.Container, "resources": c.resources()})
	}
	s.body, _ = wrapped(w.Ref.Kind, spec)
	s.Patch = asYAML(s.body)
	data, err := json.Marshal(s.body)
	if err == nil {
		s.Command = fmt.Sprintf("kubectl -n %s patch %s %s -p '%s'", w.Ref.Namespace, strings.ToLower(w.Ref.Kind), w.Ref.Name, strings.ReplaceAll(string(data), "'", `'\''`))
	}
}

// resources are the fields that change; null takes a field away.
func (c ContainerSuggestion) resources() patch {
	out := patch{}
	for _, v := range c.Values {
		list, name, _ := strings.Cut(v.Field, ".")
		fields, _ := out[list].(patch)
		if fields == nil {
			fields = patch{}
			out[list] = fields
		}
		fields[name] = any(v.Value)
		if v.Value == "" {
			fields[name] = nil
		}
	}
	return out
}

func asYAML(v any) string {
	data, err := yaml.Marshal(v)
	if err != nil {
		return err.Error() + "\n"
	}
	return string(data)
}

// Form is how suggestions are written for other tools.
type Form string

// The forms.
const (
	AsPatch     Form = "patch"
	AsKustomize Form = "kustomize"
	AsHelm      Form = "helm"
)

// Written gives all suggestions in a form, one YAML document each, with their
// reasons as comments; what nothing is suggested for is told in comments too.
func (r SuggestReport) Written(as Form) string {
	var b strings.Builder
	for i, s := range r.Suggestions {
		if i > 0 {
			b.WriteString("---\n")
		}
		fmt.Fprintf(&b, "# %s -n %s (%s)\n", s.Object, s.Object.Namespace, s.Method)
		for _, c := range s.Containers {
			for _, reason := range c.Reasons {
				fmt.Fprintf(&b, "# %s: %s\n", c.Container, comment(reason))
			}
		}
		switch as {
		case AsPatch:
			b.WriteString(s.Patch)
		case AsKustomize:
			// With a target kustomize does not look at the patch's namespace, which the
			// base mostly leaves to an overlay: without one, nothing would match.
			fmt.Fprintf(&b, "# kustomization.yaml: patches: [{path: %s, target: {kind: %s, name: %s}}]\n",
				strings.ReplaceAll(s.Object.String(), "/", "-")+"-resources.yaml", s.Object.Kind, s.Object.Name)
			b.WriteString(asYAML(s.identified()))
		case AsHelm:
			b.WriteString(asYAML(s.helmValues()))
		}
	}
	for _, n := range r.None {
		name := n.Object.String()
		if n.Object.Container != "" {
			name += " " + n.Object.Container
		}
		fmt.Fprintf(&b, "# %s: %s\n", name, comment(n.Why))
	}
	return b.String()
}

// identified is the patch with what kustomize finds its object by.
func (s Suggestion) identified() patch {
	version := "apps/v1"
	if s.Object.Kind == "CronJob" {
		version = "batch/v1"
	}
	out := patch{"apiVersion": version, "kind": s.Object.Kind, "metadata": patch{"name": s.Object.Name, "namespace": s.Object.Namespace}}
	for k, v := range s.body {
		out[k] = v
	}
	return out
}

// helmValues are what charts made by helm create call resources; where several
// containers change, by container, for the chart to name them.
func (s Suggestion) helmValues() patch {
	if len(s.Containers) == 1 {
		return patch{"resources": s.Containers[0].resources()}
	}
	out := patch{}
	for _, c := range s.Containers {
		out[c.Container] = patch{"resources": c.resources()}
	}
	return out
}

// comment keeps text on its line.
func comment(s string) string { return strings.Join(strings.Fields(s), " ") }
