package probe_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

const serverImage = "msa-test/misbehave:1"

// loadServer gives the node an image with the server that misbehaves, and a
// busybox for the helper pod.
func loadServer(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	cluster.DependsOn(t, "test/probe")
	loaded.Do(func() { loadImage(t, c) })
}

var loaded sync.Once

func loadImage(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	dir := t.TempDir()
	server := filepath.Join(dir, "server")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", server, "./misbehave/server")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v\n%s", err, out)
	}
	archive := filepath.Join(dir, "image.tar")
	if err := os.WriteFile(archive, dockerArchive(t, map[string]string{"server": server, "bin/busybox": busybox(t)}), 0o600); err != nil {
		t.Fatal(err)
	}
	c.LoadImage(t, archive)
}

// busybox finds a static one, and has Debian install it where there is none.
func busybox(t *testing.T) string {
	t.Helper()
	const path = "/bin/busybox"
	if _, err := os.Stat(path); err == nil {
		return path
	}
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", "busybox-static"}} {
		cmd := exec.CommandContext(t.Context(), "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("apt-get %v: %v\n%s", args, err, out)
		}
	}
	return path
}

// dockerArchive is what "docker save" would write of an image of one layer.
func dockerArchive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var layer, out bytes.Buffer
	add := func(w *tar.Writer, h *tar.Header, data []byte) {
		h.Size = int64(len(data))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	content := tar.NewWriter(&layer)
	for name, from := range files {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		add(content, &tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg}, data)
	}
	for _, tool := range []string{"sh", "nc", "cat", "sleep"} {
		add(content, &tar.Header{Name: "bin/" + tool, Linkname: "busybox", Typeflag: tar.TypeSymlink}, nil)
	}
	if err := content.Close(); err != nil {
		t.Fatal(err)
	}
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	config := encode(map[string]any{
		"os": "linux", "architecture": "amd64", "config": map[string]any{"Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + sum(layer.Bytes())}},
	})
	whole := tar.NewWriter(&out)
	add(whole, &tar.Header{Name: "layer.tar", Mode: 0o644, Typeflag: tar.TypeReg}, layer.Bytes())
	add(whole, &tar.Header{Name: "config.json", Mode: 0o644, Typeflag: tar.TypeReg}, config)
	add(whole, &tar.Header{Name: "manifest.json", Mode: 0o644, Typeflag: tar.TypeReg}, encode([]map[string]any{{
		"Config": "config.json", "RepoTags": []string{"docker.io/" + serverImage}, "Layers": []string{"layer.tar"},
	}}))
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
