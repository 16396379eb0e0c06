package quota

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

// fixture is the head of a testdata file: what is asked, what must be answered.
// The other documents of the file are the cluster, complete but for Unknown.
type fixture struct {
	// Manifests are what is sent (testdata/check).
	Manifests  string      `json:"manifests"`
	Alone      bool        `json:"alone"`
	Rehearsals []Rehearsal `json:"rehearsals"`
	TakenAt    time.Time   `json:"takenAt"`
	// Want are the findings in order; empty means silence.
	Want []ruletest.Finding `json:"want"`
	// Ignore are rules that are not what an audit's case is about; Soft are soft limits.
	Ignore []string   `json:"ignore"`
	Soft   SoftLimits `json:"soft"`
	// Ask is the target (testdata/headroom): "deployment/web"; empty for the namespace shop.
	Ask      string         `json:"ask"`
	Headroom []wantHeadroom `json:"headroom"`
	// Fit is the question and its answer (testdata/fit).
	Fit *fitCase `json:"fit"`
	// Admission are the answers in order; only what is given is compared.
	Admission []wantAdmission `json:"admission"`
	// Unknown maps kinds that could not be read to the reason.
	Unknown map[snapshot.Kind]string `json:"unknown"`
	// Near are changes after which one of the rules is silent.
	Near []near `json:"near"`
}

type wantAdmission struct {
	Object string `json:"object"`
	// Allowed is "yes", "no" or "unknown".
	Allowed  string `json:"allowed"`
	By       By     `json:"by"`
	Name     string `json:"name"`
	Resource string `json:"resource"`
	Message  string `json:"message"`
	Pods     string `json:"pods"` // allowed/asked, and the placed behind a comma
}

// Every file under testdata/audit is one case.
func TestAuditFixtures(t *testing.T) {
	for _, path := range ruletest.Files(t, "audit") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			f, state := loadFixture(t, path)
			report := auditFixture(t, f, state, lang.English)
			ignored := func(g finding.Finding) bool { return slices.Contains(f.Ignore, g.Rule) }
			ruletest.Compare(t, f.Want, slices.DeleteFunc(slices.Clone(report.Findings), ignored))
			if korean := auditFixture(t, f, state, lang.Korean); len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

func auditFixture(t *testing.T, f fixture, state *snapshot.Snapshot, l lang.Lang) AuditReport {
	t.Helper()
	report, err := AuditOf(state, Query{Namespace: "shop"}, f.Soft, View{}, ruletest.Catalogue(t), l)
	if err != nil {
		t.Fatal(err)
	}
	ruletest.Readable(t, report.Findings)
	return report
}

// A rule may only look at the kinds that it declares.
func TestRulesReadWhatTheyDeclare(t *testing.T) {
	for _, path := range ruletest.Files(t, "*") {
		f, s := loadFixture(t, path)
		scope, _ := auditScope(s, Query{Namespace: "shop"})
		for i := range auditRules(f.Soft) {
			r := auditRules(f.Soft)[i] // each by itself: what they share is read by the first
			ruletest.ReadsWhatItDeclares(t, path, r, s, scope)
		}
	}
}

// wantHeadroom is written short: "2 quota compute requests.cpu", with "<=" in
// front where something could not be read, "unlimited" where nothing binds.
type wantHeadroom struct {
	Workload string `json:"workload"`
	More     string `json:"more"`
	// Update is "surge/room", with " stalls" behind it and " slow" where the peak does not fit.
	Update string `json:"update"`
	// HPA is "max missing".
	HPA string `json:"hpa"`
}

// Every file under testdata/headroom is one case.
func TestHeadroomFixtures(t *testing.T) {
	for _, path := range ruletest.Files(t, "headroom") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			f, state := loadFixture(t, path)
			report := headroomFixture(t, f, state, lang.English)
			ruletest.Compare(t, f.Want, report.Findings)
			var got []wantHeadroom
			for i, h := range report.Headroom {
				g := shortHeadroom(h)
				if i < len(f.Headroom) && f.Headroom[i].Update == "" {
					g.Update = ""
				}
				got = append(got, g)
			}
			if diff := cmp.Diff(f.Headroom, got); diff != "" {
				t.Errorf("headroom (-want +got):\n%s", diff)
			}
			if korean := headroomFixture(t, f, state, lang.Korean); len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

func headroomFixture(t *testing.T, f fixture, state *snapshot.Snapshot, l lang.Lang) HeadroomReport {
	t.Helper()
	q := Query{Namespace: "shop"}
	if kind, name, ok := strings.Cut(f.Ask, "/"); ok {
		info, _ := snapshot.Resolve(kind)
		q.Targets = []finding.Ref{{Kind: string(info.Kind), Namespace: "shop", Name: name}}
	}
	report, err := HeadroomOf(state, q, ruletest.Catalogue(t), l)
	if err != nil {
		t.Fatal(err)
	}
	ruletest.Readable(t, report.Findings)
	return report
}

func shortHeadroom(h Headroom) wantHeadroom {
	w := wantHeadroom{Workload: h.Workload.String(), More: "unlimited"}
	if h.Replicas != nil {
		w.More = strings.TrimSpace(strings.Join(strings.Fields(strconv.Itoa(*h.Replicas)+" "+string(h.BindingKind)+" "+h.BindingName+" "+h.BindingResource), " "))
	}
	if h.AtMost {
		w.More = "<= " + w.More
	}
	if u := h.Update; u != nil {
		w.Update = strconv.Itoa(u.Surge) + "/-"
		if u.Room != nil {
			w.Update = strconv.Itoa(u.Surge) + "/" + strconv.Itoa(*u.Room)
		}
		if u.Stalls {
			w.Update += " stalls"
		}
		if !u.PeakFits {
			w.Update += " slow"
		}
	}
	if h.Autoscaler != nil {
		w.HPA = strconv.Itoa(h.Autoscaler.Max) + " " + strconv.Itoa(h.Autoscaler.Missing)
	}
	return w
}

// Every file under testdata/check is one case.
func TestCheckFixtures(t *testing.T) {
	for _, path := range ruletest.Files(t, "check") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			f, state := loadFixture(t, path)
			report := checkFixture(t, f, state, lang.English)
			ruletest.Compare(t, f.Want, report.Findings)
			compareAdmission(t, f.Admission, report.Admission)
			if korean := checkFixture(t, f, state, lang.Korean); len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

func checkFixture(t *testing.T, f fixture, state *snapshot.Snapshot, l lang.Lang) CheckReport {
	t.Helper()
	manifests, err := file.Load([]string{"-"}, strings.NewReader(f.Manifests), file.Options{Namespace: "shop", Now: f.TakenAt})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Check(CheckInput{State: state, Manifests: manifests, Alone: f.Alone, Rehearsals: f.Rehearsals}, ruletest.Catalogue(t), l)
	if err != nil {
		t.Fatal(err)
	}
	ruletest.Readable(t, report.Findings)
	return report
}

func compareAdmission(t *testing.T, want []wantAdmission, got []Admission) {
	t.Helper()
	if want == nil {
		return
	}
	var seen []wantAdmission
	for i, a := range got {
		w := wantAdmission{Object: a.Object.String(), Allowed: "unknown", By: a.By, Name: a.Name, Resource: a.Resource, Message: a.Message}
		if a.Allowed != nil {
			w.Allowed = map[bool]string{true: "yes", false: "no"}[*a.Allowed]
		}
		if i < len(want) && want[i].Message == "" {
			w.Message = ""
		}
		if i < len(want) && want[i].Pods != "" && a.Pods != nil {
			w.Pods = podsText(a.Pods)
		}
		seen = append(seen, w)
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("admission (-want +got):\n%s", diff)
	}
}

// loadFixture reads a fixture into a snapshot in which every kind was listed
// completely, but for those that it calls unknown.
func loadFixture(t testing.TB, path string) (fixture, *snapshot.Snapshot) {
	t.Helper()
	f, documents := readFixture(t, path)
	return f, stateOf(t, f, documents)
}

// readFixture gives the head of the file, and the objects as they are written.
func readFixture(t testing.TB, path string) (fixture, [][]byte) {
	t.Helper()
	f := fixture{TakenAt: noon}
	documents := ruletest.Read(t, path, &f)
	return f, documents
}

func stateOf(t testing.TB, f fixture, documents [][]byte) *snapshot.Snapshot {
	t.Helper()
	s, err := ruletest.Snapshot(snapshot.FromCluster, f.TakenAt, documents)
	if err != nil {
		t.Fatal(err)
	}
	ruletest.Complete(s, f.Unknown)
	return s
}

func podsText(p *PodCount) string {
	s := strconv.Itoa(p.Allowed) + "/" + strconv.Itoa(p.Asked)
	if p.Placed != nil {
		s += "," + strconv.Itoa(*p.Placed)
	}
	return s
}
