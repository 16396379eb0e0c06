// Package release holds what `make release-check` built against what a release
// must be, by unpacking and running it.
package release

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/test/release/krew"
)

func TestTheBuiltManifestKeepsKrewsRules(t *testing.T) {
	m := builtManifest(t)
	for _, bad := range krew.Check("msa", m) {
		t.Error(bad)
	}
	if want := "v" + metadata(t).Version; m.Spec.Version != want {
		t.Errorf("spec.version is %s, what was built is %s", m.Spec.Version, want)
	}
}

func TestArchives(t *testing.T) {
	for _, p := range builtManifest(t).Spec.Platforms {
		archive := path.Base(p.URI)
		t.Run(archive, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dist(t), archive))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			if got := hex.EncodeToString(sum[:]); got != p.Sha256 {
				t.Errorf("the manifest has checksum %s, the archive %s", p.Sha256, got)
			}
			files := unpack(t, archive, data)
			if len(files["LICENSE"].data) == 0 {
				t.Error("no LICENSE in the archive: krew-index does not take it")
			}
			bin, ok := files[p.Bin]
			if !ok {
				t.Fatalf("no %s in the archive, which has %q", p.Bin, names(files))
			}
			if bin.mode.Perm() != 0o755 {
				t.Errorf("%s has mode %v", p.Bin, bin.mode)
			}
			info, err := buildinfo.Read(bytes.NewReader(bin.data))
			if err != nil {
				t.Fatalf("read how %s was built: %v", p.Bin, err)
			}
			got := map[string]string{}
			for _, s := range info.Settings {
				switch s.Key {
				case "GOOS", "GOARCH", "CGO_ENABLED", "-trimpath":
					got[s.Key] = s.Value
				}
			}
			labels := p.Selector.MatchLabels
			want := map[string]string{"GOOS": labels["os"], "GOARCH": labels["arch"], "CGO_ENABLED": "0", "-trimpath": "true"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("how it was built (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKubectlRunsThePlugin installs the archive as krew does: unpack, put on PATH.
func TestKubectlRunsThePlugin(t *testing.T) {
	kubectl := os.Getenv("MSA_KUBECTL")
	if dist(t); kubectl == "" {
		t.Fatal("MSA_KUBECTL is not set: it is the path of the kubectl that runs the plugin")
	}
	archive := "kubectl-msa_" + runtime.GOOS + "_" + runtime.GOARCH + ".tar.gz"
	data, err := os.ReadFile(filepath.Join(dist(t), archive))
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	bin := unpack(t, archive, data)["kubectl-msa"]
	if err := os.WriteFile(filepath.Join(home, "kubectl-msa"), bin.data, bin.mode); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (stdout, stderr string, code int) {
		cmd := exec.CommandContext(t.Context(), kubectl, args...)
		cmd.Env = []string{"PATH=" + home, "HOME=" + home, "KUBECONFIG=" + filepath.Join(home, "none"), "LANG=C"}
		var out, errOut strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errOut
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatalf("run %s: %v", kubectl, err)
		}
		return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
	}

	stdout, stderr, code := run("msa", "version")
	if code != 0 || stderr != "" {
		t.Fatalf("kubectl msa version: exit %d, stderr %q", code, stderr)
	}
	built := metadata(t)
	for _, want := range []string{"v" + built.Version, built.Commit} {
		if !strings.Contains(stdout, want) {
			t.Errorf("kubectl msa version does not name %s:\n%s", want, stdout)
		}
	}
	if stdout, _, code := run("plugin", "list"); code != 0 || !strings.Contains(stdout, filepath.Join(home, "kubectl-msa")) {
		t.Errorf("kubectl plugin list: exit %d\n%s", code, stdout)
	}
	if _, stderr, code := run("msa", "no-such-command"); code != 2 || !strings.Contains(stderr, "no-such-command") {
		t.Errorf("a command that is not there: exit %d, stderr %q; want 2 and its name", code, stderr)
	}
}
