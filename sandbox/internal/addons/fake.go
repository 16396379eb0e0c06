package addons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/kube"
)

// creators is how many fake nodes are made at the same time.
const creators = 8

// FakeNodes creates nodes fake-0001 to fake-N that kwok plays. Those that
// exist are left alone. tainted keeps ordinary pods off them, which a cluster
// with a real node needs.
func FakeNodes(ctx context.Context, api kube.Client, n int, tainted bool) error {
	numbers := make(chan int)
	errs := make([]error, creators)
	var wait sync.WaitGroup
	for worker := range creators {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range numbers {
				if errs[worker] == nil {
					errs[worker] = createFakeNode(ctx, api, i, tainted)
				}
			}
		}()
	}
	for i := 1; i <= n; i++ {
		numbers <- i
	}
	close(numbers)
	wait.Wait()
	return errors.Join(errs...)
}

func createFakeNode(ctx context.Context, api kube.Client, i int, tainted bool) error {
	body, err := json.Marshal(fakeNode(i, tainted))
	if err != nil {
		return fmt.Errorf("fake node: %w", err)
	}
	status, answer, err := api.Do(ctx, http.MethodPost, "/api/v1/nodes", "application/json", body)
	if err != nil {
		return fmt.Errorf("fake node: %w", err)
	}
	if status >= 300 && status != http.StatusConflict {
		return fmt.Errorf("fake node: %d %s", status, answer)
	}
	return nil
}

// fakeNode is a machine of 16 cores and 64 GiB in one of three zones. The
// address is one of its own in a range that nothing routes.
func fakeNode(i int, tainted bool) map[string]any {
	name := fmt.Sprintf("fake-%04d", i)
	size := map[string]string{"cpu": "16", "memory": "64Gi", "ephemeral-storage": "100Gi", "pods": "110"}
	spec := map[string]any{}
	if tainted {
		spec["taints"] = []map[string]string{{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}}
	}
	return map[string]any{
		"apiVersion": "v1", "kind": "Node",
		"metadata": map[string]any{
			"name":        name,
			"annotations": map[string]string{"kwok.x-k8s.io/node": "fake"},
			"labels": map[string]string{
				"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
				"topology.kubernetes.io/region": "fake", "topology.kubernetes.io/zone": "fake-" + string(rune('a'+(i-1)%3)),
			},
		},
		"spec": spec,
		"status": map[string]any{
			"capacity": size, "allocatable": size,
			"addresses": []map[string]string{
				{"type": "InternalIP", "address": fmt.Sprintf("10.201.%d.%d", i/250, i%250+1)},
				{"type": "Hostname", "address": name},
			},
		},
	}
}
