package krew

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const pluginName = "msa"

func TestTheManifestKeepsTheRules(t *testing.T) {
	m := checkedIn(t)
	for _, bad := range Check(pluginName, m) {
		t.Error(bad)
	}
	if m.Spec.Version != PlaceholderVersion {
		t.Errorf("spec.version is %s: the file in the repository is the one to fill, with %s", m.Spec.Version, PlaceholderVersion)
	}
	for _, p := range m.Spec.Platforms {
		if p.Sha256 != PlaceholderSha256 {
			t.Errorf("%s has a checksum, and %s is no release", p.URI, m.Spec.Version)
		}
	}
	var for64 []machine
	for _, p := range m.Spec.Platforms {
		for64 = append(for64, p.matches()...)
	}
	for _, want := range []machine{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}} {
		if !slices.Contains(for64, want) {
			t.Errorf("nothing for %s/%s", want.os, want.arch)
		}
	}
}

func TestEveryRuleFires(t *testing.T) {
	tests := []struct {
		name  string
		file  string
		spoil func(*Manifest)
		want  string // part of the one complaint; empty for none
	}{
		{"as it is", pluginName, func(*Manifest) {}, ""},
		{"apiVersion", pluginName, func(m *Manifest) { m.APIVersion = "v1" }, `apiVersion is "v1"`},
		{"kind", pluginName, func(m *Manifest) { m.Kind = "Plug" }, `kind is "Plug"`},
		{"a path in the name", "m/sa", func(m *Manifest) { m.Metadata.Name = "m/sa" }, `name "m/sa" does not match`},
		{"a device of Windows", "Com1", func(m *Manifest) { m.Metadata.Name = "Com1" }, "device of Windows"},
		{"a name that only begins like a device", "console", func(m *Manifest) { m.Metadata.Name = "console" }, ""},
		{"file called otherwise", "krew", func(*Manifest) {}, `the file is called "krew"`},
		{"version without v", pluginName, func(m *Manifest) { m.Spec.Version = "1.2.3" }, "no leading v"},
		{"version of two numbers", pluginName, func(m *Manifest) { m.Spec.Version = "v1.2" }, "not semantic"},
		{"version with a pre-release", pluginName, func(m *Manifest) { m.Spec.Version = "v1.2.3-rc.1" }, ""},
		{"no short description", pluginName, func(m *Manifest) { m.Spec.ShortDescription = "" }, "shortDescription is empty"},
		{"two lines of short description", pluginName, func(m *Manifest) { m.Spec.ShortDescription = "a\nb" }, "line break"},
		{"long short description", pluginName, func(m *Manifest) { m.Spec.ShortDescription = strings.Repeat("a", 51) }, "51 characters"},
		{"no description", pluginName, func(m *Manifest) { m.Spec.Description = "" }, "description is empty"},
		{"wide caveats", pluginName, func(m *Manifest) { m.Spec.Caveats = strings.Repeat("a ", 41) }, "longer than 80"},
		{"no platform", pluginName, func(m *Manifest) { m.Spec.Platforms = nil }, "platforms is empty"},
		{"no uri", pluginName, func(m *Manifest) { m.Spec.Platforms[0].URI = "" }, "uri is empty"},
		{"an archive krew cannot unpack", pluginName, func(m *Manifest) { m.Spec.Platforms[0].URI = "https://example.com/a.tar.xz" }, "neither .zip nor .tar.gz"},
		{"upper-case checksum", pluginName, func(m *Manifest) { m.Spec.Platforms[0].Sha256 = strings.Repeat("A", 64) }, "sha256"},
		{"short checksum", pluginName, func(m *Manifest) { m.Spec.Platforms[0].Sha256 = strings.Repeat("a", 63) }, "sha256"},
		{"files empty", pluginName, func(m *Manifest) { m.Spec.Platforms[0].Files = []FileOperation{} }, "files is there but empty"},
		{"files without a target", pluginName, func(m *Manifest) { m.Spec.Platforms[0].Files = []FileOperation{{From: "*"}} }, "no from or no to"},
		{"a selector for more than os and arch", pluginName, func(m *Manifest) {
			m.Spec.Platforms[0].Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "libc", Operator: metav1.LabelSelectorOpDoesNotExist}}
		}, `the key "libc"`},
		{"a selector for nobody", pluginName, func(m *Manifest) {
			m.Spec.Platforms[0].Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"os": "plan9"}}
		}, "matches no machine"},
		{"two for one machine", pluginName, func(m *Manifest) { m.Spec.Platforms[0] = m.Spec.Platforms[1] }, "both for linux/arm64"},
		{"a binary Windows does not run", pluginName, func(m *Manifest) { m.Spec.Platforms[4].Bin = "kubectl-msa" }, `bin "kubectl-msa" on windows/amd64`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := checkedIn(t)
			tt.spoil(&m)
			bad := Check(tt.file, m)
			if tt.want == "" {
				if len(bad) > 0 {
					t.Errorf("complained: %q", bad)
				}
				return
			}
			if len(bad) != 1 || !strings.Contains(bad[0], tt.want) {
				t.Errorf("complaints are %q, want one with %q", bad, tt.want)
			}
		})
	}
}

func TestNoSelectorMatchesEverything(t *testing.T) {
	m := checkedIn(t)
	m.Spec.Platforms = m.Spec.Platforms[:1]
	m.Spec.Platforms[0].Selector = &metav1.LabelSelector{}
	if bad := Check(pluginName, m); !slices.Contains(bad, "spec.platforms[0]: selector is empty") {
		t.Errorf("complaints are %q", bad)
	}
}

func TestAnUnknownFieldIsAnError(t *testing.T) {
	if _, err := Parse([]byte("kind: Plugin\nspec: {platform: []}\n")); err == nil || !strings.Contains(err.Error(), "platform") {
		t.Errorf("error is %v, want one that names the field", err)
	}
}

func TestFill(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	sums := map[string]string{}
	for _, m := range []string{"linux_amd64.tar.gz", "linux_arm64.tar.gz", "darwin_amd64.tar.gz", "darwin_arm64.tar.gz", "windows_amd64.zip", "windows_arm64.zip"} {
		sums["kubectl-msa_"+m] = sum
	}
	template := checkedIn(t)
	filled, err := Fill(template, "v1.2.3", sums)
	if err != nil {
		t.Fatal(err)
	}
	if bad := Check(pluginName, filled); len(bad) > 0 {
		t.Errorf("the filled manifest breaks rules: %q", bad)
	}
	want := Platform{
		Selector: template.Spec.Platforms[0].Selector,
		URI:      "https://github.com/kubectl-msa/kubectl-msa/releases/download/v1.2.3/kubectl-msa_linux_amd64.tar.gz",
		Sha256:   sum,
		Bin:      "kubectl-msa",
	}
	if diff := cmp.Diff(want, filled.Spec.Platforms[0]); diff != "" {
		t.Errorf("first platform (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(checkedIn(t), template); diff != "" {
		t.Errorf("the template was changed (-want +got):\n%s", diff)
	}

	delete(sums, "kubectl-msa_windows_arm64.zip")
	if _, err := Fill(template, "v1.2.3", sums); err == nil || !strings.Contains(err.Error(), "kubectl-msa_windows_arm64.zip") {
		t.Errorf("an archive without a checksum: error is %v", err)
	}
	if _, err := Fill(filled, "v1.2.4", sums); err == nil || !strings.Contains(err.Error(), "v1.2.3") {
		t.Errorf("filled twice: error is %v", err)
	}
}

func TestParseSums(t *testing.T) {
	got, err := ParseSums("aa  one.tar.gz\nbb *two.zip\n")
	if diff := cmp.Diff(map[string]string{"one.tar.gz": "aa", "two.zip": "bb"}, got); diff != "" || err != nil {
		t.Errorf("error %v, sums (-want +got):\n%s", err, diff)
	}
	if _, err := ParseSums("aa\n"); err == nil {
		t.Error("a line without a name was taken")
	}
}

func checkedIn(t *testing.T) Manifest {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "krew.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
