package snapshot

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Keep says what of listed objects is kept, for a question that looks at little
// of many.
type Keep struct {
	// Fields names what is read at all of a kind, where the API server sends
	// protobuf; a kind without an entry is read whole.
	Fields map[Kind]Fields
	// Reduce takes the rest of what is not kept out of an object. It is called by
	// several goroutines.
	Reduce func(Object)
}

// Fields are fields of an object, as paths of its JSON: "spec.containers.name".
type Fields struct {
	Only []string
	// Controlled: objects without a controller are read whole.
	Controlled bool
}

// ControlledPods makes a Reduce of what is to be done with each pod that has a
// controller, one after the other: first is the first pod of the same controller,
// whose parts others may share, and nil for that pod itself.
func ControlledPods(do func(pod, first *corev1.Pod)) func(Object) {
	var mu sync.Mutex
	firsts := map[types.UID]*corev1.Pod{}
	return func(o Object) {
		pod, ok := o.(*corev1.Pod)
		if !ok {
			return
		}
		owner := metav1.GetControllerOfNoCopy(pod)
		if owner == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		first := firsts[owner.UID]
		if first == nil {
			firsts[owner.UID] = pod
		}
		do(pod, first)
	}
}
