package large_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
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

func newServer(t testing.TB, lists map[schema.GroupVersionResource]runtime.Object) *server {
	t.Helper()
	s := &server{pages: map[string][][]byte{}, served: map[string]int{}, dir: t.TempDir()}
	all := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, metricsv1beta1.AddToScheme} {
		if err := add(all); err != nil {
			t.Fatal(err)
		}
	}
	encoder := protobuf.NewSerializer(all, all)
	for gvr, list := range lists {
		path := "/apis/" + gvr.Group + "/" + gvr.Version + "/" + gvr.Resource
		if gvr.Group == "" {
			path = "/api/" + gvr.Version + "/" + gvr.Resource
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			t.Fatal(err)
		}
		kinds, _, err := all.ObjectKinds(list)
		if err != nil {
			t.Fatal(err)
		}
		size := pageSize
		if gvr.Group == metricsv1beta1.GroupName { // which serves no pages
			size = len(items)
		}
		for at := 0; at == 0 || at < len(items); at += size {
			page := list.DeepCopyObject()
			end := min(at+size, len(items))
			if err := meta.SetList(page, items[at:end]); err != nil {
				t.Fatal(err)
			}
			if m, err := meta.ListAccessor(page); err == nil && end < len(items) {
				m.SetContinue(strconv.Itoa(end / size))
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
	for _, manager := range []string{"kube-controller-manager", "kubelet"} { // who set which field: a line for each
		fields := fmt.Sprintf(`{"f:metadata":{"f:labels":{%s}}}`, strings.Repeat(`"f:app.kubernetes.io/part-of":{},"f:app":{},`, 30)+`"f:last":{}`)
		o.ManagedFields = append(o.ManagedFields, metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields)})
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		o.Status.Conditions = append(o.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue})
	}
}
