package quota

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
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
	Want []wantFinding `json:"want"`
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

// wantFinding holds what matters of a finding; empty fields are not compared.
type wantFinding struct {
	Rule       string             `json:"rule"`
	Object     string             `json:"object"`
	Container  string             `json:"container"`
	Severity   finding.Severity   `json:"severity"`
	Confidence finding.Confidence `json:"confidence"`
	Chain      []string           `json:"chain"`
	// Says are parts that the English texts or evidence must hold, Not such that they must not.
	Says []string `json:"says"`
	Not  []string `json:"not"`
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
	for _, path := range fixtures(t, "audit") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			f, state := loadFixture(t, path)
			report := auditFixture(t, f, state, lang.English)
			ignored := func(g finding.Finding) bool { return slices.Contains(f.Ignore, g.Rule) }
			compareFindings(t, f.Want, slices.DeleteFunc(slices.Clone(report.Findings), ignored))
			if korean := auditFixture(t, f, state, lang.Korean); len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

func auditFixture(t *testing.T, f fixture, state *snapshot.Snapshot, l lang.Lang) AuditReport {
	t.Helper()
	report, err := AuditOf(state, Query{Namespace: "shop"}, f.Soft, View{}, loadCatalogue(t), l)
	if err != nil {
		t.Fatal(err)
	}
	readable(t, report.Findings, l)
	return report
}

// A rule may only look at the kinds that it declares.
func TestRulesReadWhatTheyDeclare(t *testing.T) {
	for _, path := range fixtures(t, "*") {
		f, s := loadFixture(t, path)
		scope, _ := auditScope(s, Query{Namespace: "shop"})
		for i := range auditRules(f.Soft) {
			r := auditRules(f.Soft)[i] // each by itself: what they share is read by the first
			s.Trace()
			r.Check(s, scope)
			for _, k := range s.Traced() {
				if !slices.Contains(r.Reads, k) {
					t.Errorf("%s: %s reads %s and does not declare it", path, r.ID, k)
				}
			}
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
	for _, path := range fixtures(t, "headroom") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			f, state := loadFixture(t, path)
			report := headroomFixture(t, f, state, lang.English)
			compareFindings(t, f.Want, report.Findings)
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
	report, err := HeadroomOf(state, q, loadCatalogue(t), l)
	if err != nil {
		t.Fatal(err)
	}
	readable(t, report.Findings, l)
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
	for _, path := range fixtures(t, "check") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			f, state := loadFixture(t, path)
			report := checkFixture(t, f, state, lang.English)
			compareFindings(t, f.Want, report.Findings)
			compareAdmission(t, f.Admission, report.Admission)
			if korean := checkFixture(t, f, state, lang.Korean); len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

func fixtures(t testing.TB, room string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", room, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	return files
}

func checkFixture(t *testing.T, f fixture, state *snapshot.Snapshot, l lang.Lang) CheckReport {
	t.Helper()
	manifests, err := file.Load([]string{"-"}, strings.NewReader(f.Manifests), file.Options{Namespace: "shop", Now: f.TakenAt})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Check(CheckInput{State: state, Manifests: manifests, Alone: f.Alone, Rehearsals: f.Rehearsals}, loadCatalogue(t), l)
	if err != nil {
		t.Fatal(err)
	}
	readable(t, report.Findings, l)
	return report
}

func loadCatalogue(t testing.TB) finding.Catalogue {
	t.Helper()
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// readable holds texts to having been filled.
func readable(t *testing.T, all []finding.Finding, l lang.Lang) {
	t.Helper()
	for _, f := range all {
		text := f.Title + f.Why
		for _, step := range f.Fix {
			text += step.Text + step.Command
		}
		if strings.Contains(text, "render text:") || strings.Contains(text, "parse text:") || strings.Contains(text, "<no value>") {
			t.Errorf("%s in %s: %s", f.Rule, l, text)
		}
		if len(f.Fix) == 0 {
			t.Errorf("%s: no next step", f.Rule)
		}
	}
}

func compareFindings(t *testing.T, want []wantFinding, got []finding.Finding) {
	t.Helper()
	var wantRules, gotRules []string
	for _, w := range want {
		wantRules = append(wantRules, w.Rule)
	}
	for _, g := range got {
		gotRules = append(gotRules, g.Rule)
	}
	if diff := cmp.Diff(wantRules, gotRules); diff != "" {
		t.Fatalf("rules (-want +got):\n%s", diff)
	}
	for i, w := range want {
		g := got[i]
		check := func(what string, want, got any, given bool) {
			if diff := cmp.Diff(want, got); given && diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", w.Rule, what, diff)
			}
		}
		check("object", w.Object, g.Object.String(), w.Object != "")
		check("container", w.Container, g.Object.Container, w.Container != "")
		check("severity", w.Severity, g.Severity, w.Severity != "")
		check("confidence", w.Confidence, g.Confidence, w.Confidence != "")
		check("chain", w.Chain, g.Chain, w.Chain != nil)
		text := g.Title + "\n" + g.Why
		for _, e := range g.Evidence {
			text += "\n" + e.Object + " " + e.Path + ": " + e.Value
		}
		for _, step := range g.Fix {
			text += "\n" + step.Text + "\n" + step.Command
		}
		for _, part := range w.Says {
			if !strings.Contains(text, part) {
				t.Errorf("%s does not say %q:\n%s", w.Rule, part, text)
			}
		}
		for _, part := range w.Not {
			if strings.Contains(text, part) {
				t.Errorf("%s says %q:\n%s", w.Rule, part, text)
			}
		}
	}
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
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	documents := splitDocuments(t, data)
	var f fixture
	if err := yaml.UnmarshalStrict(documents[0], &f); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if f.TakenAt.IsZero() {
		f.TakenAt = noon
	}
	return f, documents[1:]
}

func stateOf(t testing.TB, f fixture, documents [][]byte) *snapshot.Snapshot {
	t.Helper()
	s, err := clusterIn(documents, f.TakenAt)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range snapshot.Kinds() {
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}, Why: f.Unknown[i.Kind]})
	}
	return s
}

// clusterIn holds the objects; those without a namespace are in shop.
func clusterIn(documents [][]byte, now time.Time) (*snapshot.Snapshot, error) {
	s := snapshot.New(snapshot.FromCluster, now)
	s.Namespace = "shop"
	for _, d := range documents {
		var head struct {
			Kind snapshot.Kind `json:"kind"`
		}
		if err := yaml.Unmarshal(d, &head); err != nil {
			return nil, err
		}
		info, ok := snapshot.Lookup(head.Kind)
		if !ok {
			return nil, fmt.Errorf("kind %q", head.Kind)
		}
		o := info.New()
		if err := yaml.UnmarshalStrict(d, o); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, d)
		}
		if info.Namespaced && o.GetNamespace() == "" {
			o.SetNamespace("shop")
		}
		s.Add(o)
	}
	return s, nil
}

func splitDocuments(t testing.TB, data []byte) [][]byte {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var out [][]byte
	for {
		d, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(d)) > 0 {
			out = append(out, d)
		}
	}
}

func podsText(p *PodCount) string {
	s := strconv.Itoa(p.Allowed) + "/" + strconv.Itoa(p.Asked)
	if p.Placed != nil {
		s += "," + strconv.Itoa(*p.Placed)
	}
	return s
}
