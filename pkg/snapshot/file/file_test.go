package file_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

var (
	taken = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	log   = snapshot.LogNeed{Namespace: "shop", Pod: "web-1", Container: "app", Previous: true, Lines: 3}
)

// full is a snapshot with one object of every kind and a read of every outcome.
func full() *snapshot.Snapshot {
	s := snapshot.New(snapshot.FromCluster, taken)
	s.Context, s.Namespace, s.Requests = "prod", "shop", 7
	for _, k := range snapshot.Kinds() {
		o := k.New()
		o.SetName("web-1")
		if k.Namespaced {
			o.SetNamespace("shop")
		}
		s.Add(o)
	}
	s.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1"}, Status: corev1.PodStatus{Message: "a: b\n# \"c\""}})
	s.Add(snapshot.NewSecret(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}, Data: map[string][]byte{"k": []byte("value")}}))
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Pod", Namespace: "shop", Selector: "app=web"}})
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Secret", Namespace: "shop"}, Why: "forbidden: list secrets in namespace shop"})
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "ConfigMap", Namespace: "shop", Name: "gone"}, NotFound: true})
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Event", Namespace: "shop"}, Partial: true})
	s.RecordLog(snapshot.LogReading{Need: log, Lines: []string{"one", "", " two: 3"}})
	s.RecordSeries(snapshot.SeriesReading{Need: snapshot.SeriesNeed{Query: "up", Window: 60, Step: 30}, Series: []snapshot.Series{{Labels: map[string]string{"pod": "web-1"}, Points: []snapshot.Point{{At: 30, Value: 0.5}}}}})
	s.RecordSeries(snapshot.SeriesReading{Need: snapshot.SeriesNeed{Query: "down"}, Why: "timed out"})
	return s
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"s.yaml", "s.json"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			want := full()
			if err := file.WriteFile(path, want); err != nil {
				t.Fatal(err)
			}
			got, err := file.Load([]string{path}, nil, file.Options{Now: time.Now(), Namespace: "other"})
			if err != nil {
				t.Fatal(err)
			}
			if !got.TakenAt.Equal(taken) || got.Source != snapshot.FromCluster || got.Context != "prod" || got.Namespace != "shop" || got.Requests != 0 {
				t.Errorf("head: %+v", got)
			}
			if diff := cmp.Diff(want.Readings(), got.Readings()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want.Logs(), got.Logs()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want.AllSeries(), got.AllSeries()); diff != "" || len(got.AllSeries()) != 2 {
				t.Error(diff)
			}
			if n := len(got.Objects()); n != len(snapshot.Kinds())+1 {
				t.Errorf("%d objects", n)
			}
			// Saved again it is the same file: nothing was lost or changed on the way.
			var first, second bytes.Buffer
			if err := errors.Join(file.Save(&first, want, file.JSON), file.Save(&second, got, file.JSON)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first.String(), second.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSavedFileIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := file.WriteFile(path, full()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A snapshot comes from anyone who reports a bug: it must not drive a terminal,
// and values that somebody wrote into it do not enter.
func TestSavedSnapshotIsMadeSafeAgain(t *testing.T) {
	in := `{"apiVersion":"kubectl-msa.dev/v1alpha1","kind":"Snapshot","source":"cluster","takenAt":"2026-01-02T03:04:05Z","context":"a\u001bb",
"readings":[{"need":{"kind":"Pod","namespace":"s\u001b"},"why":"no\u202e"}],
"logs":[{"need":{"namespace":"shop","pod":"web-1","container":"app","previous":true,"lines":3},"lines":["\u001b[2J"]}],
"objects":[{"kind":"Secret","metadata":{"name":"db","namespace":"shop"},"data":{"k":"dmFsdWU="},"stringData":{"k":"value"}},
{"kind":"ConfigMap","metadata":{"name":"c","namespace":"shop"},"data":{"k":"value"}},
{"kind":"Pod","metadata":{"name":"p","namespace":"shop"},"status":{"message":"\u001b]0;x\u0007"}}]}`
	s, err := file.Load([]string{"-"}, strings.NewReader(in), file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := file.Save(&out, s, file.JSON); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"\\u001b", "\u001b", "\u202e", "\\u0007", "value", "dmFsdWU="} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q came through: %s", bad, out.String())
		}
	}
	if c, _ := snapshot.Get[*corev1.ConfigMap](s, "shop", "c"); c == nil || len(c.Data) != 1 {
		t.Errorf("the key is lost: %+v", c)
	}
}

func TestManifests(t *testing.T) {
	in := `
# a comment
---
apiVersion: v1
kind: PodList
items:
- metadata: {name: a}
- metadata: {name: b, namespace: other}
--- # the second
apiVersion: v1
kind: Namespace
metadata: {name: shop, namespace: nonsense}
---
apiVersion: extensions/v1beta1
kind: Deployment
metadata: {name: old}
`
	s, err := file.Load([]string{"-"}, strings.NewReader(in), file.Options{Namespace: "shop", Now: taken})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		kind            snapshot.Kind
		namespace, name string
	}{{"Pod", "shop", "a"}, {"Pod", "other", "b"}, {"Namespace", "", "shop"}} {
		if _, got := s.Find(want.kind, want.namespace, want.name); got.State != snapshot.Present {
			t.Errorf("%+v: %+v", want, got)
		}
	}
	// What is not in the manifests may exist.
	if _, got := s.Find("Pod", "shop", "other"); got.State != snapshot.Unknown {
		t.Errorf("%+v", got)
	}
	want := []snapshot.Reading{{Need: snapshot.Need{Kind: "Deployment.extensions/v1beta1", Namespace: "shop", Name: "old"}, Why: "this kind is not one that the tool reads"}}
	if diff := cmp.Diff(want, s.Readings()); diff != "" {
		t.Error(diff)
	}
	if s.Source != snapshot.FromManifests || !s.TakenAt.Equal(taken) {
		t.Errorf("%+v", s)
	}
}

// What a field cannot hold is told with the way to it, also where the decoder
// knows none: in lists, and of types that read themselves.
func TestErrorsNameTheField(t *testing.T) {
	for in, want := range map[string]string{
		`{kind: Deployment, apiVersion: apps/v1, metadata: {name: web}, spec: {template: {spec: {containers: [{name: a}, {name: app, resources: {requests: {cpu: 1, memory: 1 Gi}}}]}}}}`:          `Deployment web: spec.template.spec.containers[app].resources.requests[memory] cannot be "1 Gi": it takes a quantity, such as 500m, 2 or 1.5Gi`,
		`{kind: Pod, apiVersion: v1, metadata: {generateName: web-}, spec: {initContainers: [{resources: {limits: {cpu: {}}}}]}}`:                                                                  `Pod web-: spec.initContainers[0].resources.limits[cpu] cannot be {}: it takes a quantity, such as 500m, 2 or 1.5Gi`,
		`{kind: ResourceQuota, apiVersion: v1, metadata: {name: q}, spec: {hard: {requests.cpu: ten}}}`:                                                                                            `ResourceQuota q: spec.hard[requests.cpu] cannot be "ten": it takes a quantity, such as 500m, 2 or 1.5Gi`,
		`{kind: StatefulSet, apiVersion: apps/v1, metadata: {name: db}, spec: {volumeClaimTemplates: [{metadata: {name: data}, spec: {resources: {requests: {storage: 10GB!}}}}]}}`:                `StatefulSet db: spec.volumeClaimTemplates[0].spec.resources.requests[storage] cannot be "10GB!": it takes a quantity, such as 500m, 2 or 1.5Gi`,
		`{kind: Pod, apiVersion: v1, metadata: {name: p}, spec: {volumes: [{name: tmp, emptyDir: {sizeLimit: big}}]}}`:                                                                             `Pod p: spec.volumes[tmp].emptyDir.sizeLimit cannot be "big": it takes a quantity, such as 500m, 2 or 1.5Gi`,
		`{kind: Pod, apiVersion: v1, metadata: {name: p}, spec: {containers: [{name: app, env: [{name: PORT, value: 8080}]}]}}`:                                                                    `Pod p: spec.containers[app].env[PORT].value cannot be a number: put it in quotes`,
		`{kind: ConfigMap, apiVersion: v1, metadata: {name: c}, data: {k: true}}`:                                                                                                                  `ConfigMap c: data[k] cannot be a bool: put it in quotes`,
		`{kind: Pod, apiVersion: v1, metadata: {name: p, creationTimestamp: soon}}`:                                                                                                                `Pod p: metadata.creationTimestamp cannot be "soon": it takes a time, such as 2026-01-02T15:04:05Z`,
		`{kind: Pod, apiVersion: v1, metadata: {name: p}, spec: {containers: {name: app}}}`:                                                                                                        `Pod p: spec.containers cannot be a map`,
		`{kind: Service, apiVersion: v1, metadata: {name: s}, spec: {ports: [{port: 80, targetPort: true}]}}`:                                                                                      `Service s: spec.ports[0].targetPort cannot be a bool`,
		`{kind: List, apiVersion: v1, items: [{kind: Pod, apiVersion: v1, metadata: {name: p}, spec: {containers: [{name: app, ports: [{containerPort: "80"}]}]}}]}`:                               `item 1: Pod p: spec.containers[app].ports[0].containerPort cannot be a string`,
		`{kind: Pod, apiVersion: v1, metadata: {name: p}, spec: {containers: [{name: app, resources: {requests: {memory: 123456789012345678901234567890123456789012345 nonsense without end}}}]}}`: `Pod p: spec.containers[app].resources.requests[memory] cannot be "123456789012345678901234567890123456789…: it takes a quantity, such as 500m, 2 or 1.5Gi`,
	} {
		_, err := file.Load([]string{"-"}, strings.NewReader(in), file.Options{Namespace: "shop"})
		if want := "standard input:1: " + want; err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", in, err, want)
		}
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	for in, want := range map[string]string{
		"a: [":                                  "standard input:1: did not find expected node content",
		"\n\nkind: Pod\n  x: 1\n":               "standard input:4: mapping values are not allowed in this context",
		"apiVersion: v1\nkind: Pod\n---\n- 1\n": "standard input:4: not a Kubernetes object: a map with apiVersion and kind is expected",
		"apiVersion: v1\nkind: Pod\n":           "standard input:1: Pod: metadata.name is missing",
		"kind: Pod":                             "standard input:1: not a Kubernetes object: apiVersion is missing",
		"apiVersion: v1":                        "standard input:1: not a Kubernetes object: kind is missing",
		"kind: 3\napiVersion: v1":               "standard input:1: apiVersion and kind must be text",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: hunter2!}":                        "standard input:1: Secret s: data must be base64 and stringData text",
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {name: a}}, {a: 1}]": "standard input:1: item 2: kind is missing",
		`{"apiVersion":"kubectl-msa.dev/v1alpha1","kind":"Snapshot","source":"moon"}`:                   `standard input:1: unknown source "moon": cluster or manifests`,
	} {
		_, err := file.Load([]string{"-"}, strings.NewReader(in), file.Options{Namespace: "shop"})
		var e *file.Error
		if !errors.As(err, &e) || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", in, err, want)
		}
	}
}
