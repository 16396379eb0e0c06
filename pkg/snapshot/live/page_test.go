package live

import (
	"bytes"
	"io"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	wire "k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"sigs.k8s.io/randfill"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// pages encodes and decodes lists of a kind.
type pages struct {
	pageDecoder
	encoder runtime.Encoder
	random  *randfill.Filler
}

func pagesOf(t testing.TB, kind snapshot.Kind, keep snapshot.Fields) pages {
	t.Helper()
	info, ok := snapshot.Lookup(kind)
	if !ok {
		t.Fatalf("no kind %s", kind)
	}
	all := newScheme()
	codecs := serializer.NewCodecFactory(all)
	return pages{
		pageDecoder: pageDecoder{info: info, cut: cutOf(info, keep), codec: codecs.UniversalDeserializer()},
		encoder:     wire.NewSerializer(all, all),
		random:      fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(7), codecs).NumElements(1, 3),
	}
}

// page is a list of random objects on the wire.
func (p pages) page(t testing.TB, objects int) []byte {
	t.Helper()
	list := p.info.NewList()
	var items []runtime.Object
	for range objects {
		o := wireObject(p.info)
		p.random.Fill(o)
		items = append(items, o)
	}
	if err := meta.SetList(list, items); err != nil {
		t.Fatal(err)
	}
	return p.encode(t, list)
}

func (p pages) encode(t testing.TB, list runtime.Object) []byte {
	t.Helper()
	m, err := meta.ListAccessor(list)
	if err != nil {
		t.Fatal(err)
	}
	m.SetContinue("further")
	list.GetObjectKind().SetGroupVersionKind(p.info.Resource.GroupVersion().WithKind(string(p.info.Kind) + "List"))
	var out bytes.Buffer
	if err := p.encoder.Encode(list, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// decoded are the objects of a page that was opened so, and where the next begins.
func decoded(open func(io.Reader) (part, error), answer []byte) ([]snapshot.Object, string, error) {
	p, err := open(bytes.NewReader(answer))
	if err != nil {
		return nil, p.next, err
	}
	objects, err := p.objects()
	return objects, p.next, err
}

// Object by object gives what client-go's codec gives, of every kind.
func TestPagesAreDecodedAsByTheCodec(t *testing.T) {
	for _, info := range snapshot.Kinds() {
		if info.JSON || info.Custom || info.Metadata {
			continue
		}
		t.Run(string(info.Kind), func(t *testing.T) {
			p := pagesOf(t, info.Kind, snapshot.Fields{})
			for range 20 {
				answer := p.page(t, 3)
				want, _, err := decoded(p.openWhole, answer)
				if err != nil {
					t.Fatal(err)
				}
				got, next, err := decoded(p.open, answer)
				if err != nil || next != "further" || len(got) != 3 {
					t.Fatalf("%d objects, next %q, %v", len(got), next, err)
				}
				for i := range want {
					if !reflect.DeepEqual(want[i], got[i]) {
						t.Fatalf("%#v\nis not\n%#v", got[i], want[i])
					}
				}
			}
		})
	}
}

func TestOnlyTheFieldsNamedAreRead(t *testing.T) {
	yes := true
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "1", OwnerReferences: []metav1.OwnerReference{{Name: "web", UID: "2", Controller: &yes}}},
		Spec: corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{
			{Name: "app", Image: "i", Command: []string{strings.Repeat("x", 300)}, Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1")}}},
			{Name: "side", Image: "j"},
		}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	owned, alone := pod.DeepCopy(), pod.DeepCopy()
	alone.OwnerReferences[0].Controller = nil
	keep := snapshot.Fields{Only: []string{"metadata.name", "metadata.ownerReferences", "spec.containers.name", "spec.containers.resources", "spec.nowhere"}, Controlled: true}
	p := pagesOf(t, "Pod", keep)
	got, _, err := decoded(p.open, p.encode(t, &corev1.PodList{Items: []corev1.Pod{*owned, *alone}}))
	if err != nil {
		t.Fatal(err)
	}
	thin := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", OwnerReferences: owned.OwnerReferences},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Resources: pod.Spec.Containers[0].Resources}, {Name: "side"}}},
	}
	managed := pod.DeepCopy()
	managed.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet", FieldsV1: metav1.NewFieldsV1("{}")}}
	p.cut = cutOf(p.info, snapshot.Fields{Only: []string{"metadata", "spec", "status"}})
	all, _, err := decoded(p.open, p.encode(t, &corev1.PodList{Items: []corev1.Pod{*managed}}))
	if err != nil || !equality.Semantic.DeepEqual(all[0], &pod) {
		t.Errorf("of all fields, managedFields go: %+v, %v", all, err)
	}
	for i, want := range []*corev1.Pod{thin, alone} {
		if !equality.Semantic.DeepEqual(got[i], want) {
			t.Errorf("read\n%+v\nwant\n%+v", got[i], want)
		}
	}
}

// What an audit keeps of a pod does not depend on how the pod came.
func TestLeanFieldsAreEnough(t *testing.T) {
	for _, kind := range []snapshot.Kind{"Pod", "PodMetrics"} {
		keep := quota.Lean()
		p := pagesOf(t, kind, keep.Fields[kind])
		for range 200 {
			answer := p.page(t, 1)
			whole, _, err := decoded(p.openWhole, answer)
			if err != nil {
				t.Fatal(err)
			}
			thin, _, err := decoded(p.open, answer)
			if err != nil {
				t.Fatal(err)
			}
			if kind == "Pod" {
				quota.Lean().Reduce(whole[0])
				quota.Lean().Reduce(thin[0])
				if !reflect.DeepEqual(whole[0], thin[0]) {
					t.Fatalf("%+v\nis not\n%+v", thin[0], whole[0])
				}
			} else if len(thin[0].GetLabels()) > 0 || thin[0].GetName() != whole[0].GetName() {
				t.Fatalf("%+v", thin[0])
			}
		}
	}
}

// An answer that is not the list is no empty list.
func TestAnotherAnswerIsNoEmptyList(t *testing.T) {
	p, nodes := pagesOf(t, "Pod", snapshot.Fields{}), pagesOf(t, "Node", snapshot.Fields{})
	whole := p.page(t, 2)
	for name, answer := range map[string][]byte{
		"nothing":                   []byte(envelope),
		"another kind":              nodes.page(t, 1),
		"cut":                       whole[:len(whole)-10],
		"cut within the first item": whole[:100],
		"JSON of another kind":      []byte(`{"kind":"Status","apiVersion":"v1","status":"Failure"}`),
		"neither":                   []byte("<html>"),
	} {
		if items, _, err := decoded(p.open, answer); err == nil {
			t.Errorf("%s: %d items", name, len(items))
		}
	}
}

// Whatever a server sends ends in objects or in an error.
func FuzzPage(f *testing.F) {
	p := pagesOf(f, "Pod", quota.Lean().Fields["Pod"])
	whole := p.page(f, 2)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(envelope))
	f.Add([]byte(`{"kind":"PodList","apiVersion":"v1","items":[{}]}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		items, next, err := decoded(p.open, answer)
		if err != nil && items != nil {
			t.Errorf("%d objects, next %q, with the error %v", len(items), next, err)
		}
	})
}
