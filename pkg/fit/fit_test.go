package fit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// scene is one case of a testdata file: a cluster, a pod, what must be answered.
type scene struct {
	Name  string         `json:"name"`
	Nodes []*corev1.Node `json:"nodes"`
	// Zones stands for nodes a and b in zone x and c in zone y; Taint taints one of them.
	Zones bool          `json:"zones"`
	Taint string        `json:"taint"`
	Pods  []*corev1.Pod `json:"pods"`
	Pod   *corev1.Pod   `json:"pod"`
	// Claims, Volumes and Namespaces were not read where they are left out.
	Claims     *[]*corev1.PersistentVolumeClaim `json:"claims"`
	Volumes    *[]*corev1.PersistentVolume      `json:"volumes"`
	Namespaces map[string]labels.Set            `json:"namespaces"`

	Fits       []string            `json:"fits"`
	Refused    map[string][]string `json:"refused"`
	Everywhere []string            `json:"everywhere"`
	Gaps       []string            `json:"gaps"`
	// Message and Change are compared where they are given.
	Message string `json:"message"`
	Change  string `json:"change"`
}

func (s *scene) cluster() *Cluster {
	if s.Zones {
		for name, zone := range map[string]string{"a": "x", "b": "x", "c": "z"} {
			n := &corev1.Node{}
			n.Name, n.Labels = name, map[string]string{"zone": zone}
			if s.Taint == name {
				n.Spec.Taints = []corev1.Taint{{Key: "down", Effect: corev1.TaintEffectNoSchedule}}
			}
			s.Nodes = append(s.Nodes, n)
		}
	}
	for _, n := range s.Nodes {
		complete(n)
	}
	facts := Facts{Namespaces: s.Namespaces}
	if s.Claims != nil {
		facts.Claim = func(namespace, name string) (*corev1.PersistentVolumeClaim, bool) {
			for _, c := range *s.Claims {
				if c.Namespace == namespace && c.Name == name {
					return c, true
				}
			}
			return nil, true
		}
	}
	if s.Volumes != nil {
		facts.Volume = func(name string) (*corev1.PersistentVolume, bool) {
			for _, v := range *s.Volumes {
				if v.Name == name {
					return v, true
				}
			}
			return nil, true
		}
	}
	for _, p := range append(s.Pods, s.Pod) {
		if p.Namespace == "" {
			p.Namespace = "shop"
		}
	}
	s.Pod.Name = "new"
	c := NewCluster(s.Nodes, facts)
	c.Bind(s.Pods...)
	return c
}

// complete gives a node what scenes do not repeat.
func complete(n *corev1.Node) {
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[corev1.LabelHostname] = n.Name
	if n.Status.Allocatable == nil {
		n.Status.Allocatable = corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi"),
			corev1.ResourcePods: resource.MustParse("10"),
		}
	}
}

func TestScenes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenes: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var scenes []*scene
		if err := yaml.UnmarshalStrict(data, &scenes); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		room := strings.TrimSuffix(filepath.Base(file), ".yaml")
		for _, s := range scenes {
			t.Run(room+"/"+s.Name, s.check)
		}
	}
}

func (s *scene) check(t *testing.T) {
	v := s.cluster().Judge(s.Pod)
	refused := map[string][]string{}
	for _, n := range v.Nodes {
		for _, r := range n.Refusals {
			refused[n.Node] = append(refused[n.Node], r.String())
		}
	}
	var everywhere, gaps []string
	for _, r := range v.Everywhere {
		everywhere = append(everywhere, r.String())
	}
	for _, g := range v.NotModelled {
		gaps = append(gaps, g.String())
	}
	if s.Refused == nil {
		s.Refused = map[string][]string{}
	}
	fits := v.Fitting()
	slices.Sort(fits)
	same(t, "fits", s.Fits, fits)
	same(t, "refused", s.Refused, refused)
	same(t, "everywhere", s.Everywhere, everywhere)
	same(t, "gaps", s.Gaps, gaps)
	if s.Message != "" {
		same(t, "message", s.Message, v.Message())
	}
	if s.Change != "" {
		change, _ := v.SmallestChange()
		same(t, "change", s.Change, change.String())
	}
	if _, ok := v.SmallestChange(); ok != (len(v.Fitting()) == 0) {
		t.Errorf("a change is needed: %v, and the pod fits %v", ok, v.Fitting())
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
