// Package rollout_test holds rollouts to their promises on a real cluster: no
// request is lost, and whatever happens to a driver, the objects end as planned
// or as they were.
package rollout_test

import (
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// patience is how long one rollout may take on a busy machine.
const patience = 4 * time.Minute

// slots bounds how many rollouts run at once: Pods that start take the machine's time.
var slots = make(chan struct{}, 4)

// open gives the cluster once one of the slots is free; the test's end frees it.
func open(t *testing.T) *cluster.Cluster {
	t.Helper()
	c := workshop.Open(t)
	slots <- struct{}{}
	t.Cleanup(func() { <-slots })
	return c
}
