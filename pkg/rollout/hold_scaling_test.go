package rollout

import (
	"math/rand"
	"testing"
)

// An autoscaler may change replicas at any moment, also between two writes. No
// write of ours may be what takes ready Pods below replicas, and a step's level
// is found again.
func TestDeploymentCanaryUnderAnAutoscaler(t *testing.T) {
	for seed := range int64(150) {
		rnd := rand.New(rand.NewSource(seed))
		surge := 1 + rnd.Intn(10)
		s := deploymentState(Canary, surge, usualFields())
		c := newShop(t, rnd, 1+rnd.Intn(40), usualFields())
		asked := Weight(1 + rnd.Intn(99))
		toward := func(w *World) move {
			at := deployment{}.toward(s, w, deployment{}.reach(c.replicas, surge, asked))
			if at.write != nil {
				checkTaken(t, w, at.write)
			}
			return at
		}
		changes := rnd.Intn(5)
		drive(t, c, toward, func() {
			if changes > 0 && rnd.Intn(20) == 0 {
				changes--
				c.scaleTo(1 + rnd.Intn(40))
			}
		})
		still(c)
		w, n := c.world(), c.replicas
		if w.New.Ready == 0 || w.Old.Ready+w.New.Ready < n || w.Old.Wanted > n {
			t.Fatalf("seed %d: asked %s of %d, got old %+v, new %+v", seed, asked, n, w.Old, w.New)
		}
		if again := toward(w); !again.settled {
			t.Fatalf("seed %d: at rest, but %+v", seed, again)
		}
		if n > 1 && w.Old.Ready > 0 {
			// Nothing that could still be gone to is nearer.
			got, want := Mix{w.Old.Ready, w.New.Ready}, deployment{}.reach(n, surge, asked)
			for old := 1; old <= got.Old; old++ {
				for fresh := max(got.New, n-old); fresh <= min(n, n+surge-old); fresh++ {
					if m := (Mix{old, fresh}); off(m, want.Share()) < off(got, want.Share())-rounding {
						t.Fatalf("seed %d: asked %s of %d: settled at %+v, but %+v is nearer", seed, asked, n, got, m)
					}
				}
			}
		}
		drive(t, c, func(w *World) move { return deployment{}.back(s, w) }, func() {
			if rnd.Intn(60) == 0 {
				c.scaleTo(1 + rnd.Intn(40))
			}
		})
		still(c)
		checkEnd(t, c, Mix{Old: c.replicas}, oldTemplate)
	}
}

// checkTaken wants that the old Pods that a write takes away are not missed: what
// is ready of the rest is no less than replicas, or than what was ready before.
func checkTaken(t *testing.T, w *World, write *Write) {
	t.Helper()
	for _, change := range write.Changes {
		if change.Path != StrategyField {
			continue
		}
		n := w.Workload.Replicas
		_, unavailable := fenceposts(change.To, n)
		left := min(w.Old.Ready, n-unavailable)
		if left+w.New.Ready < min(n, w.Old.Ready+w.New.Ready) {
			t.Fatalf("of %d, %d old and %d new Pods are ready; the write leaves %d old ones", n, w.Old.Ready, w.New.Ready, left)
		}
	}
}

// A canary at rest whose replicas are lowered: the controller does it alone, by
// the strategy that was left with it. Rounding may cost a Pod, no more.
func TestDeploymentCanaryScaledDownKeepsItsProportion(t *testing.T) {
	for seed := range int64(150) {
		rnd := rand.New(rand.NewSource(seed))
		n := 2 + rnd.Intn(99)
		s, c := deploymentState(Canary, 1+rnd.Intn(n), usualFields()), newShop(t, rnd, n, usualFields())
		asked := Weight(1 + rnd.Intn(99))
		want := deployment{}.reach(n, s.Spec.MaxSurge, asked)
		drive(t, c, func(w *World) move { return deployment{}.toward(s, w, want) }, func() {})
		still(c)
		fewer := 1 + rnd.Intn(n)
		c.scaleTo(fewer)
		for c.tick() {
			if r := c.readyPods(); r < fewer-1 {
				t.Fatalf("seed %d: %+v of %d scaled to %d: %d are ready: old %+v, new %+v", seed, want, n, fewer, r, c.world().Old, c.world().New)
			}
		}
	}
}
