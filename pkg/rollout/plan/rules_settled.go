package plan

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// unsettled is why no rollout can begin from where the workload is.
type unsettled string

// The reasons, the first that holds is said.
const (
	beingDeleted unsettled = "deleted"
	pausedNow    unsettled = "paused"
	scaledToZero unsettled = "zero"
	unobserved   unsettled = "unobserved"
	updating     unsettled = "updating"
	notAllReady  unsettled = "not-ready"
)

// checkNotSettled: a rollout moves from one version to one other, and never
// takes ready Pods below the replicas; so it begins where there is one version,
// and all of it ready. What the controller has not seen yet, its counts do not tell.
func (d *draft) checkNotSettled() []finding.Finding {
	c := d.counts()
	args := map[string]any{"reason": "", "replicas": d.w.replicas, "updated": c.updated, "ready": c.ready, "total": c.total}
	say := func(r unsettled, path, value string) []finding.Finding {
		args["reason"] = string(r)
		return []finding.Finding{d.found(args, d.seen(path, value))}
	}
	switch {
	case d.w.meta.DeletionTimestamp != nil:
		return say(beingDeleted, "metadata.deletionTimestamp", d.w.meta.DeletionTimestamp.UTC().Format("2006-01-02T15:04:05Z"))
	case d.w.paused:
		return say(pausedNow, "spec.paused", "true")
	case d.w.replicas == 0 && d.w.daemon != nil:
		return say(scaledToZero, "status.desiredNumberScheduled", "0")
	case d.w.replicas == 0:
		return say(scaledToZero, "spec.replicas", "0")
	case c.observed < d.w.meta.Generation:
		return say(unobserved, "status.observedGeneration", fmt.Sprintf("%d, metadata.generation is %d", c.observed, d.w.meta.Generation))
	case c.versions != "":
		return say(updating, c.path, c.versions)
	case c.ready < d.w.replicas:
		return say(notAllReady, c.readyPath, fmt.Sprintf("%d of %d", c.ready, d.w.replicas))
	}
	return nil
}

// counts is the status of any of the three kinds.
type counts struct {
	observed              int64
	total, updated, ready int
	readyPath             string
	// path and versions tell of a second version; empty where there is one only.
	path, versions string
}

func (d *draft) counts() counts {
	switch {
	case d.w.deployment != nil:
		return deploymentCounts(d.w.deployment, d.w.replicas)
	case d.w.set != nil:
		return setCounts(d.w.set, d.w.replicas)
	}
	st := d.w.daemon.Status
	c := counts{
		observed: st.ObservedGeneration, total: int(st.CurrentNumberScheduled), updated: int(st.UpdatedNumberScheduled),
		ready: int(st.NumberReady), readyPath: "status.numberReady",
	}
	if c.updated < d.w.replicas {
		c.path, c.versions = "status.updatedNumberScheduled", fmt.Sprintf("%d of %d", c.updated, d.w.replicas)
	}
	return c
}

func deploymentCounts(dep *appsv1.Deployment, replicas int) counts {
	st := dep.Status
	c := counts{
		observed: st.ObservedGeneration, total: int(st.Replicas), updated: int(st.UpdatedReplicas),
		ready: int(st.ReadyReplicas), readyPath: "status.readyReplicas",
	}
	if c.updated < replicas || c.total > c.updated {
		c.path, c.versions = "status.updatedReplicas", fmt.Sprintf("%d, status.replicas is %d, asked are %d", c.updated, c.total, replicas)
	}
	return c
}

// setCounts: with a partition both revisions stay on purpose, and that is one version too many, too.
func setCounts(set *appsv1.StatefulSet, replicas int) counts {
	st := set.Status
	c := counts{
		observed: st.ObservedGeneration, total: int(st.Replicas), updated: int(st.UpdatedReplicas),
		ready: int(st.ReadyReplicas), readyPath: "status.readyReplicas",
	}
	if st.UpdateRevision != "" && st.CurrentRevision != st.UpdateRevision {
		c.path, c.versions = "status.updateRevision", st.UpdateRevision+", status.currentRevision is "+st.CurrentRevision
	} else if c.total < replicas {
		c.path, c.versions = "status.replicas", fmt.Sprintf("%d of %d", c.total, replicas)
	}
	return c
}
