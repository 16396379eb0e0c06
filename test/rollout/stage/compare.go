package stage

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Objects are a workload and its Services as JSON, without what the server sets by itself.
type Objects map[string]string

// Snapshot takes the workload and all Services of its namespace.
func (s *Stage) Snapshot(t testing.TB) Objects {
	t.Helper()
	all := Objects{s.Target(): s.object(t)}
	services, err := s.C.Dynamic().Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace(s.NS).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range services.Items {
		all["service/"+one.GetName()] = strip(t, one.Object)
	}
	return all
}

func (s *Stage) object(t testing.TB) string {
	t.Helper()
	resource := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: strings.ToLower(s.Kind) + "s"}
	object, err := s.C.Dynamic().Resource(resource).Namespace(s.NS).Get(t.Context(), Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return strip(t, object.Object)
}

// Would says how the objects were after a kubectl command on the workload, such as "set image": the API server is asked, and nothing is changed.
func (s *Stage) Would(t testing.TB, command ...string) Objects {
	t.Helper()
	all := s.Snapshot(t)
	var object map[string]any
	out := s.C.Kubectl(t, append(command, "-n", s.NS, "--dry-run=server", "-o", "json")...)
	if out == "" {
		return all // it would change nothing
	}
	if err := json.Unmarshal([]byte(out), &object); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	all[s.Target()] = strip(t, object)
	return all
}

// Differs tells what differs; empty where nothing does.
func (o Objects) Differs(want Objects) string { return cmp.Diff(want, o) }

// strip leaves out what the server sets by itself, and what is empty without that.
func strip(t testing.TB, object map[string]any) string {
	t.Helper()
	u := &unstructured.Unstructured{Object: object}
	delete(object, "status")
	for _, field := range []string{"resourceVersion", "generation", "managedFields"} {
		unstructured.RemoveNestedField(object, "metadata", field)
	}
	annotations := u.GetAnnotations()
	// The controllers' own notes of revisions.
	delete(annotations, "deployment.kubernetes.io/revision")
	delete(annotations, "deprecated.daemonset.template.generation")
	if len(annotations) == 0 {
		unstructured.RemoveNestedField(object, "metadata", "annotations")
	} else {
		u.SetAnnotations(annotations)
	}
	text, err := json.MarshalIndent(object, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
