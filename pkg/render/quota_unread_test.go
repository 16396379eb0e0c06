package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

func quotaText(t *testing.T, report any) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, report, Options{Lang: lang.English, Width: 200}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Nothing that could be read is not nothing that is there.
func TestQuotaReportsOfNothingRead(t *testing.T) {
	for _, unread := range []bool{false, true} {
		base := finding.NewReport("quota", takenAt, finding.Scope{}, nil, nil, 3)
		if unread {
			base = finding.NewReport("quota", takenAt, finding.Scope{}, nil, []finding.NotChecked{{What: "list pods", Why: "forbidden"}}, 3)
		}
		for _, report := range []any{
			quota.AuditReport{Report: base}, quota.HeadroomReport{Report: base}, quota.FitReport{Report: base}, quota.UsageReport{Report: base}, quota.SuggestReport{Report: base},
		} {
			if text := quotaText(t, report); strings.Contains(text, "that could be read in the cluster") != unread {
				t.Errorf("unread %t, %T: %s", unread, report, text)
			}
		}
	}
}

// What limits an update and was not read may leave no room for its extra pods.
func TestHeadroomOfUpdatesUnread(t *testing.T) {
	report := quota.HeadroomReport{Report: finding.NewReport("quota headroom", takenAt, finding.Scope{Namespace: "shop"}, nil, nil, 3)}
	for room, want := range map[*int]string{nil: "1     -      -\n", placed(1): "<=+1/1"} {
		w := quota.Headroom{Workload: ref("Deployment", "web"), Pods: 1, AtMost: true, Update: &quota.Update{Surge: 1, Room: room, PeakFits: true}}
		report.Headroom = []quota.Headroom{w}
		if text := quotaText(t, report); !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

// Pods of a workload that differ by their claims alone are one line.
func TestWaitingPodsTogether(t *testing.T) {
	wait := func(name, message string) quota.Pending {
		return quota.Pending{Workload: ref("StatefulSet", "db"), Pod: name, Pods: 1, Fits: placed(0), Message: message, Change: "free it"}
	}
	got := together([]quota.Pending{wait("db-0", "full"), wait("db-1", "full"), wait("db-2", "gone")})
	if len(got) != 2 || got[0].Pods != 2 || *got[0].Fits != 0 || got[1].Pod != "db-2" {
		t.Errorf("%+v", got)
	}
}

// What nodes offer is told also where the first line is of pods without a node.
func TestAuditTellsWhatNodesOffer(t *testing.T) {
	report := quota.AuditReport{
		Report: finding.NewReport("quota audit", takenAt, finding.Scope{Namespace: "shop"}, nil, nil, 3), View: quota.View{By: quota.ByNode},
		Namespaces: []quota.NamespaceUse{{Namespace: "shop"}},
		Groups:     []quota.GroupUse{{Pods: 1}, {Name: "node-1", Allocatable: []quota.Amount{{Resource: "cpu", Quantity: "2"}}}},
	}
	text := quotaText(t, report)
	if !strings.Contains(text, "Behind the slash is what nodes offer, of which pods outside namespace shop") {
		t.Error(text)
	}
	report.Scope.Namespace = ""
	if text := quotaText(t, report); !strings.Contains(text, "Behind the slash is what nodes offer.") {
		t.Error(text)
	}
}
