// Package image makes container images from static binaries without a
// container runtime: one layer, a config, and the archive that `docker save`
// would have written. The bytes depend on the input alone, so an image that
// did not change keeps its digest.
//
// The formats are the Docker image specification v1.2 (manifest.json, which
// `ctr images import` and `docker load` read) and the OCI image config.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
	"time"
)

// Config says how a container of the image starts. The zero value is valid:
// it runs as root, with no entrypoint, for linux/amd64.
type Config struct {
	Entrypoint []string
	Cmd        []string
	// Env holds KEY=value lines.
	Env []string
	// User is a name, a uid or uid:gid; empty means root.
	User       string
	WorkingDir string
	Labels     map[string]string
	// ExposedPorts holds ports such as 8080/tcp.
	ExposedPorts []string
	// StopSignal is a name such as SIGTERM; empty leaves it to the runtime.
	StopSignal string
	// OS and Architecture are GOOS and GOARCH values; empty means linux, amd64.
	OS, Architecture string
}

// File is one entry of the layer. Its parent directories are made with mode
// 0755 unless they are entries themselves.
type File struct {
	// Path inside the image, with or without a leading slash.
	Path string
	// Mode holds the permission bits (and fs.ModeSticky); fs.ModeDir makes a
	// directory. Zero means an executable, 0755.
	Mode fs.FileMode
	Data []byte
}

// Image is a built image: the two blobs that a manifest refers to.
type Image struct {
	// Config is the image config, as JSON. Its digest is the image ID.
	Config []byte
	// Layer is the one layer, an uncompressed tar. Its digest is the diff ID.
	Layer []byte
}

// Digest names a blob in the form sha256:HEX.
func Digest(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Build makes the blobs of an image.
func Build(cfg Config, files ...File) (Image, error) {
	layer, err := layerTar(files)
	if err != nil {
		return Image{}, fmt.Errorf("image layer: %w", err)
	}
	config, err := json.Marshal(configJSON(cfg, Digest(layer)))
	if err != nil {
		return Image{}, fmt.Errorf("image config: %w", err)
	}
	return Image{Config: config, Layer: layer}, nil
}

// Write writes an image as a docker-archive tar that carries the reference
// ref (name:tag). A name without a registry is one of docker.io when it is
// loaded, as in a Pod's image field.
func Write(w io.Writer, ref string, cfg Config, files ...File) error {
	if ref == "" || strings.ContainsAny(ref, " @") {
		return fmt.Errorf("image reference %q: want NAME:TAG", ref)
	}
	img, err := Build(cfg, files...)
	if err != nil {
		return err
	}
	hexOf := func(blob []byte) string { return strings.TrimPrefix(Digest(blob), "sha256:") }
	configName := hexOf(img.Config) + ".json"
	layerName := hexOf(img.Layer) + "/layer.tar"
	manifest, err := json.Marshal([]map[string]any{{
		"Config":   configName,
		"RepoTags": []string{ref},
		"Layers":   []string{layerName},
	}})
	if err != nil {
		return fmt.Errorf("image manifest: %w", err)
	}
	return writeTar(w, []File{
		{Path: layerName, Mode: 0o644, Data: img.Layer},
		{Path: configName, Mode: 0o644, Data: img.Config},
		{Path: "manifest.json", Mode: 0o644, Data: manifest},
	})
}

func configJSON(cfg Config, diffID string) map[string]any {
	run := map[string]any{}
	set := func(key string, empty bool, value any) {
		if !empty {
			run[key] = value
		}
	}
	set("Entrypoint", len(cfg.Entrypoint) == 0, cfg.Entrypoint)
	set("Cmd", len(cfg.Cmd) == 0, cfg.Cmd)
	set("Env", len(cfg.Env) == 0, cfg.Env)
	set("User", cfg.User == "", cfg.User)
	set("WorkingDir", cfg.WorkingDir == "", cfg.WorkingDir)
	set("Labels", len(cfg.Labels) == 0, cfg.Labels)
	set("StopSignal", cfg.StopSignal == "", cfg.StopSignal)
	ports := map[string]struct{}{}
	for _, p := range cfg.ExposedPorts {
		ports[p] = struct{}{}
	}
	set("ExposedPorts", len(ports) == 0, ports)
	return map[string]any{
		"created":      time.Unix(0, 0).UTC().Format(time.RFC3339),
		"os":           orElse(cfg.OS, "linux"),
		"architecture": orElse(cfg.Architecture, "amd64"),
		"config":       run,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{diffID}},
	}
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// layerTar writes the files sorted by path, each after its parents.
func layerTar(files []File) ([]byte, error) {
	entries := map[string]File{}
	for _, f := range files {
		name := strings.TrimPrefix(path.Clean("/"+f.Path), "/")
		if name == "" {
			return nil, fmt.Errorf("file path %q names no file", f.Path)
		}
		if _, twice := entries[name]; twice {
			return nil, fmt.Errorf("file path %q is given twice", f.Path)
		}
		if f.Mode == 0 {
			f.Mode = 0o755
		}
		f.Path = name
		entries[name] = f
	}
	for _, f := range files {
		for dir := path.Dir(strings.TrimPrefix(path.Clean("/"+f.Path), "/")); dir != "."; dir = path.Dir(dir) {
			parent, ok := entries[dir]
			if ok && !parent.Mode.IsDir() {
				return nil, fmt.Errorf("file path %q lies below a file", f.Path)
			}
			if !ok {
				entries[dir] = File{Path: dir, Mode: fs.ModeDir | 0o755}
			}
		}
	}
	sorted := make([]File, 0, len(entries))
	for _, f := range entries {
		sorted = append(sorted, f)
	}
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Path < sorted[j].Path })
	var out bytes.Buffer
	if err := writeTar(&out, sorted); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeTar(w io.Writer, files []File) error {
	tw := tar.NewWriter(w)
	for _, f := range files {
		mode := int64(f.Mode.Perm())
		if f.Mode&fs.ModeSticky != 0 {
			mode |= 0o1000
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: mode, Size: int64(len(f.Data)), ModTime: time.Unix(0, 0)}
		if f.Mode.IsDir() {
			h.Typeflag, h.Name, h.Size = tar.TypeDir, f.Path+"/", 0
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("tar %s: %w", f.Path, err)
		}
		if f.Mode.IsDir() {
			continue
		}
		if _, err := tw.Write(f.Data); err != nil {
			return fmt.Errorf("tar %s: %w", f.Path, err)
		}
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("tar: %w", err)
	}
	return nil
}
