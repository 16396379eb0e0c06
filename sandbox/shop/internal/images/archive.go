// Package images makes the container images of the shop: one static binary,
// and a config per image that says which service it starts.
package images

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/sandbox/image"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/services"
)

// Spec is one image.
type Spec struct {
	// Ref is its name and tag.
	Ref    string
	Config image.Config
}

// Specs returns all images: three versions of each service, which differ in
// what they say they are, and the tools.
func Specs(arch string) []Spec {
	var specs []Spec
	add := func(name, version string, entrypoint ...string) {
		specs = append(specs, Spec{Ref: "shop/" + name + ":" + version, Config: image.Config{
			Entrypoint:   entrypoint,
			Env:          []string{"SHOP_VERSION=" + version, "PATH=/"},
			User:         "65532:65532",
			StopSignal:   "SIGTERM",
			Architecture: arch,
			Labels:       map[string]string{"org.opencontainers.image.title": "shop/" + name, "org.opencontainers.image.version": version},
		}})
	}
	for _, name := range services.Names() {
		for _, version := range []string{"v1", "v2", "v3"} {
			add(name, version, "/shop", name)
		}
	}
	add("tools", "v1", "/shop")
	return specs
}

// Files returns what every image holds.
func Files(binary []byte) []image.File {
	return []image.File{
		{Path: "/shop", Mode: 0o755, Data: binary},
		{Path: "/etc/passwd", Mode: 0o644, Data: []byte("root:x:0:0:root:/:\nshop:x:65532:65532:shop:/:\n")},
		{Path: "/etc/group", Mode: 0o644, Data: []byte("root:x:0:\nshop:x:65532:\n")},
		{Path: "/tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}
}

// Write writes one docker-archive with all the images; the layer that they
// share is in it once. The same binary and specs give the same bytes.
func Write(w io.Writer, binary []byte, specs []Spec) error {
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	tw := tar.NewWriter(w)
	hexOf := func(blob []byte) string { return strings.TrimPrefix(image.Digest(blob), "sha256:") }
	var manifest []entry
	written := map[string]bool{}
	put := func(name string, data []byte) error {
		if written[name] {
			return nil
		}
		written[name] = true
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err := tw.Write(data)
		return err
	}
	for _, spec := range specs {
		img, err := image.Build(spec.Config, Files(binary)...)
		if err != nil {
			return fmt.Errorf("%s: %w", spec.Ref, err)
		}
		e := entry{Config: hexOf(img.Config) + ".json", RepoTags: []string{spec.Ref}, Layers: []string{hexOf(img.Layer) + "/layer.tar"}}
		if err := put(e.Layers[0], img.Layer); err != nil {
			return fmt.Errorf("%s: layer: %w", spec.Ref, err)
		}
		if err := put(e.Config, img.Config); err != nil {
			return fmt.Errorf("%s: config: %w", spec.Ref, err)
		}
		manifest = append(manifest, e)
	}
	index, err := json.Marshal(manifest)
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if err := put("manifest.json", index); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	return tw.Close()
}
