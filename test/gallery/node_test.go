package gallery

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// beat lies between two reports of a kubelet; after about 50 s without one a node is taken for lost.
const beat = 10 * time.Second

// playKubelet gives a case's Node the room that no kubelet reports for it, and the
// status that the case has for it; where that has conditions, it is reported again
// and again until the test ends. Without them the node stays silent.
func playKubelet(t testing.TB, c *cluster.Cluster, ns, manifests string) {
	t.Helper()
	var node corev1.Node
	for _, document := range strings.Split(manifests, "\n---\n") {
		if strings.Contains(document, "kind: Node\n") {
			if err := yaml.Unmarshal([]byte(document), &node); err != nil {
				t.Fatal(err)
			}
		}
	}
	room := corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi"), "pods": resource.MustParse("110")}
	node.Status.Capacity, node.Status.Allocatable = room, room
	since := metav1.Now()
	report := func() error {
		for i := range node.Status.Conditions {
			node.Status.Conditions[i].LastHeartbeatTime, node.Status.Conditions[i].LastTransitionTime = metav1.Now(), since
		}
		status, err := json.Marshal(map[string]any{"status": node.Status})
		if err == nil {
			_, err = c.Typed().CoreV1().Nodes().Patch(t.Context(), ns, types.MergePatchType, status, metav1.PatchOptions{}, "status")
		}
		return err
	}
	if err := report(); err != nil {
		t.Fatal(err)
	}
	if len(node.Status.Conditions) == 0 {
		return
	}
	go func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		for {
			select {
			case <-t.Context().Done():
				return
			case <-ticker.C:
				_ = report() // the next one follows
			}
		}
	}()
}
