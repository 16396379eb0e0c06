package rollout

import (
	"math/rand"
	"slices"
	"testing"
)

func TestReach(t *testing.T) {
	for _, test := range []struct {
		kind     string
		n, surge int
		asked    Weight
		want     Mix
	}{
		{"Deployment", 1, 1, 1, Mix{1, 1}}, // 50 per cent is all that two Pods can do
		{"Deployment", 1, 1, 99, Mix{1, 1}},
		{"Deployment", 1, 0, 1, Mix{0, 1}}, // one Pod goes over at once
		{"Deployment", 2, 1, 1, Mix{2, 1}},
		{"Deployment", 2, 0, 1, Mix{1, 1}},
		{"Deployment", 3, 1, 95, Mix{1, 3}},
		{"Deployment", 10, 1, 1, Mix{10, 1}},
		{"Deployment", 10, 1, 10, Mix{9, 1}},
		{"Deployment", 10, 1, 25, Mix{8, 3}}, // 27.3 is nearer than 20 and 30
		{"Deployment", 10, 1, 50, Mix{5, 5}},
		{"Deployment", 10, 10, 50, Mix{5, 5}}, // 10 + 10 is as near, and twice the Pods
		{"Deployment", 10, 10, 99, Mix{1, 10}},
		{"Deployment", 10, 3, 100, Mix{0, 10}},
		{"Deployment", 15, 9, 43, Mix{12, 9}},
		{"Deployment", 250, 1, 1, Mix{248, 3}}, // 3 of 251: 1.195; 2 of 250: 0.8
		{"StatefulSet", 3, 5, 1, Mix{2, 1}},
		{"StatefulSet", 3, 5, 99, Mix{1, 2}},
		{"StatefulSet", 1, 1, 50, Mix{0, 1}},
		{"DaemonSet", 5, 9, 50, Mix{3, 2}},
		{"DaemonSet", 5, 9, 100, Mix{0, 5}},
	} {
		got, err := Reach(test.kind, test.n, test.surge, test.asked)
		if err != nil || got != test.want {
			t.Errorf("%s of %d+%d asked %s: %+v %v, not %+v", test.kind, test.n, test.surge, test.asked, got, err, test.want)
		}
	}
	for _, bad := range []struct {
		kind     string
		n, surge int
		asked    Weight
	}{{"Job", 3, 1, 5}, {"Deployment", 0, 1, 5}, {"Deployment", 3, -1, 5}, {"Deployment", 3, 1, 0}, {"Deployment", 3, 1, 101}} {
		if m, err := Reach(bad.kind, bad.n, bad.surge, bad.asked); err == nil {
			t.Errorf("%+v gave %+v", bad, m)
		}
	}
}

// Every mix that a Deployment could be held at is tried.
func TestReachIsNearest(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for range 2000 {
		n := 1 + rnd.Intn(40)
		surge, asked := rnd.Intn(n+2), Weight(rnd.Intn(9990)+1)/100
		got, err := Reach("Deployment", n, surge, asked)
		if err != nil {
			t.Fatal(err)
		}
		if got.Old+got.New > n+surge || got.Old+got.New < n || got.Old > n || got.New > n || got.New < 1 {
			t.Fatalf("%d+%d asked %s: %+v is out of bounds", n, surge, asked, got)
		}
		if got.Old == 0 && (n > 1 || surge > 0) {
			t.Fatalf("%d+%d asked %s: all new", n, surge, asked)
		}
		for old := 1; old <= n; old++ {
			for fresh := max(1, n-old); fresh <= min(n, n+surge-old); fresh++ {
				m := Mix{old, fresh}
				nearer := off(got, asked) - off(m, asked)
				if nearer > rounding || nearer > -rounding && m.Old+m.New < got.Old+got.New {
					t.Fatalf("%d+%d asked %s: %+v, but %+v is better", n, surge, asked, got, m)
				}
			}
		}
	}
}

func TestPath(t *testing.T) {
	for _, test := range []struct {
		n, surge int
		from, to Mix
		want     []Mix
	}{
		{10, 1, Mix{10, 0}, Mix{8, 2}, []Mix{{10, 1}, {9, 2}, {8, 2}}},
		{10, 4, Mix{10, 0}, Mix{5, 5}, []Mix{{10, 4}, {6, 5}, {5, 5}}},
		{10, 10, Mix{10, 0}, Mix{10, 10}, []Mix{{10, 10}}},
		{10, 10, Mix{10, 10}, Mix{0, 10}, []Mix{{0, 10}}},
		{1, 1, Mix{1, 0}, Mix{0, 1}, []Mix{{1, 1}, {0, 1}}},
		{3, 1, Mix{3, 1}, Mix{3, 1}, nil},
		{15, 9, Mix{10, 5}, Mix{12, 9}, []Mix{{10, 7}, {9, 7}}}, // 12 old ones cannot be had again: 43.75 for 42.9
	} {
		if got := Path(test.n, test.surge, test.from, test.to); !slices.Equal(got, test.want) {
			t.Errorf("%d+%d from %+v to %+v: %+v, not %+v", test.n, test.surge, test.from, test.to, got, test.want)
		}
	}
}

// A path has neither fewer Pods than replicas nor more than allowed, also while
// one mix turns into the next: the Pods made are not counted on before they are ready.
func TestPathNeverLacksPods(t *testing.T) {
	rnd := rand.New(rand.NewSource(2))
	for range 2000 {
		n := 1 + rnd.Intn(250)
		surge := 1 + rnd.Intn(n)
		at := Mix{Old: n}
		for _, asked := range []Weight{Weight(1 + rnd.Intn(50)), Weight(51 + rnd.Intn(49)), All} {
			want, err := Reach("Deployment", n, surge, asked)
			if err != nil {
				t.Fatal(err)
			}
			for _, next := range Path(n, surge, at, want) {
				if next.Old+at.New < n || next.Old+next.New > n+surge || next.Old > at.Old || next.New < at.New {
					t.Fatalf("%d+%d: from %+v to %+v", n, surge, at, next)
				}
				at = next
			}
		}
		if at != (Mix{New: n}) {
			t.Fatalf("%d+%d: ended at %+v", n, surge, at)
		}
	}
}
