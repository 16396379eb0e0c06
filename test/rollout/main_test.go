// Package rollout_test holds rollouts to their promises on a real cluster: no
// request is lost, and whatever happens to a driver, the objects end as planned
// or as they were.
package rollout_test

import (
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// patience is how long one rollout may take on a busy machine.
const patience = 4 * time.Minute

// Rollouts that run at once share the machine: Pods that start take its time, and so do many requests.
const (
	places = 8
	// light is a rollout that mostly waits, heavy one under full load.
	light, heavy = 1, 3
)

var room = semaphore.NewWeighted(places)

// open gives the cluster once there is room for a test of this weight; the test's end makes room.
func open(t *testing.T, weight int64) *cluster.Cluster {
	t.Helper()
	c := workshop.Open(t)
	if err := room.Acquire(t.Context(), weight); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { room.Release(weight) })
	return c
}
