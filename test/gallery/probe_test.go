package gallery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// probeCase is the first document of a file in probes/; see README.md.
type probeCase struct {
	Target string `json:"target"`
	// Command is the one of "probe" that must say it: check, or run.
	Command   string           `json:"command"`
	Rule      string           `json:"rule"`
	Object    string           `json:"object"`
	Container string           `json:"container"`
	Severity  finding.Severity `json:"severity"`
	Says      []string         `json:"says"`
	Never     []string         `json:"never"`

	name, manifests string
}

func probeCases(t *testing.T) []probeCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("probes", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var out []probeCase
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, found := bytes.Cut(data, []byte("\n---\n"))
		c := probeCase{Command: "check", name: strings.TrimSuffix(filepath.Base(f), ".yaml"), manifests: string(rest)}
		if err := yaml.UnmarshalStrict(head, &c); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if !found || c.Target == "" || (c.Rule == "") == (len(c.Never) == 0) {
			t.Fatalf("%s: want a target, and a rule or rules that never fire, then manifests", f)
		}
		out = append(out, c)
	}
	return out
}

// What is wrong with a probe while it runs is named first by the command for
// probes, with what shows it; a note stands among other notes.
func TestProbeFaults(t *testing.T) {
	cases := probeCases(t)
	c := workshop.Open(t)
	for _, of := range cases {
		t.Run(of.name, func(t *testing.T) {
			t.Parallel()
			ns := c.Namespace(t)
			c.Apply(t, ns, of.manifests)
			if of.Rule == "" {
				staysSilent(t, c, ns, of)
				return
			}
			c.WaitFor(t, "probe "+of.Command+" to name "+of.Rule, patience, func(context.Context) (bool, string, error) {
				time.Sleep(pause)
				all, err := probeFindings(t, c, ns, of)
				said := probeSummary(all)
				at := slices.IndexFunc(all, func(f finding.Finding) bool { return f.Rule == of.Rule })
				if err != nil || at < 0 || at > 0 && of.Severity != finding.Info {
					return false, said, err
				}
				f := all[at]
				if f.Object.Object().String() != of.Object || f.Object.Container != of.Container || of.Severity != "" && f.Severity != of.Severity {
					return false, said, nil
				}
				for _, part := range of.Says {
					if !strings.Contains(said, part) {
						return false, said, nil
					}
				}
				return len(f.Fix) > 0 && len(f.Evidence) > 0, said, nil
			})
		})
	}
}

// staysSilent: from the first moment until all is well, the rules do not fire.
func staysSilent(t *testing.T, c *cluster.Cluster, ns string, of probeCase) {
	t.Helper()
	looks := 0
	c.WaitFor(t, of.Target+" to be well without a finding", patience, func(context.Context) (bool, string, error) {
		time.Sleep(pause)
		all, err := probeFindings(t, c, ns, of)
		if err != nil {
			return false, "", err
		}
		for _, f := range all {
			if slices.Contains(of.Never, f.Rule) {
				return false, "", fmt.Errorf("%s fired: %s", f.Rule, f.Title)
			}
		}
		r, err := workshop.Look(t, c, ns, of.Target)
		if err == nil && len(r.Objects) > 0 && r.Objects[0].Health == "healthy" {
			looks++
		}
		return looks > 3, workshop.Summary(r), err
	})
}

func probeFindings(t *testing.T, c *cluster.Cluster, ns string, of probeCase) ([]finding.Finding, error) {
	t.Helper()
	got := workshop.Run(t, c.Kubeconfig(), "probe", of.Command, of.Target, "-n", ns, "-o", "json", "--fail-on", "none")
	if got.Code != 0 {
		return nil, fmt.Errorf("probe %s: exit code %d: %s", of.Command, got.Code, got.Stderr)
	}
	var r probe.Report
	if err := json.Unmarshal([]byte(got.Stdout), &r); err != nil {
		return nil, fmt.Errorf("probe %s: %w", of.Command, err)
	}
	return r.Findings, nil
}

// probeSummary is all that was said of the findings.
func probeSummary(all []finding.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%s %s (%s): %s; %s\n", f.Rule, f.Object, f.Severity, f.Title, f.Why)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "  %s %s: %s\n", e.Object, e.Path, e.Value)
		}
	}
	return b.String()
}
