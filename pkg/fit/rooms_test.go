package fit

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// Division counts what placing one after the other counts, and the next pod is
// refused everywhere for the reason that is given.
func TestRoomsCountsWhatPlacingDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		c := s.cluster()
		if c.LooksAtOthers(s.Pod) {
			return
		}
		rooms := c.Rooms(s.Pod)
		placed := map[string]int{}
		for n := 0; ; n++ {
			v := c.Judge(s.Pod)
			nodes := v.Fitting()
			if len(nodes) == 0 {
				for i, node := range v.Nodes {
					if got, want := rooms.Full.Nodes[i].Main().String(), node.Main().String(); placed[node.Node] > 0 && node.Main().Reason == Insufficient && len(node.Refusals) == 1 && got != want {
						t.Fatalf("%s: %s, want %s", node.Node, got, want)
					}
				}
				break
			}
			if n > 500 {
				t.Fatal("no end")
			}
			p := s.Pod.DeepCopy()
			p.Name, p.Spec.NodeName, p.Status.Phase = fmt.Sprint(n), nodes[0], corev1.PodRunning
			c.Bind(p)
			placed[nodes[0]]++
		}
		sum := 0
		for _, room := range rooms.Nodes {
			if placed[room.Node] != room.Pods {
				t.Fatalf("%s takes %d, counted %d", room.Node, placed[room.Node], room.Pods)
			}
			sum += room.Pods
		}
		if sum != rooms.Pods || len(rooms.Nodes) != len(placed) {
			t.Fatalf("%d pods on %d nodes, placed %v", rooms.Pods, len(rooms.Nodes), placed)
		}
	})
}
