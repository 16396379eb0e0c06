package quota

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func parse[T any](t testing.TB, text string) *T {
	t.Helper()
	out := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

// quotaOf is a quota that has been counted.
func quotaOf(t testing.TB, name, hard, used string) *corev1.ResourceQuota {
	t.Helper()
	return parse[corev1.ResourceQuota](t, "{metadata: {name: "+name+"}, spec: {hard: "+hard+"}, status: {hard: "+hard+", used: "+used+"}}")
}

func rangeOf(t testing.TB, name, items string) *corev1.LimitRange {
	t.Helper()
	return parse[corev1.LimitRange](t, "{metadata: {name: "+name+"}, spec: {limits: ["+items+"]}}")
}

func podOf(t testing.TB, containers string) *corev1.Pod {
	t.Helper()
	return parse[corev1.Pod](t, "{metadata: {name: web, namespace: shop}, spec: {containers: ["+containers+"]}}")
}

// The messages are those that a real API server (v1.36.3) gave.
func TestAdmitPod(t *testing.T) {
	const app = `{name: app, resources: {requests: {cpu: 500m, memory: 64Mi}}}`
	for name, c := range map[string]struct {
		rules func(*testing.T) Rules
		pod   string
		want  string
		by    By
		cause Cause
		of    string
	}{
		"there is room": {
			func(t *testing.T) Rules {
				return Rules{Quotas: []*corev1.ResourceQuota{quotaOf(t, "q", "{cpu: 1}", "{cpu: 500m}")}}
			}, app, "", "", "", "",
		},
		"over the hard limit": {
			func(t *testing.T) Rules {
				return Rules{Quotas: []*corev1.ResourceQuota{quotaOf(t, "q", `{cpu: "1", pods: "9"}`, `{cpu: 750m, pods: "2"}`)}}
			}, app,
			`pods "web" is forbidden: exceeded quota: q, requested: cpu=500m, used: cpu=750m, limited: cpu=1`, ByQuota, Exceeded, "cpu",
		},
		"something else is over its hard limit": {
			func(t *testing.T) Rules {
				return Rules{Quotas: []*corev1.ResourceQuota{quotaOf(t, "q", `{requests.storage: 1Gi, cpu: "1"}`, `{requests.storage: 5Gi, cpu: "0"}`)}}
			}, app, "", "", "", "",
		},
		"the quota wants it said": {
			func(t *testing.T) Rules {
				return Rules{Quotas: []*corev1.ResourceQuota{quotaOf(t, "q", `{limits.memory: 1Gi, limits.cpu: "1"}`, `{limits.memory: "0", limits.cpu: "0"}`)}}
			}, app + `,{name: side, resources: {limits: {cpu: 1}}}`,
			`pods "web" is forbidden: failed quota: q: must specify limits.cpu for: app; limits.memory for: app,side`, ByQuota, Unspecified, "limits.cpu,limits.memory",
		},
		"ephemeral storage need not be said": {
			func(t *testing.T) Rules {
				return Rules{Quotas: []*corev1.ResourceQuota{quotaOf(t, "q", `{limits.ephemeral-storage: 1Gi}`, `{limits.ephemeral-storage: "0"}`)}}
			}, app, "", "", "", "",
		},
		"not counted yet": {
			func(t *testing.T) Rules {
				return Rules{Quotas: []*corev1.ResourceQuota{parse[corev1.ResourceQuota](t, `{metadata: {name: q}, spec: {hard: {pods: 3}}, status: {hard: {pods: 3}}}`)}}
			}, app,
			`pods "web" is forbidden: status unknown for quota: q, resources: pods`, ByQuota, StatusUnknown, "pods",
		},
		"so new that it is not enforced": {
			func(t *testing.T) Rules {
				return Rules{Quotas: []*corev1.ResourceQuota{parse[corev1.ResourceQuota](t, `{metadata: {name: q}, spec: {hard: {pods: 0}}}`)}}
			}, app, "", "", "", "",
		},
		"max without default is everybody's default": {
			func(t *testing.T) Rules {
				return Rules{LimitRanges: []*corev1.LimitRange{rangeOf(t, "lr", `{type: Container, max: {cpu: "1"}}`)}}
			}, `{name: app, resources: {requests: {cpu: "2"}}}`,
			`Pod "web" is invalid: spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`, ByValidation, Invalid, "cpu",
		},
		"a default beside a limit of the pod as a whole": {
			func(t *testing.T) Rules {
				return Rules{LimitRanges: []*corev1.LimitRange{rangeOf(t, "lr", `{type: Container, default: {cpu: "1"}}`)}}
			}, `resources: {limits: {cpu: 500m}}, containers: [{name: app}]`,
			`Pod "web" is invalid: [spec.resources.requests[cpu]: Invalid value: "500m": must be greater than or equal to aggregate container requests of 1, spec.resources.containers[0][cpu].limits: Invalid value: "1": must be less than or equal to pod limits of 500m]`, ByValidation, Invalid, "cpu",
		},
		"under the min": {
			func(t *testing.T) Rules {
				return Rules{LimitRanges: []*corev1.LimitRange{rangeOf(t, "lr", `{type: Container, min: {cpu: 600m}}`)}}
			}, app,
			`pods "web" is forbidden: minimum cpu usage per Container is 600m, but request is 500m`, ByLimitRange, OutOfRange, "cpu",
		},
		"over the max, and no limit": {
			func(t *testing.T) Rules {
				return Rules{LimitRanges: []*corev1.LimitRange{rangeOf(t, "lr", `{type: Pod, max: {cpu: 400m, memory: 1Gi}}`)}}
			}, `{name: app, resources: {requests: {cpu: 100m}, limits: {cpu: 500m}}}`,
			`pods "web" is forbidden: [maximum cpu usage per Pod is 400m, but limit is 500m, maximum memory usage per Pod is 1Gi.  No limit is specified]`, ByLimitRange, OutOfRange, "cpu,memory",
		},
		"the ratio": {
			func(t *testing.T) Rules {
				return Rules{LimitRanges: []*corev1.LimitRange{rangeOf(t, "lr", `{type: Container, maxLimitRequestRatio: {cpu: "2"}}`)}}
			}, `{name: app, resources: {requests: {cpu: 100m}, limits: {cpu: 500m}}}`,
			`pods "web" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000`, ByLimitRange, OutOfRange, "cpu",
		},
		"a class that is not there": {
			func(*testing.T) Rules { return Rules{} }, `priorityClassName: gold, containers: [{name: app}]`,
			`pods "web" is forbidden: no PriorityClass with name gold was found`, ByOther, ClassMissing, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec := c.pod
			if strings.HasPrefix(spec, "{") {
				spec = "containers: [" + spec + "]"
			}
			pod := parsePod(t, "{metadata: {name: web, namespace: shop}, spec: {"+spec+"}}")
			out := NewSpace(c.rules(t), noon).Admit(pod, nil)
			if c.want == "" {
				if !out.Admitted() {
					t.Fatalf("refused: %s", out.Refusals[0].Message)
				}
				return
			}
			if len(out.Refusals) != 1 {
				t.Fatalf("%d refusals: %+v", len(out.Refusals), out.Refusals)
			}
			r := out.Refusals[0]
			if r.Message != c.want || r.By != c.by || r.Cause != c.cause || printedNames(r.Resources) != c.of {
				t.Errorf("got %s, %s, %s:\n%s\nwant %s, %s, %s:\n%s", r.By, r.Cause, printedNames(r.Resources), r.Message, c.by, c.cause, c.of, c.want)
			}
		})
	}
}

// What several quotas could say is all listed; what they want said comes first.
func TestSeveralQuotas(t *testing.T) {
	full := func(name string) *corev1.ResourceQuota { return quotaOf(t, name, `{pods: "1"}`, `{pods: "1"}`) }
	pod := podOf(t, `{name: app}`)
	out := NewSpace(Rules{Quotas: []*corev1.ResourceQuota{full("b"), full("a")}}, noon).Try(pod, nil)
	if len(out.Refusals) != 2 || out.Refusals[0].Name != "a" || out.Refusals[1].Name != "b" {
		t.Errorf("got %+v", out.Refusals)
	}
	wants := quotaOf(t, "z", `{cpu: "1"}`, `{cpu: "0"}`)
	out = NewSpace(Rules{Quotas: []*corev1.ResourceQuota{full("a"), wants}}, noon).Try(pod, nil)
	if len(out.Refusals) != 1 || out.Refusals[0].Cause != Unspecified {
		t.Errorf("got %+v", out.Refusals)
	}
}

// One after the other: what is let in leaves less for the next.
func TestAdmitCharges(t *testing.T) {
	s := NewSpace(Rules{Quotas: []*corev1.ResourceQuota{quotaOf(t, "q", `{requests.cpu: 1200m}`, `{requests.cpu: "0"}`)}}, noon)
	pod := podOf(t, `{name: app, resources: {requests: {cpu: 500m}}}`)
	for i, want := range []bool{true, true, false, false} {
		if got := s.Try(pod, nil).Admitted(); got != want {
			t.Errorf("pod %d: tried %v, want %v", i, got, want)
		}
		if got := s.Admit(pod, nil).Admitted(); got != want {
			t.Errorf("pod %d: %v, want %v", i, got, want)
		}
	}
}

// A change is charged with what grew, and only where it is counted.
func TestAdmitChange(t *testing.T) {
	claim := func(size string) *corev1.PersistentVolumeClaim {
		return parse[corev1.PersistentVolumeClaim](t, "{metadata: {name: data}, spec: {resources: {requests: {storage: "+size+"}}}}")
	}
	s := NewSpace(Rules{Quotas: []*corev1.ResourceQuota{quotaOf(t, "q", `{requests.storage: 10Gi}`, `{requests.storage: 8Gi}`)}}, noon)
	if out := s.Admit(claim("9Gi"), claim("8Gi")); !out.Admitted() {
		t.Errorf("one more: %s", out.Refusals[0].Message)
	}
	if out := s.Try(claim("11Gi"), claim("9Gi")); out.Admitted() {
		t.Error("two more are let in")
	}
	if out := s.Try(claim("1Gi"), claim("9Gi")); !out.Admitted() {
		t.Error("less is refused")
	}
	full := NewSpace(Rules{Quotas: []*corev1.ResourceQuota{quotaOf(t, "q", `{pods: "0"}`, `{pods: "0"}`)}}, noon)
	pod := podOf(t, `{name: app}`)
	if !full.Try(pod, pod).Admitted() || full.Try(pod, nil).Admitted() {
		t.Error("a pod that is there already is not counted again")
	}
}

// What was not read is said, and only where it could matter.
func TestUnread(t *testing.T) {
	unread := func(kinds ...snapshot.Kind) Rules {
		r := Rules{Unread: map[snapshot.Kind]string{}}
		for _, k := range kinds {
			r.Unread[k] = "forbidden"
		}
		return r
	}
	plain := podOf(t, `{name: app}`)
	classed := parsePod(t, `{metadata: {name: web}, spec: {priorityClassName: gold, runtimeClassName: kata, containers: [{name: app}]}}`)
	all := unread("LimitRange", "ResourceQuota", "PriorityClass", "RuntimeClass", "StorageClass")
	for _, c := range []struct {
		rules Rules
		pod   *corev1.Pod
		want  string
	}{
		{all, plain, "LimitRange ResourceQuota"},
		{all, classed, "LimitRange PriorityClass RuntimeClass ResourceQuota"},
		{Rules{}, plain, ""},
	} {
		var got []string
		for _, k := range NewSpace(c.rules, noon).Try(c.pod, nil).Unknown {
			got = append(got, string(k))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("got %v, want %s", got, c.want)
		}
	}
}

func TestClasses(t *testing.T) {
	rules := Rules{
		Priorities: []*schedulingClass{
			parse[schedulingClass](t, `{metadata: {name: low}, value: 1, globalDefault: true}`), parse[schedulingClass](t, `{metadata: {name: high}, value: 9}`),
		},
		Runtimes: []*runtimeClass{parse[runtimeClass](t, `{metadata: {name: kata}, handler: kata, overhead: {podFixed: {cpu: 250m}}}`)},
		Storage: []*storageClass{
			parse[storageClass](t, `{metadata: {name: old, creationTimestamp: "2025-01-01T00:00:00Z", annotations: {storageclass.kubernetes.io/is-default-class: "true"}}}`),
			parse[storageClass](t, `{metadata: {name: new, creationTimestamp: "2026-01-01T00:00:00Z", annotations: {storageclass.kubernetes.io/is-default-class: "true"}}}`),
			parse[storageClass](t, `{metadata: {name: other, creationTimestamp: "2026-02-01T00:00:00Z"}}`),
		},
		Quotas: []*corev1.ResourceQuota{
			parse[corev1.ResourceQuota](t, `{metadata: {name: low}, spec: {hard: {pods: 0}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [low]}]}}, status: {hard: {pods: 0}, used: {pods: 0}}}`),
			quotaOf(t, "new", `{new.storageclass.storage.k8s.io/persistentvolumeclaims: 0}`, `{new.storageclass.storage.k8s.io/persistentvolumeclaims: 0}`),
			quotaOf(t, "cpu", `{requests.cpu: 300m}`, `{requests.cpu: 0}`),
		},
	}
	refusedBy := func(o snapshot.Object) string {
		if out := NewSpace(rules, noon).Try(o, nil); !out.Admitted() {
			return out.Refusals[0].Name + " " + string(out.Refusals[0].Cause)
		}
		return ""
	}
	const spec = `containers: [{name: app, resources: {requests: {cpu: 100m}}}]`
	for o, want := range map[snapshot.Object]string{
		parsePod(t, `{spec: {`+spec+`}}`):                                                                               "low exceeded", // the cluster's default class
		parsePod(t, `{spec: {priorityClassName: high, `+spec+`}}`):                                                      "",
		parsePod(t, `{spec: {priorityClassName: high, priority: 8, `+spec+`}}`):                                         "high class-mismatch",
		parsePod(t, `{spec: {priorityClassName: high, runtimeClassName: kata, `+spec+`}}`):                              "cpu exceeded", // 100m and 250m of overhead
		parsePod(t, `{spec: {priorityClassName: high, runtimeClassName: none, `+spec+`}}`):                              "none class-missing",
		parsePod(t, `{spec: {priorityClassName: high, overhead: {cpu: 1m}, `+spec+`}}`):                                 " class-mismatch",
		parse[corev1.PersistentVolumeClaim](t, `{spec: {resources: {requests: {storage: 1Gi}}}}`):                       "new exceeded",
		parse[corev1.PersistentVolumeClaim](t, `{spec: {storageClassName: "", resources: {requests: {storage: 1Gi}}}}`): "",
	} {
		if got := refusedBy(o); got != want {
			t.Errorf("%+v: refused by %q, want %q", o, got, want)
		}
	}
}

// However many pods come, in whatever order, no quota gets above its hard
// limit; what was let in would be let in again as it was stored; and what is
// refused costs nothing.
func TestAdmitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hard := drawList().Draw(t, "hard")
		hard[corev1.ResourcePods] = *resource.NewQuantity(rapid.Int64Range(0, 4).Draw(t, "pods"), resource.DecimalSI)
		q := &corev1.ResourceQuota{Status: corev1.ResourceQuotaStatus{Hard: hard, Used: corev1.ResourceList{}}}
		for name := range hard {
			q.Status.Used[name] = resource.Quantity{}
		}
		q.Name = "q"
		s := NewSpace(Rules{Quotas: []*corev1.ResourceQuota{q}}, noon)
		for range rapid.IntRange(1, 8).Draw(t, "how many") {
			before := sum(s.ledgers[0].used)
			out := s.Admit(drawPod().Draw(t, "pod"), nil)
			now := s.ledgers[0].used
			if !out.Admitted() {
				if !equal(before, now) {
					t.Fatalf("refused, and charged %v", now)
				}
				continue
			}
			for name, most := range hard {
				if held := now[name]; held.Cmp(most) > 0 {
					t.Fatalf("%s: %s of %s", name, held.String(), most.String())
				}
			}
			again := NewSpace(Rules{}, noon).Try(out.Object, nil)
			if !again.Admitted() || !equality.Semantic.DeepEqual(again.Object, out.Object) {
				t.Fatalf("stored %v, again %v", out.Object, again.Object)
			}
		}
	})
}

func FuzzAdmit(f *testing.F) {
	f.Add(`{"spec":{"containers":[{"name":"a","resources":{"requests":{"cpu":"1","hugepages-2Mi":"4Mi"},"limits":{"memory":"-1"}}}]}}`, `{"spec":{"limits":[{"type":"Container","max":{"cpu":"1"}}]}}`, `{"status":{"hard":{"cpu":"1"},"used":{"cpu":"9e99"}}}`)
	f.Add(`{"spec":{"resources":{"limits":{"x":"1"}},"initContainers":[{"restartPolicy":"Always"}]}}`, `{"spec":{"limits":[{"type":"Pod","maxLimitRequestRatio":{"cpu":"0"}}]}}`, `{"spec":{"scopes":["PriorityClass"]}}`)
	f.Fuzz(func(t *testing.T, pod, lr, q string) {
		p, l, r := &corev1.Pod{}, &corev1.LimitRange{}, &corev1.ResourceQuota{}
		if yaml.Unmarshal([]byte(pod), p) != nil || yaml.Unmarshal([]byte(lr), l) != nil || yaml.Unmarshal([]byte(q), r) != nil {
			return
		}
		s := NewSpace(Rules{Quotas: []*corev1.ResourceQuota{r}, LimitRanges: []*corev1.LimitRange{l}}, noon)
		first := s.Try(p, nil)
		if second := s.Admit(p, nil); first.Admitted() != second.Admitted() {
			t.Errorf("tried %v, then %v", first.Admitted(), second.Admitted())
		}
	})
}
