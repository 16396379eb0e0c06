package quota

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func deviceClass(name, gives string) *resourcev1.DeviceClass {
	c := &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if gives != "" {
		c.Spec.ExtendedResourceName = &gives
	}
	return c
}

// deviceClaim asks for one device of each class.
func deviceClaim(name string, classes ...string) *resourcev1.ResourceClaim {
	c := &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	for _, class := range classes {
		c.Spec.Devices.Requests = append(c.Spec.Devices.Requests, resourcev1.DeviceRequest{Name: class, Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: class}})
	}
	defaultDevices(&c.Spec)
	return c
}

// forPod makes it the claim that the scheduler makes for what a pod asks for.
func forPod(c *resourcev1.ResourceClaim, pod types.UID, made time.Time) *resourcev1.ResourceClaim {
	yes := true
	c.CreationTimestamp, c.Annotations = metav1.NewTime(made), map[string]string{resourcev1.ExtendedResourceClaimAnnotation: "true"}
	c.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "p", UID: pod, Controller: &yes}}
	return c
}

// A quota counts claims beside pods, once where a claim stands for what the pod asks for.
func TestRecountOfExtendedResources(t *testing.T) {
	const limit = `{requests.example.com/gpu: 9}`
	classes := []snapshot.Object{deviceClass("gpu", "example.com/gpu"), deviceClass("big", "example.com/gpu"), deviceClass("nic", "")}
	asks := func(claim string) *corev1.Pod {
		p := podOf(t, `{name: app, resources: {requests: {example.com/gpu: 1}}}`)
		p.Namespace, p.Name, p.UID = "shop", "p", "p"
		if claim != "" {
			p.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: claim}
		}
		return p
	}
	scoped := quotaOf(t, "q", limit, `{}`)
	scoped.Spec.Scopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeNotTerminating}
	for name, c := range map[string]struct {
		quota   *corev1.ResourceQuota
		objects []snapshot.Object
		unread  snapshot.Kind
		want    map[string]string
	}{
		"a claim beside a pod":                   {objects: []snapshot.Object{asks(""), deviceClaim("c", "gpu")}, want: map[string]string{"requests.example.com/gpu": "2"}},
		"a class that gives out nothing":         {objects: []snapshot.Object{deviceClaim("c", "nic")}, want: map[string]string{"requests.example.com/gpu": "0"}},
		"the name that every class has":          {quota: quotaOf(t, "q", `{requests.deviceclass.resource.kubernetes.io/nic: 9}`, `{}`), objects: []snapshot.Object{deviceClaim("c", "nic")}, want: map[string]string{"requests.deviceclass.resource.kubernetes.io/nic": "1"}},
		"that name of no class":                  {quota: quotaOf(t, "q", `{requests.deviceclass.resource.kubernetes.io/no: 9}`, `{}`), objects: []snapshot.Object{deviceClaim("c", "no")}, want: map[string]string{"requests.deviceclass.resource.kubernetes.io/no": "0"}},
		"that name of no class, claims counted":  {quota: quotaOf(t, "q", `{requests.deviceclass.resource.kubernetes.io/no: 9, count/resourceclaims.resource.k8s.io: 9}`, `{}`), objects: []snapshot.Object{deviceClaim("c", "no")}, want: map[string]string{"requests.deviceclass.resource.kubernetes.io/no": "1", "count/resourceclaims.resource.k8s.io": "1"}},
		"a scope counts pods only":               {quota: scoped, objects: []snapshot.Object{asks(""), deviceClaim("c", "gpu")}, want: map[string]string{"requests.example.com/gpu": "1"}},
		"the claim that the pod names":           {objects: []snapshot.Object{asks("c"), forPod(deviceClaim("c", "gpu"), "p", noon)}, want: map[string]string{"requests.example.com/gpu": "1"}},
		"a claim that the pod does not name":     {objects: []snapshot.Object{asks("other"), forPod(deviceClaim("c", "gpu"), "p", noon)}, want: map[string]string{"requests.example.com/gpu": "2"}},
		"the first claim where none is named":    {objects: []snapshot.Object{asks(""), forPod(deviceClaim("c", "gpu"), "p", noon), forPod(deviceClaim("b", "gpu"), "p", noon.Add(time.Second)), forPod(deviceClaim("d", "gpu"), "p", noon)}, want: map[string]string{"requests.example.com/gpu": "3"}},
		"a claim of a pod that was there before": {objects: []snapshot.Object{asks(""), forPod(deviceClaim("c", "gpu"), "old", noon)}, want: map[string]string{"requests.example.com/gpu": "2"}},
		"more claimed than the pod asks for":     {objects: []snapshot.Object{asks("c"), forPod(deviceClaim("c", "gpu", "gpu"), "p", noon)}, want: map[string]string{"requests.example.com/gpu": "2"}},
		"two classes of one resource: chance":    {objects: []snapshot.Object{deviceClaim("c", "gpu", "big")}, want: map[string]string{}},
		"classes unread":                         {objects: []snapshot.Object{asks("")}, unread: "DeviceClass", want: map[string]string{}},
		"claims unread":                          {objects: []snapshot.Object{asks("")}, unread: "ResourceClaim", want: map[string]string{}},
	} {
		q := c.quota
		if q == nil {
			q = quotaOf(t, "q", limit, `{}`)
		}
		got := map[string]string{}
		for name, n := range Recount(q, slices.Concat(c.objects, classes), func(k snapshot.Kind) bool { return k != c.unread }, noon) {
			got[string(name)] = n.String()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Classes and claims are asked for only where a quota could count claims by them.
func TestNeedsOfExtendedResources(t *testing.T) {
	for name, c := range map[string]struct {
		hard    string
		classes []*resourcev1.DeviceClass
		reading *snapshot.Reading
		want    []string
	}{
		"no extended resource": {hard: `{requests.cpu: 1, hugepages-2Mi: 1}`},
		"an extended resource": {hard: `{requests.example.com/gpu: 1}`, want: []string{"list deviceclasses.resource.k8s.io"}},
		"one that a class gives out": {hard: `{requests.example.com/gpu: 1}`, classes: []*resourcev1.DeviceClass{deviceClass("gpu", "example.com/gpu")}, reading: &snapshot.Reading{},
			want: []string{"list resourceclaims.resource.k8s.io in namespace shop"}},
		"one that no class gives out": {hard: `{requests.example.com/gpu: 1}`, classes: []*resourcev1.DeviceClass{deviceClass("gpu", "example.com/other")}, reading: &snapshot.Reading{}},
		"classes forbidden":           {hard: `{requests.example.com/gpu: 1}`, reading: &snapshot.Reading{Why: "forbidden: list deviceclasses.resource.k8s.io"}},
	} {
		s := snapshot.New(snapshot.FromCluster, noon)
		q := quotaOf(t, "q", c.hard, `{}`)
		q.Namespace = "shop"
		s.Add(q)
		for _, class := range c.classes {
			s.Add(class)
		}
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "ResourceQuota"}})
		if c.reading != nil {
			c.reading.Need = snapshot.Need{Kind: "DeviceClass"}
			s.Record(*c.reading)
		}
		asked := map[string]bool{}
		for _, n := range AuditNeeds(s, Query{Namespace: "shop"}, false).Objects {
			if n.Kind == "DeviceClass" || n.Kind == "ResourceClaim" {
				asked[n.String()] = true
			}
		}
		if got := slices.Sorted(maps.Keys(asked)); !slices.Equal(got, c.want) {
			t.Errorf("%s: asks to %v, not %v", name, got, c.want)
		}
	}
}

// An API server that does not serve resource.k8s.io/v1 counts no claim by its class.
func TestDeviceClassesNotServed(t *testing.T) {
	for _, c := range []struct {
		reading snapshot.Reading
		unread  bool
	}{
		{snapshot.Reading{Why: "not served by this cluster", NotServed: true}, false},
		{snapshot.Reading{Why: "timed out"}, true},
	} {
		s := snapshot.New(snapshot.FromCluster, noon)
		c.reading.Need = snapshot.Need{Kind: "DeviceClass"}
		s.Record(c.reading)
		if _, unread := RulesFor(s, "shop").Unread["DeviceClass"]; unread != c.unread {
			t.Errorf("%s: unread %v", c.reading.Why, unread)
		}
	}
}

// The API server is asked for its version where nothing else tells.
func TestVersionIsAskedForLast(t *testing.T) {
	q := quotaOf(t, "q", "{requests.example.com/gpu: 9}", "{requests.example.com/gpu: 0}")
	for name, c := range map[string]struct {
		unread  bool
		gives   string
		kubelet string
		asks    bool
	}{
		"classes first":               {unread: true, kubelet: "v1.35.0"},
		"a class tells":               {gives: "example.com/gpu", kubelet: "v1.35.0"},
		"a kubelet that is as new":    {kubelet: "v1.36.1"},
		"kubelets may be older":       {kubelet: "v1.35.9", asks: true},
		"a version that says nothing": {kubelet: "kwok-0.8.0", asks: true},
	} {
		s := snapshot.New(snapshot.FromCluster, noon)
		s.Add(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: c.kubelet}}})
		if !c.unread {
			s.Add(deviceClass("gpu", c.gives))
			s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "DeviceClass"}})
		}
		w := newWants(s)
		w.deviceClasses(q)
		if asks := slices.Contains(w.needs.Objects, snapshot.ServerVersionNeed()); asks != c.asks {
			t.Errorf("%s: asked for the version: %t", name, asks)
		}
	}
}

// The version of the API server says whether claims count as extended resources,
// as long as no class says that they do.
func TestClaimsCountByVersion(t *testing.T) {
	const implicit = "requests." + corev1.ResourceName(resourcev1.ResourceDeviceClassPrefix) + "gpu"
	for name, c := range map[string]struct {
		version, gives string
		unread         map[snapshot.Kind]string
		refused, sure  bool
	}{
		"on by default":                         {version: "v1.36.0", refused: true, sure: true},
		"off by default":                        {version: "v1.35.2-gke.100", sure: true},
		"off by default, and a class says on":   {version: "v1.35.2", gives: "example.com/gpu", refused: true, sure: true},
		"no version that can be read":           {version: "homegrown", refused: true, sure: true},
		"version not read":                      {version: "v1.35.0", unread: map[snapshot.Kind]string{snapshot.ServerVersionKind: "forbidden"}, refused: true, sure: true},
		"off by default, and no class was read": {version: "v1.35.0", unread: map[snapshot.Kind]string{"DeviceClass": "forbidden"}, sure: true},
		"on by default, and no class was read":  {version: "v1.36.0", unread: map[snapshot.Kind]string{"DeviceClass": "forbidden"}},
		"API server without classes is too old": {version: "v1.33.0", unread: map[snapshot.Kind]string{"DeviceClass": "not served by this cluster"}, sure: true},
	} {
		s := snapshot.New(snapshot.FromCluster, noon)
		q := quotaOf(t, "q", "{"+string(implicit)+": 0}", "{"+string(implicit)+": 0}")
		q.Namespace = "shop"
		s.Add(q)
		if _, unread := c.unread["DeviceClass"]; !unread {
			s.Add(deviceClass("gpu", c.gives))
		}
		if c.unread[snapshot.ServerVersionKind] == "" {
			s.Add(snapshot.NewServerVersion(c.version))
		}
		for _, i := range snapshot.Kinds() {
			s.Record(snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}, Why: c.unread[i.Kind], NotServed: c.unread[i.Kind] == "not served by this cluster"})
		}
		out := NewSpace(RulesFor(s, "shop"), noon).Admit(deviceClaim("c", "gpu"), nil)
		if out.Admitted() == c.refused || out.unsure() == c.sure {
			t.Errorf("%s: refused %v, unknown %v", name, out.Refusals, out.Unknown)
		}
	}
}
