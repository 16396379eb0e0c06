package gallery

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// table is what came of each case, for people: `make gallery` shows it.
type table struct {
	mu   sync.Mutex
	rows [][]string
}

// tabled prints the table once every case has ended.
func tabled(t *testing.T, heads ...string) *table {
	t.Helper()
	g := &table{}
	t.Cleanup(func() {
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		slices.SortFunc(g.rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
		bad := 0
		for _, row := range append([][]string{heads}, g.rows...) {
			fmt.Fprintln(w, strings.Join(row, "\t"))
			if strings.HasPrefix(row[len(row)-1], wrong) {
				bad++
			}
		}
		_ = w.Flush() // to a string
		t.Logf("%d cases, %d wrong\n%s", len(g.rows), bad, b.String())
	})
	return g
}

// wrong begins the result of a case that failed.
const wrong = "WRONG"

// told is a test that remembers its first complaint for the table: of a long
// run's log often only the end is kept.
type told struct {
	*testing.T
	complaint string
}

func (t *told) Errorf(format string, args ...any) {
	t.Helper()
	t.keep(fmt.Sprintf(format, args...))
	t.T.Errorf(format, args...)
}

func (t *told) Fatalf(format string, args ...any) {
	t.Helper()
	t.keep(fmt.Sprintf(format, args...))
	t.T.Fatalf(format, args...)
}

func (t *told) Fatal(args ...any) {
	t.Helper()
	t.keep(fmt.Sprint(args...))
	t.T.Fatal(args...)
}

func (t *told) keep(complaint string) {
	if t.complaint == "" {
		t.complaint = strings.Join(strings.Fields(complaint), " ")
	}
}

// row is written at the end of the case, whether it passed or not.
func (g *table) row(t *testing.T, cells func() []string) *told {
	of := &told{T: t}
	t.Cleanup(func() {
		verdict := "ok"
		if t.Failed() {
			verdict = wrong + " " + of.complaint
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.rows = append(g.rows, append(cells(), verdict))
	})
	return of
}

// first is the rule and the object that a report names first.
func first(r inspect.Report) (rule, object string) {
	if len(r.Findings) == 0 {
		return "-", "-"
	}
	return r.Findings[0].Rule, r.Findings[0].Object.String()
}
