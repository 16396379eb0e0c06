package large_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// selecting is an API server that answers for single objects and for lists by
// labels, as protobuf. An answer is made once, so that asking again costs next to nothing.
type selecting struct {
	*httptest.Server
	tool  *server // the program under test
	kinds map[schema.GroupVersionResource]snapshot.Info
	all   map[schema.GroupVersionResource][]runtime.Object

	mu       sync.Mutex
	answers  map[string]answer
	asked    []string // what was asked for, without further pages
	received int      // requests, further pages too
}

type answer struct {
	status int
	kind   string
	body   []byte
}

func newSelecting(t testing.TB, objects []runtime.Object) *selecting {
	t.Helper()
	s := &selecting{kinds: map[schema.GroupVersionResource]snapshot.Info{}, all: map[schema.GroupVersionResource][]runtime.Object{}, answers: map[string]answer{}}
	of := map[snapshot.Kind]schema.GroupVersionResource{}
	for _, i := range snapshot.Kinds() {
		if !i.JSON && i.Kind != "Secret" {
			s.kinds[i.Resource], of[i.Kind] = i, i.Resource
		}
	}
	for _, o := range objects {
		kinds, _, err := scheme.Scheme.ObjectKinds(o)
		if err != nil {
			t.Fatal(err)
		}
		o.GetObjectKind().SetGroupVersionKind(kinds[0])
		gvr := of[snapshot.Kind(kinds[0].Kind)]
		s.all[gvr] = append(s.all[gvr], o)
	}
	s.Server = httptest.NewServer(s)
	s.tool = &server{Server: s.Server, dir: t.TempDir()}
	t.Cleanup(s.Close)
	return s
}

func (s *selecting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	uri := r.URL.RequestURI()
	s.mu.Lock()
	a, known := s.answers[uri]
	if !known {
		a = s.answer(r)
		s.answers[uri] = a
	}
	s.received++
	if !strings.Contains(uri, "continue=") {
		s.asked = append(s.asked, uri)
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", a.kind)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

const asJSON = "application/json"

// answer finds /api/v1[/namespaces/NS]/RESOURCE[/NAME] and the like under /apis.
func (s *selecting) answer(r *http.Request) answer {
	if r.URL.Path == "/apis" {
		return answer{200, asJSON, []byte(`{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[]}`)}
	}
	absent := answer{404, asJSON, []byte(`{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"NotFound","code":404,"details":{"name":"it"}}`)}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	gvr := schema.GroupVersionResource{Version: parts[min(1, len(parts)-1)]}
	rest := parts[min(2, len(parts)):]
	if parts[0] == "apis" && len(parts) > 3 {
		gvr, rest = schema.GroupVersionResource{Group: parts[1], Version: parts[2]}, parts[3:]
	}
	namespace := ""
	if len(rest) > 2 && rest[0] == "namespaces" {
		namespace, rest = rest[1], rest[2:]
	}
	if len(rest) == 0 {
		return absent
	}
	gvr.Resource = rest[0]
	info, served := s.kinds[gvr]
	switch {
	case !served && len(rest) == 1:
		return answer{200, asJSON, []byte(`{"apiVersion":"v1","kind":"List","metadata":{},"items":[]}`)}
	case !served || len(rest) > 2:
		return absent
	case len(rest) == 2:
		if i := slices.IndexFunc(s.all[gvr], func(o runtime.Object) bool { return here(o, namespace) && nameOf(o) == rest[1] }); i >= 0 {
			return encoded(s.all[gvr][i])
		}
		return absent
	}
	return s.list(info, namespace, r)
}

func (s *selecting) list(info snapshot.Info, namespace string, r *http.Request) answer {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return answer{400, asJSON, nil}
	}
	var items []runtime.Object
	for _, o := range s.all[info.Resource] {
		if m, err := meta.Accessor(o); err == nil && here(o, namespace) && selector.Matches(labels.Set(m.GetLabels())) {
			items = append(items, o)
		}
	}
	list := info.NewList()
	at, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	end := len(items)
	if m, err := meta.ListAccessor(list); err == nil && limit > 0 && at+limit < end {
		end = at + limit
		m.SetContinue(strconv.Itoa(end))
	}
	if err := meta.SetList(list, items[at:end]); err != nil {
		return answer{500, asJSON, nil}
	}
	return encoded(list)
}

func here(o runtime.Object, namespace string) bool {
	m, err := meta.Accessor(o)
	return err == nil && (namespace == "" || m.GetNamespace() == namespace)
}

func nameOf(o runtime.Object) string {
	m, err := meta.Accessor(o)
	if err != nil {
		return ""
	}
	return m.GetName()
}

func encoded(o runtime.Object) answer {
	kinds, _, err := scheme.Scheme.ObjectKinds(o)
	if err != nil {
		return answer{500, asJSON, nil}
	}
	o.GetObjectKind().SetGroupVersionKind(kinds[0])
	var b bytes.Buffer
	if err := scheme.Codecs.WithoutConversion().EncoderForVersion(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), nil).Encode(o, &b); err != nil {
		return answer{500, asJSON, nil}
	}
	return answer{200, "application/vnd.kubernetes.protobuf", b.Bytes()}
}
