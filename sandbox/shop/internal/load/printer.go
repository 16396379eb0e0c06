package load

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Event is a request that ended.
type Event struct {
	// Start is when the run began.
	Start time.Time
	result
}

// maxLines is how many failures are printed as they happen.
const maxLines = 50

// printer writes a line per second and one per failure.
type printer struct {
	out           io.Writer
	second        int
	ok, failed    int
	failureLines  int
	versionCounts map[string]int
}

func (p *printer) see(e Event) {
	// A second is closed by the first answer after it; a silent second shows as
	// a gap in the numbers.
	if second := int(e.done / time.Second); second > p.second || p.versionCounts == nil {
		p.closeSecond()
		p.second, p.ok, p.failed, p.versionCounts = second, 0, 0, map[string]int{}
	}
	if e.status != 0 {
		p.versionCounts[e.version]++
	}
	switch e.kind {
	case KindOK:
		p.ok++
	case KindCanceled:
	default:
		p.failed++
		p.failure(failureOf(e.Start, e.result))
	}
}

func (p *printer) closeSecond() {
	if p.ok+p.failed > 0 {
		fmt.Fprintf(p.out, "%3d s  ok %d  failed %d  %s\n", p.second, p.ok, p.failed, counts(p.versionCounts))
	}
}

func (p *printer) failure(f Failure) {
	p.failureLines++
	switch {
	case p.failureLines < maxLines:
		what := f.Reason
		if f.Status != 0 {
			what = strings.TrimSpace(fmt.Sprintf("status %d from %s %s", f.Status, f.Pod, f.Reason))
		}
		fmt.Fprintf(p.out, "%s  %s after %.0f ms  %s\n", f.Time.Format("15:04:05.000"), f.Kind, f.TookMs, what)
	case p.failureLines == maxLines:
		fmt.Fprintln(p.out, "more failures are counted but not printed")
	}
}
