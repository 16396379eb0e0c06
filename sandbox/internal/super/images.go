package super

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/sandbox/image"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/build"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
)

// ImportArgs are ctr's arguments to load an image archive from its standard
// input. The socket's path depends on who asks.
func ImportArgs(socket, snapshotter string) []string {
	return []string{"--address", socket, "--namespace", "k8s.io", "images", "import", "--local", "--snapshotter", snapshotter, "-"}
}

func (s *supervisor) pauseImage() (image.Image, error) {
	program, err := os.ReadFile(s.spec.Bin(build.Pause, "pause"))
	if err != nil {
		return image.Image{}, fmt.Errorf("pause image: %w", err)
	}
	return image.Build(pauseConfig(), image.File{Path: "/pause", Data: program})
}

func pauseConfig() image.Config {
	return image.Config{Entrypoint: []string{"/pause"}, User: "65535:65535", Architecture: runtime.GOARCH}
}

func (s *supervisor) importPause(ctx context.Context) error {
	return s.importImage(ctx, plan.PauseImage, pauseConfig(), s.spec.Bin(build.Pause, "pause"))
}

func (s *supervisor) importCoreDNS(ctx context.Context) error {
	cfg := image.Config{Entrypoint: []string{"/coredns"}, Architecture: runtime.GOARCH}
	return s.importImage(ctx, s.spec.CoreDNSImage(), cfg, s.spec.Bin(build.CoreDNS, "coredns"))
}

// importImage makes an image of one static program and loads it.
func (s *supervisor) importImage(ctx context.Context, ref string, cfg image.Config, program string) error {
	body, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("image %s: %w", ref, err)
	}
	archive, feed := io.Pipe()
	go func() {
		feed.CloseWithError(image.Write(feed, ref, cfg, image.File{Path: cfg.Entrypoint[0], Data: body}))
	}()
	cmd := exec.CommandContext(ctx, s.spec.Bin(build.Containerd, "ctr"), ImportArgs(plan.ContainerdSocket, s.host.Snapshotter)...)
	cmd.Stdin = archive
	out, err := s.procs.output(cmd)
	archive.Close()
	if err != nil {
		return fmt.Errorf("image %s: %w: %s", ref, err, strings.TrimSpace(string(out)))
	}
	s.status.step("image " + ref + " loaded")
	return nil
}
