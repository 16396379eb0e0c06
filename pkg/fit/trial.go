package fit

// Trial is what became of batches in several ways.
type Trial struct {
	// First is the way that is the most like the scheduler's.
	First []Placement
	// Runs holds for each way how many pods of each batch had a place.
	Runs [][]int
}

// Range is the fewest and the most pods of these batches together that had a
// place in one of the ways. Where both are the same the number is taken for what
// the scheduler will come to; else it hangs on order and chance.
func (t Trial) Range(batches ...int) (least, most int) {
	for i, run := range t.Runs {
		sum := 0
		for _, b := range batches {
			sum += run[b]
		}
		if i == 0 || sum < least {
			least = sum
		}
		most = max(most, sum)
	}
	return least, most
}

// The work that trials may be: pods times nodes, in all ways together.
const (
	fewWays  = 2
	manyWays = 24
	mostWork = 3_000_000
)

// Try places the batches in several ways, each in a cluster of its own; this one
// stays as it is. A single batch whose pods do not look at one another has one
// answer only, and is counted.
func (c *Cluster) Try(batches []Batch) Trial {
	if len(batches) == 0 {
		return Trial{}
	}
	if len(batches) == 1 && !c.LooksAtOthers(batches[0].Pod) {
		return c.tryByCount(batches[0])
	}
	var t Trial
	for i, w := range ways(c.manyWays(batches)) {
		at := c.Clone()
		placed := at.PlaceAll(batches, w)
		if i == 0 {
			t.First = placed
		}
		run := make([]int, len(batches))
		for b, p := range placed {
			run[b] = p.Pods
		}
		t.Runs = append(t.Runs, run)
	}
	return t
}

func (c *Cluster) tryByCount(b Batch) Trial {
	at := c.Clone()
	before := map[string]int{}
	for _, h := range at.hosts {
		before[h.node.Name] = len(h.pods)
	}
	n, full := at.placeByCount(b.Pod, b.Pods)
	p := Placement{Pods: n, On: map[string]int{}, Full: full}
	for _, h := range at.hosts {
		if more := len(h.pods) - before[h.node.Name]; more > 0 {
			p.On[h.node.Name] = more
		}
	}
	return Trial{First: []Placement{p}, Runs: [][]int{{n}}}
}

// manyWays is how many ways can be tried at once.
func (c *Cluster) manyWays(batches []Batch) int {
	pods := 0
	for _, b := range batches {
		pods += min(b.Pods, c.slots())
	}
	work := (pods + len(batches)) * max(len(c.hosts), 1)
	return max(fewWays, min(manyWays, mostWork/max(work, 1)))
}

// ways lists n of them, the most telling first.
func ways(n int) []Way {
	all := []Way{
		{Order: InTurn, Choice: LeastUsed}, {Order: Backwards, Choice: MostUsed},
		{Order: Alternating, Choice: LeastUsed}, {Order: InTurn, Choice: MostUsed},
		{Order: Backwards, Choice: LeastUsed}, {Order: Alternating, Choice: MostUsed},
		{Order: InTurn, Choice: Fewest}, {Order: Backwards, Choice: Fewest},
	}
	for seed := uint64(1); len(all) < n; seed++ {
		all = append(all, Way{Order: Shuffled, Choice: []Choice{Anyone, LeastUsed, MostUsed}[seed%3], Seed: seed})
	}
	return all[:n]
}
