package calls

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// templated is a workload with its pod template.
type templated struct {
	object         snapshot.Object
	template       *corev1.PodTemplateSpec
	ready, desired *int
}

// templates lists the workloads, in order of kind and name.
func (d *drawer) templates() []templated {
	var out []templated
	for _, k := range []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet", "CronJob"} {
		for _, o := range d.s.OfKind(k, d.namespace) {
			if t, ok := d.templateOf(o); ok {
				out = append(out, t)
			}
		}
	}
	return out
}

func (d *drawer) templateOf(o snapshot.Object) (templated, bool) {
	t := templated{object: o}
	seen := func(ready, desired int) {
		if d.s.Source == snapshot.FromCluster {
			t.ready, t.desired = &ready, &desired
		}
	}
	switch v := o.(type) {
	case *appsv1.Deployment:
		t.template = &v.Spec.Template
		seen(int(v.Status.ReadyReplicas), wanted(v.Spec.Replicas))
	case *appsv1.StatefulSet:
		t.template = &v.Spec.Template
		seen(int(v.Status.ReadyReplicas), wanted(v.Spec.Replicas))
	case *appsv1.DaemonSet:
		t.template = &v.Spec.Template
		seen(int(v.Status.NumberReady), int(v.Status.DesiredNumberScheduled))
	case *batchv1.CronJob:
		t.template = &v.Spec.JobTemplate.Spec.Template
	default:
		return t, false
	}
	return t, true
}

// wanted is the number asked for; the API server defaults a missing one to 1.
func wanted(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

// declarations draws an arrow for every address in a template that leads to a
// Service, or out of the cluster.
func (d *drawer) declarations() {
	all := d.templates()
	takers := map[finding.Ref]int{}
	for _, w := range all {
		for _, r := range wholly(w) {
			takers[r]++
		}
	}
	for _, w := range all {
		for _, m := range mentions(d.s, w, takers) {
			d.lead(w, m)
		}
	}
}

// mention is an address in something that a workload takes in.
type mention struct {
	address snapshot.Address
	basis   Basis
	// shared: see Shared.
	shared bool
}

// mentions lists the addresses in a workload's template and in the ConfigMaps
// it takes in. Values of Secrets never enter a snapshot.
func mentions(s *snapshot.Snapshot, w templated, takers map[finding.Ref]int) []mention {
	var out []mention
	self := rule.RefTo(w.object)
	text := func(source Source, path, key, value string) {
		for _, a := range snapshot.Addresses(key, value) {
			out = append(out, mention{address: a, basis: Basis{Source: source, Object: self, Path: path, Value: a.String()}})
		}
	}
	spec := &w.template.Spec
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		values := map[string]string{}
		for _, e := range c.Env {
			values[e.Name] = e.Value
			text(FromEnv, "containers["+c.Name+"].env["+e.Name+"]", e.Name, expand(e.Value, values))
			if ref := e.ValueFrom; ref != nil && ref.ConfigMapKeyRef != nil {
				out = append(out, fromConfigMap(s, self, ref.ConfigMapKeyRef.Name, ref.ConfigMapKeyRef.Key, 0)...)
			}
		}
		for _, arg := range slices.Concat(c.Command, c.Args) {
			text(FromArgs, "containers["+c.Name+"].args", flagName(arg), expand(arg, values))
		}
	}
	for _, r := range wholly(w) {
		out = append(out, fromConfigMap(s, self, r.Name, "", takers[r])...)
	}
	for _, v := range spec.Volumes {
		if v.ConfigMap != nil {
			for _, item := range v.ConfigMap.Items {
				out = append(out, fromConfigMap(s, self, v.ConfigMap.Name, item.Key, 0)...)
			}
		}
	}
	return out
}

// flagName is the name in "--upstream=orders", which tells what the value is.
func flagName(arg string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return name
}

// wholly lists the ConfigMaps that a template takes in with all their keys.
func wholly(w templated) []finding.Ref {
	var out []finding.Ref
	add := func(name string) {
		r := finding.Ref{Kind: "ConfigMap", Namespace: w.object.GetNamespace(), Name: name}
		if name != "" && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	spec := &w.template.Spec
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				add(from.ConfigMapRef.Name)
			}
		}
	}
	for _, v := range spec.Volumes {
		if v.ConfigMap != nil && len(v.ConfigMap.Items) == 0 {
			add(v.ConfigMap.Name)
		}
	}
	return out
}

// fromConfigMap lists the addresses in a ConfigMap, or in one of its keys.
func fromConfigMap(s *snapshot.Snapshot, self finding.Ref, name, key string, takers int) []mention {
	c, answer := snapshot.Get[*corev1.ConfigMap](s, self.Namespace, name)
	if answer.State != snapshot.Present {
		return nil
	}
	keys := make([]string, 0, len(c.Data))
	for k := range c.Data {
		if key == "" || k == key {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var out []mention
	for _, k := range keys {
		for _, a := range snapshot.Addresses(k, c.Data[k]) {
			b := Basis{Source: FromConfigMap, Object: rule.RefTo(c), Path: k, Value: a.String()}
			if takers > 1 {
				b.Takers = takers
			}
			out = append(out, mention{address: a, basis: b, shared: takers > 1})
		}
	}
	return out
}

// expand puts the values of earlier variables in place of $(NAME), as the
// kubelet does (third_party/forked/golang/expansion).
func expand(value string, values map[string]string) string {
	if !strings.Contains(value, "$(") {
		return value
	}
	for name, v := range values {
		value = strings.ReplaceAll(value, "$("+name+")", v)
	}
	return value
}

// lead draws the arrow of one mention.
func (d *drawer) lead(w templated, m mention) {
	certainty := Declared
	if m.shared {
		certainty = Shared
	}
	self := rule.RefTo(w.object)
	to, ok := d.callee(self.Namespace, m.address)
	if !ok || slices.Contains(d.home[self], to) {
		return
	}
	from := d.home[self][0]
	d.arrow(from, to, m.address.Port, certainty, m.basis)
}

// callee is the node that an address leads to: a Service by the names that the
// cluster's DNS gives it (kubernetes/dns specification), a pod of a headless
// Service, or a host outside that a URL names.
func (d *drawer) callee(namespace string, a snapshot.Address) (string, bool) {
	host := strings.TrimSuffix(strings.ToLower(a.Host), ".")
	parts := strings.Split(host, ".")
	inside := len(parts) > 2 && slices.Contains(parts[1:], "svc")
	find := func(ns, name string) (string, bool) {
		id := d.id(finding.Ref{Kind: "Service", Namespace: ns, Name: name})
		if first, ok := d.same[id]; ok {
			id = first
		}
		at, ok := d.byID[id]
		return id, ok && d.nodes[at].Object.Namespace == ns
	}
	if len(parts) == 1 {
		return find(namespace, host)
	}
	if id, ok := find(parts[1], parts[0]); ok {
		return id, true
	}
	if len(parts) > 2 { // a pod of a StatefulSet: web-0.web.shop.svc
		if id, ok := find(parts[2], parts[1]); ok {
			return id, true
		}
	}
	if id, ok := find(namespace, parts[1]); ok && len(parts) == 2 {
		return id, true
	}
	switch {
	case inside:
		return d.node(Node{ID: "outside/" + parts[0] + "." + parts[1], Sort: Outside, Name: parts[0] + "." + parts[1], Hosts: []string{host}}), true
	case a.Scheme != "" && len(parts) > 1 && host != "127.0.0.1" && host != "0.0.0.0":
		return d.node(Node{ID: "outside/" + host, Sort: Outside, Name: host, Hosts: []string{host}}), true
	}
	return "", false
}
