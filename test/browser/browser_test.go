// Package browser_test opens in a real browser what people open there: the
// pages that the tool writes. It is a module of its own: nothing else needs a browser.
package browser_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is for a browser that starts on a busy machine.
const patience = 2 * time.Minute

// bin is the tool under test, built by the first test.
var bin = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "msa-browser")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "kubectl-msa")
	build := exec.Command("go", "build", "-o", path, "./cmd/kubectl-msa")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := bin(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// chromium finds the browser. Where it is missing the tests are skipped; in CI, which installs it, they fail.
func chromium(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") != "":
		t.Fatal("there is no chromium on PATH")
	default:
		t.Skip("there is no chromium on PATH: the pages were not opened")
	}
	return ""
}

// tab is one page in a browser.
type tab struct {
	*testing.T
	ctx context.Context

	mu sync.Mutex
	// asked are the addresses that the page asked for, itself included; said is what it wrote to the console, errors too.
	asked, said []string
}

// open shows a page in a window of this size.
func open(t *testing.T, page string, width, height int) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(width, height), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(patience))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx}
	chromedp.ListenTarget(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			b.asked = append(b.asked, e.Request.URL)
		case *runtime.EventConsoleAPICalled:
			b.said = append(b.said, string(e.Type))
		case *runtime.EventExceptionThrown:
			b.said = append(b.said, e.ExceptionDetails.Error())
		}
	})
	if err := chromedp.Run(ctx, network.Enable(), chromedp.EmulateViewport(int64(width), int64(height)), chromedp.Navigate("file://"+page), chromedp.WaitReady("body")); err != nil {
		t.Fatalf("open %s: %v", page, err)
	}
	return b
}

// eval runs JavaScript that gives a value.
func eval[T any](b *tab, script string) T {
	b.Helper()
	var v T
	if err := chromedp.Run(b.ctx, chromedp.Evaluate(script, &v)); err != nil {
		b.Fatalf("%s: %v", script, err)
	}
	return v
}

// picture takes a screenshot of the whole page. With MSA_SCREENSHOTS it is kept in that folder, for people.
func (b *tab) picture(name string) image.Image {
	b.Helper()
	var png []byte
	if err := chromedp.Run(b.ctx, chromedp.FullScreenshot(&png, 100)); err != nil {
		b.Fatalf("screenshot: %v", err)
	}
	if dir := os.Getenv("MSA_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
			b.Error(err)
		}
	}
	img, _, err := image.Decode(bytes.NewReader(png))
	if err != nil {
		b.Fatalf("screenshot: %v", err)
	}
	return img
}

// write runs the tool and keeps what it writes as a page.
func write(t *testing.T, args ...string) string {
	t.Helper()
	path, err := bin()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(page, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return page
}
