package inspect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func (e explainer) tellConfig(o snapshot.Object) (told, bool) {
	switch v := o.(type) {
	case *corev1.ConfigMap:
		t := told{
			summary: e.text("configmap", map[string]any{"keys": strings.Join(append(sortedKeys(v.Data), sortedKeys(v.BinaryData)...), ", "), "immutable": isTrue(v.Immutable)}),
			health:  Healthy, status: e.text("keys", map[string]any{"n": len(v.Data) + len(v.BinaryData)}),
		}
		e.usedBy(&t, v.Namespace, "ConfigMap", v.Name)
		return t, true
	case *snapshot.Secret:
		return e.secret(v), true
	case *corev1.ServiceAccount:
		return e.serviceAccount(v), true
	case *corev1.ResourceQuota:
		return e.quota(v), true
	case *corev1.LimitRange:
		return e.limitRange(v), true
	}
	return told{}, false
}

func (e explainer) secret(v *snapshot.Secret) told {
	t := told{
		summary: e.text("secret", map[string]any{"type": cmp.Or(string(v.Type), string(corev1.SecretTypeOpaque))}), // a manifest may leave it out
		health:  Healthy, status: e.text("keys", map[string]any{"n": len(v.Keys)}),
	}
	for _, k := range sortedKeys(v.Keys) {
		t.rows = append(t.rows, named(e.text("what-key", map[string]any{"key": k}), "", e.text("bytes", map[string]any{"n": v.Keys[k]}), nil))
	}
	if c := v.Certificate; c != nil && c.Invalid == "" {
		valid := e.s.TakenAt.Before(c.NotAfter) && !e.s.TakenAt.Before(c.NotBefore)
		t.rows = append(t.rows, e.compare("what-certificate", nil, e.text("want-valid", nil), c.NotAfter.UTC().Format("2006-01-02"), valid))
	}
	e.usedBy(&t, v.Namespace, "Secret", v.Name)
	return t
}

func (e explainer) serviceAccount(v *corev1.ServiceAccount) told {
	t := told{
		summary: e.text("serviceaccount", map[string]any{"token": v.AutomountServiceAccountToken == nil || *v.AutomountServiceAccountToken}),
		health:  Healthy, status: e.text("there", nil),
	}
	for _, s := range v.ImagePullSecrets {
		t.points(RefersTo, "Secret", v.Namespace, s.Name)
	}
	e.rights(&t, "ServiceAccount", v.Namespace, v.Name)
	e.usedBy(&t, v.Namespace, "ServiceAccount", v.Name)
	return t
}

// userKinds are the kinds whose templates refer to a kind that belongs to a
// namespace. A claim is asked about of those that keep pods running.
func userKinds(of string) []snapshot.Kind {
	if of == "PersistentVolumeClaim" {
		return []snapshot.Kind{"Deployment", "StatefulSet", "Pod"}
	}
	return []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod"}
}

// template is the pod that an object makes, or is.
func template(o snapshot.Object) *corev1.Pod {
	if pod, ok := o.(*corev1.Pod); ok {
		return pod
	}
	if t := rule.Template(o); t != nil {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: t.Labels}, Spec: t.Spec}
	}
	return nil
}

// usedBy points to whatever refers to an object of the namespace: the workload, and
// a pod only where no workload stands for it.
func (e explainer) usedBy(t *told, namespace, kind, name string) {
	n, complete := 0, true
	for _, k := range userKinds(kind) {
		if e.s.Covered(k, namespace, "").State != snapshot.Present {
			complete = false
		}
		for _, o := range e.s.OfKind(k, namespace) {
			if owner, owned := controller(o); owned && k != "Deployment" && slices.Contains([]string{"ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"}, owner.Kind) {
				continue
			}
			if pod := template(o); pod != nil && usesOf(pod, namespace)[finding.Ref{Kind: kind, Namespace: namespace, Name: name}] {
				n++
				t.points(UsedBy, string(k), namespace, o.GetName())
			}
		}
	}
	if kind == "Secret" {
		n += e.usedByOthers(t, namespace, name)
	}
	if complete {
		t.rows = append(t.rows, e.fact("what-users", strconv.Itoa(n)))
	}
}

// usedByOthers finds the Ingresses that show a Secret's certificate.
func (e explainer) usedByOthers(t *told, namespace, name string) int {
	n := 0
	for _, o := range e.s.OfKind("Ingress", namespace) {
		for _, r := range e.tell(o).refs {
			if r.to.Kind == "Secret" && r.to.Name == name {
				n++
				t.points(UsedBy, "Ingress", namespace, o.GetName())
				break
			}
		}
	}
	return n
}

// usesOf is everything of its namespace that a pod names.
func usesOf(pod *corev1.Pod, namespace string) map[finding.Ref]bool {
	out := map[finding.Ref]bool{}
	add := func(kind, name string) {
		if name != "" {
			out[finding.Ref{Kind: kind, Namespace: namespace, Name: name}] = true
		}
	}
	for _, r := range references(pod) {
		add(string(r.kind), r.name)
	}
	for _, s := range pod.Spec.ImagePullSecrets {
		add("Secret", s.Name)
	}
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			add("PersistentVolumeClaim", v.PersistentVolumeClaim.ClaimName)
		}
		if v.Ephemeral != nil && pod.Name != "" {
			add("PersistentVolumeClaim", pod.Name+"-"+v.Name)
		}
	}
	account := pod.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	add("ServiceAccount", account)
	return out
}

// quotaNear is from how many per cent on a limit is said to be near.
const quotaNear = 80

func (e explainer) quota(v *corev1.ResourceQuota) told {
	t := told{summary: e.text("resourcequota", map[string]any{"scopes": len(v.Spec.Scopes) > 0 || v.Spec.ScopeSelector != nil}), health: Healthy}
	var full []string
	near, most := "", int64(quotaNear-1)
	hard := map[string]string{}
	for name, q := range v.Status.Hard {
		hard[string(name)] = q.String()
	}
	for _, name := range sortedKeys(hard) {
		limit, used := v.Status.Hard[corev1.ResourceName(name)], v.Status.Used[corev1.ResourceName(name)]
		if !limit.IsZero() { // none of it at all is what somebody wanted
			share := int64(100 * used.AsApproximateFloat64() / limit.AsApproximateFloat64())
			if used.Cmp(limit) >= 0 {
				full = append(full, name)
			} else if share > most {
				near, most = name, share
			}
		}
		t.rows = append(t.rows, named(name, e.text("at-most", map[string]any{"n": limit.String()}), used.String(), judged(used.Cmp(limit) <= 0)))
	}
	t.status = e.text("quota-status", map[string]any{"full": len(full), "names": strings.Join(full, ", "), "near": near, "percent": most, "n": len(hard)})
	if len(hard) == 0 {
		t.health, t.status = Progressing, e.text("quota-uncounted", nil)
	}
	return t
}

func (e explainer) limitRange(v *corev1.LimitRange) told {
	t := told{summary: e.text("limitrange", nil), health: Healthy, status: e.text("limits", map[string]any{"n": len(v.Spec.Limits)})}
	for _, l := range v.Spec.Limits {
		for _, part := range []struct {
			id   string
			list corev1.ResourceList
		}{{"limit-min", l.Min}, {"limit-max", l.Max}, {"limit-request", l.DefaultRequest}, {"limit-limit", l.Default}, {"limit-ratio", l.MaxLimitRequestRatio}} {
			amounts := map[string]string{}
			for name, q := range part.list {
				amounts[string(name)] = q.String()
			}
			if len(amounts) > 0 {
				t.rows = append(t.rows, named(string(l.Type)+" "+e.text(part.id, nil), labelText(amounts), "", nil))
			}
		}
	}
	return t
}

// rights points to what binds rights to a subject.
func (e explainer) rights(t *told, kind, namespace, name string) {
	for _, b := range bindings(e.s) {
		if slices.ContainsFunc(b.subjects, func(s finding.Ref) bool { return s == finding.Ref{Kind: kind, Namespace: namespace, Name: name} }) {
			t.points(UsedBy, b.ref.Kind, b.ref.Namespace, b.ref.Name)
			t.points(RefersTo, b.role.Kind, b.role.Namespace, b.role.Name)
		}
	}
}
