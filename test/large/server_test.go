package large_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// server is an API server that lists what it was given, in pages, as protobuf.
// What it sends is made beforehand, so that it costs next to nothing.
type server struct {
	*httptest.Server
	pages map[string][][]byte // path → pages of pageSize
	size  int                 // of all pages together

	// The program under test, and where it is built.
	once         sync.Once
	dir, program string

	mu    sync.Mutex
	lists int // requests that were not for a further page
	sent  int
	// served counts how often each page went out.
	served map[string]int
}

const pageSize = 500

func newServer(t testing.TB, lists map[schema.GroupVersionResource]runtime.Object, metrics *snapshot.PodMetricsList) *server {
	t.Helper()
	s := &server{pages: map[string][][]byte{}, served: map[string]int{}, dir: t.TempDir()}
	encoder := scheme.Codecs.WithoutConversion().EncoderForVersion(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), nil)
	for gvr, list := range lists {
		path := "/apis/" + gvr.Group + "/" + gvr.Version + "/" + gvr.Resource
		if gvr.Group == "" {
			path = "/api/" + gvr.Version + "/" + gvr.Resource
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			t.Fatal(err)
		}
		kinds, _, err := scheme.Scheme.ObjectKinds(list)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at == 0 || at < len(items); at += pageSize {
			page := list.DeepCopyObject()
			end := min(at+pageSize, len(items))
			if err := meta.SetList(page, items[at:end]); err != nil {
				t.Fatal(err)
			}
			if m, err := meta.ListAccessor(page); err == nil && end < len(items) {
				m.SetContinue(strconv.Itoa(end / pageSize))
			}
			page.GetObjectKind().SetGroupVersionKind(kinds[0])
			var b bytes.Buffer
			if err := encoder.Encode(page, &b); err != nil {
				t.Fatal(err)
			}
			s.pages[path] = append(s.pages[path], b.Bytes())
			s.size += b.Len()
		}
	}
	data, err := json.Marshal(metrics)
	if err != nil {
		t.Fatal(err)
	}
	s.pages["/apis/metrics.k8s.io/v1beta1/pods"] = [][]byte{data}
	s.size += len(data)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	pages := s.pages[r.URL.Path]
	s.mu.Lock()
	if n == 0 {
		s.lists++
	}
	if n < len(pages) {
		s.sent += len(pages[n])
		s.served[fmt.Sprint(r.URL.Path, " ", n)]++
	}
	s.mu.Unlock()
	if n >= len(pages) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"apiVersion":"v1","metadata":{},"items":[]}`))
		return
	}
	w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
	if strings.Contains(r.URL.Path, "metrics.k8s.io") {
		w.Header().Set("Content-Type", "application/json")
	}
	_, _ = w.Write(pages[n])
}

// managed is the ballast that real objects carry.
func managed(o *corev1.Pod) {
	o.Annotations = map[string]string{"example.com/checksum": strings.Repeat("0123456789abcdef", 16)}
	for i := range 12 {
		o.Spec.Containers[0].Env = append(o.Spec.Containers[0].Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", i), Value: strings.Repeat("value ", 8)})
	}
	for i := range 3 {
		o.Spec.Volumes = append(o.Spec.Volumes, corev1.Volume{Name: fmt.Sprintf("volume-%d", i)})
		o.Spec.Containers[0].VolumeMounts = append(o.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: fmt.Sprintf("volume-%d", i), MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"})
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		o.Status.Conditions = append(o.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue})
	}
}
