package krew

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/version"
)

const (
	apiVersion = "krew.googlecontainertools.github.com/v1alpha2"
	kind       = "Plugin"
	// What reviewers of krew-index ask for; the validator itself only warns at 70.
	shortDescriptionWidth = 50
	// cmd/validate-krew-manifest/main.go warns beyond it.
	descriptionWidth = 80
)

var (
	safeName  = regexp.MustCompile(`^[\w-]+$`)
	device    = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[1-9]|lpt[1-9])$`)
	lowerHash = regexp.MustCompile(`^[a-f0-9]{64}$`)
)

// Check holds a manifest against krew's rules and lists what breaks them.
// name is the file's name without its extension, as krew-index has it.
func Check(name string, m Manifest) []string {
	var bad []string
	say := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }

	// internal/index/validation/validate.go: ValidatePlugin.
	if m.APIVersion != apiVersion {
		say("apiVersion is %q, not %q", m.APIVersion, apiVersion)
	}
	if m.Kind != kind {
		say("kind is %q, not %q", m.Kind, kind)
	}
	if !safeName.MatchString(name) || device.MatchString(name) {
		say("name %q does not match %s, or is a device of Windows", name, safeName)
	}
	if m.Metadata.Name != name {
		say("metadata.name is %q, the file is called %q", m.Metadata.Name, name)
	}
	if err := checkVersion(m.Spec.Version); err != nil {
		say("spec.version %q: %v", m.Spec.Version, err)
	}
	bad = append(bad, checkTexts(m.Spec)...)
	if len(m.Spec.Platforms) == 0 {
		say("spec.platforms is empty")
	}
	for i, p := range m.Spec.Platforms {
		for _, b := range checkPlatform(p) {
			say("spec.platforms[%d]: %s", i, b)
		}
	}
	return append(bad, checkCoverage(m.Spec.Platforms)...)
}

// checkVersion is internal/installation/semver/version.go: semantic, with a leading v.
func checkVersion(v string) error {
	bare, ok := strings.CutPrefix(v, "v")
	if !ok {
		return fmt.Errorf("has no leading v")
	}
	if _, err := version.ParseSemantic(bare); err != nil {
		return fmt.Errorf("is not semantic: %w", err)
	}
	return nil
}

func checkTexts(s Spec) []string {
	var bad []string
	switch {
	case s.ShortDescription == "":
		bad = append(bad, "spec.shortDescription is empty")
	case strings.ContainsAny(s.ShortDescription, "\r\n"):
		bad = append(bad, "spec.shortDescription has a line break")
	case len(s.ShortDescription) > shortDescriptionWidth:
		bad = append(bad, fmt.Sprintf("spec.shortDescription has %d characters, more than %d", len(s.ShortDescription), shortDescriptionWidth))
	}
	// Krew takes an empty description; goreleaser, which can publish to krew-index, does not.
	if s.Description == "" {
		bad = append(bad, "spec.description is empty")
	}
	for _, line := range strings.Split(s.Description+"\n"+s.Caveats, "\n") {
		if len(line) > descriptionWidth {
			bad = append(bad, fmt.Sprintf("a line of spec.description or spec.caveats is longer than %d characters: %q", descriptionWidth, line))
		}
	}
	return bad
}

// checkPlatform is internal/index/validation/validate.go: validatePlatform.
func checkPlatform(p Platform) []string {
	var bad []string
	if p.URI == "" {
		bad = append(bad, "uri is empty")
	} else if !strings.HasSuffix(p.URI, ".zip") && !strings.HasSuffix(p.URI, ".tar.gz") {
		bad = append(bad, fmt.Sprintf("uri %s is neither .zip nor .tar.gz, which is all that krew unpacks", p.URI))
	}
	if !lowerHash.MatchString(p.Sha256) {
		bad = append(bad, fmt.Sprintf("sha256 %q does not match %s", p.Sha256, lowerHash))
	}
	if p.Bin == "" {
		bad = append(bad, "bin is empty")
	}
	if p.Files != nil && len(p.Files) == 0 {
		bad = append(bad, "files is there but empty")
	}
	for _, f := range p.Files {
		if f.From == "" || f.To == "" {
			bad = append(bad, "a member of files has no from or no to")
		}
	}
	return append(bad, checkSelector(p.Selector)...)
}

// checkSelector is internal/index/validation/validate.go: validateSelector.
func checkSelector(s *metav1.LabelSelector) []string {
	if s == nil || (len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0) {
		return []string{"selector is empty"}
	}
	var bad []string
	if s.MatchLabels != nil && len(s.MatchLabels) == 0 {
		bad = append(bad, "selector.matchLabels is there but empty")
	}
	if s.MatchExpressions != nil && len(s.MatchExpressions) == 0 {
		bad = append(bad, "selector.matchExpressions is there but empty")
	}
	var keys []string
	for k := range s.MatchLabels {
		keys = append(keys, k)
	}
	for _, e := range s.MatchExpressions {
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if k != "os" && k != "arch" {
			bad = append(bad, fmt.Sprintf("selector has the key %q; krew knows os and arch", k))
		}
	}
	if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
		bad = append(bad, fmt.Sprintf("selector: %v", err))
	}
	return bad
}

// machine is a pair of operating system and architecture.
type machine struct{ os, arch string }

// machines is cmd/validate-krew-manifest/main.go: allPlatforms.
func machines() []machine {
	return []machine{
		{"windows", "386"}, {"windows", "amd64"}, {"windows", "arm64"},
		{"linux", "386"}, {"linux", "amd64"}, {"linux", "arm"}, {"linux", "arm64"}, {"linux", "ppc64le"},
		{"darwin", "386"}, {"darwin", "amd64"}, {"darwin", "arm64"},
	}
}

// matches lists the machines that a platform is for.
func (p Platform) matches() []machine {
	s, err := metav1.LabelSelectorAsSelector(p.Selector)
	if err != nil {
		return nil
	}
	var on []machine
	for _, m := range machines() {
		if s.Matches(labels.Set{"os": m.os, "arch": m.arch}) {
			on = append(on, m)
		}
	}
	return on
}

// checkCoverage is cmd/validate-krew-manifest/main.go: every platform is for
// some machine, and no machine has two. A Windows binary must be an .exe to run.
func checkCoverage(platforms []Platform) []string {
	var bad []string
	taken := map[machine]int{}
	for i, p := range platforms {
		on := p.matches()
		if len(on) == 0 {
			bad = append(bad, fmt.Sprintf("spec.platforms[%d] matches no machine that krew knows", i))
		}
		for _, m := range on {
			if other, ok := taken[m]; ok {
				bad = append(bad, fmt.Sprintf("spec.platforms[%d] and [%d] are both for %s/%s", other, i, m.os, m.arch))
			}
			taken[m] = i
			if (m.os == "windows") != strings.HasSuffix(p.Bin, ".exe") {
				bad = append(bad, fmt.Sprintf("spec.platforms[%d]: bin %q on %s/%s", i, p.Bin, m.os, m.arch))
			}
		}
	}
	return bad
}
