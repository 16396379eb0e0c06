package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fate is what becomes of a request.
type fate string

const (
	fine fate = ""
	// never: the connection broke before the server got it.
	never fate = "never"
	// unheard: it was done, and the answer was lost.
	unheard fate = "unheard"
	// late: no answer came, and the server does it when the test says so.
	late     fate = "late"
	busy     fate = "429"
	broken   fate = "500"
	contends fate = "409"
	denied   fate = "403"
	nowhere  fate = "404" // the namespace is gone
)

var errCut = errors.New("connection reset by peer")

// fakeAPI keeps objects as an API server does, as far as journals can tell; its
// answers are those that test/rollout sees of a real one.
type fakeAPI struct {
	mu      sync.Mutex
	objects map[string]map[string]any
	counter int
	now     time.Time
	// seen are the requests, and fate decides about each by its number from 1.
	seen []string
	fate func(n int, request string) fate
	held []func()
	// forbidOwners refuses to let anyone name an owner, forbidLeases to read who leads.
	forbidOwners, forbidLeases bool
}

func newFake() *fakeAPI {
	return &fakeAPI{objects: map[string]map[string]any{}, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (f *fakeAPI) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fakeAPI) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fakeAPI) Call(_ context.Context, method, path, _ string, body []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	f.seen = append(f.seen, method+" "+u.Path)
	what := fine
	if f.fate != nil {
		what = f.fate(len(f.seen), f.seen[len(f.seen)-1])
	}
	switch what {
	case never:
		return nil, errCut
	case unheard:
		_, _ = f.do(method, u.Path, body)
		return nil, errCut
	case late:
		f.held = append(f.held, func() { _, _ = f.do(method, u.Path, body) })
		return nil, errCut
	case busy:
		return nil, refusal(429, "")
	case broken:
		return nil, refusal(500, "")
	case denied:
		return nil, refusal(403, "web")
	case nowhere:
		return nil, refusal(404, "shop")
	case fine, contends:
		if what == contends && method != http.MethodGet {
			return nil, refusal(409, "")
		}
	}
	return f.do(method, u.Path, body)
}

// arrive lets the requests that were held back be done.
func (f *fakeAPI) arrive() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, do := range f.held {
		do()
	}
	f.held = nil
}

func refusal(code int32, name string) error {
	s := metav1.Status{Status: metav1.StatusFailure, Code: code, Message: fmt.Sprintf("refused with %d", code), Details: &metav1.StatusDetails{Name: name}}
	switch code {
	case 404:
		s.Reason = metav1.StatusReasonNotFound
	case 409:
		s.Reason = metav1.StatusReasonConflict
	}
	return &apierrors.StatusError{ErrStatus: s}
}

func (f *fakeAPI) do(method, path string, body []byte) ([]byte, error) {
	o, there := f.objects[path]
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch method {
	case http.MethodPost:
		var next map[string]any
		if err := json.Unmarshal(body, &next); err != nil {
			return nil, err
		}
		path += "/" + next["metadata"].(map[string]any)["name"].(string)
		if f.objects[path] != nil {
			return nil, refusal(409, "exists")
		}
		f.counter++
		next["metadata"].(map[string]any)["uid"] = fmt.Sprint("uid-", f.counter)
		return f.store(path, next)
	case http.MethodGet:
		if f.forbidLeases && strings.Contains(path, "/leases") {
			return nil, refusal(403, name)
		}
		if strings.HasSuffix(path, "configmaps") || strings.HasSuffix(path, "leases") {
			return f.list(path)
		}
	}
	if !there {
		return nil, refusal(404, name)
	}
	switch method {
	case http.MethodPut:
		var next map[string]any
		if err := json.Unmarshal(body, &next); err != nil {
			return nil, err
		}
		if version(next) != version(o) {
			return nil, refusal(409, name)
		}
		return f.store(path, next)
	case http.MethodPatch:
		if f.forbidOwners && strings.Contains(string(body), "ownerReferences") {
			return nil, refusal(403, name)
		}
		next, err := patched(o, body)
		if err != nil {
			return nil, refusal(422, "")
		}
		return f.store(path, next)
	case http.MethodDelete:
		var options metav1.DeleteOptions
		if err := json.Unmarshal(body, &options); err != nil {
			return nil, err
		}
		if p := options.Preconditions; p != nil && *p.ResourceVersion != version(o) {
			return nil, refusal(409, name)
		}
		delete(f.objects, path)
		return []byte("{}"), nil
	}
	return json.Marshal(o)
}

func (f *fakeAPI) list(path string) ([]byte, error) {
	var items []any
	for at, o := range f.objects {
		plural := path[strings.LastIndexByte(path, '/'):]
		if strings.Contains(at, plural+"/") && (strings.HasPrefix(at, path+"/") || !strings.Contains(path, "/namespaces/")) {
			items = append(items, o)
		}
	}
	return json.Marshal(map[string]any{"items": items})
}

func (f *fakeAPI) store(path string, o map[string]any) ([]byte, error) {
	f.counter++
	o["metadata"].(map[string]any)["resourceVersion"] = fmt.Sprint(f.counter)
	f.objects[path] = o
	return json.Marshal(o)
}

func version(o map[string]any) string {
	v, _ := o["metadata"].(map[string]any)["resourceVersion"].(string)
	return v
}

// patched applies a JSON Patch to fields of objects two levels deep, or three.
func patched(o map[string]any, body []byte) (map[string]any, error) {
	copied, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var next map[string]any
	var ops []op
	if err := errors.Join(json.Unmarshal(copied, &next), json.Unmarshal(body, &ops)); err != nil {
		return nil, err
	}
	for _, op := range ops {
		path := strings.Split(strings.TrimPrefix(op.Path, "/"), "/")
		parent := next
		for _, key := range path[:len(path)-1] {
			var ok bool
			if parent, ok = parent[key].(map[string]any); !ok {
				return nil, errors.New("no such path")
			}
		}
		key := path[len(path)-1]
		have, there := parent[key]
		switch {
		case op.Op == "test" && !reflect.DeepEqual(have, op.Value), op.Op != "test" && op.Op != "add" && !there:
			return nil, errors.New("failed")
		case op.Op == "remove":
			delete(parent, key)
		case op.Op != "test":
			parent[key] = op.Value
		}
	}
	return next, nil
}

// data is the ConfigMap's, as it is.
func (f *fakeAPI) data(path string) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.objects[path]
	if o == nil {
		return nil
	}
	d, _ := o["data"].(map[string]any)
	return d
}

func (f *fakeAPI) remove(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.objects, path)
}

func (f *fakeAPI) has(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects[path] != nil
}
