// Command images writes the container images of the shop as one docker-archive.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/images"
)

func main() {
	dir := flag.String("o", "", "directory that takes shop.tar; empty prints the path in the cache")
	source := flag.String("src", ".", "directory of the shop's module")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *source, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, source, dir string) error {
	if _, err := os.Stat(filepath.Join(source, "cmd", "shop")); err != nil {
		return fmt.Errorf("%s is not the shop's module; use -src, or go run -C sandbox/shop ./cmd/images: %w", source, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	b := images.Builder{Source: source, Cache: filepath.Join(cache, "kubectl-msa", "images"), Arch: runtime.GOARCH}
	archive, built, err := b.Archive(ctx)
	if err != nil {
		return err
	}
	state := map[bool]string{true: "built", false: "cached"}[built]
	if dir == "" {
		fmt.Fprintln(os.Stderr, state)
		fmt.Println(archive)
		return nil
	}
	to := filepath.Join(dir, "shop.tar")
	wrote, err := images.Place(archive, to)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s, %s\n", state, map[bool]string{true: "written", false: "unchanged"}[wrote])
	fmt.Println(to)
	return nil
}
