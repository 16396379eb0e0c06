// Package upstream holds pkg/quota against the code of Kubernetes that it
// follows, in one process beside it (see originals), which is quicker than an
// API server and so reaches more cases.
package upstream

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
)

// kase and answer are Case and Answer of the originals.
type kase struct {
	Pod        *corev1.Pod                    `json:"pod,omitempty"`
	Service    *corev1.Service                `json:"service,omitempty"`
	OldService *corev1.Service                `json:"oldService,omitempty"`
	Claim      *corev1.PersistentVolumeClaim  `json:"claim,omitempty"`
	OldClaim   *corev1.PersistentVolumeClaim  `json:"oldClaim,omitempty"`
	Devices    *resourcev1.ResourceClaim      `json:"devices,omitempty"`
	Quotas     []corev1.ResourceQuota         `json:"quotas,omitempty"`
	Ranges     []corev1.LimitRange            `json:"limitRanges,omitempty"`
	Pods       []corev1.Pod                   `json:"pods,omitempty"`
	Services   []corev1.Service               `json:"services,omitempty"`
	Claims     []corev1.PersistentVolumeClaim `json:"claims,omitempty"`
	Claimed    []resourcev1.ResourceClaim     `json:"claimed,omitempty"`
}

type answer struct {
	Refusal string                `json:"refusal"`
	Pod     *corev1.Pod           `json:"pod"`
	Usage   corev1.ResourceList   `json:"usage"`
	Matches []bool                `json:"matches"`
	Counted []corev1.ResourceList `json:"counted"`
	Sizes   *sizes                `json:"sizes"`
}

type sizes struct {
	Incoming, IncomingLimits           corev1.ResourceList
	Placed, PlacedLimits               corev1.ResourceList
	Charged, ChargedLimits             corev1.ResourceList
	SchedulerMilliCPU, SchedulerMemory int64
	QOS                                corev1.PodQOSClass
}

// originals is the running program.
type originals struct {
	mu  sync.Mutex
	in  *json.Encoder
	out *json.Decoder
}

// start builds the originals and starts them. The first build takes minutes;
// what it compiles is what the sandbox's Kubernetes is made of.
func start(t testing.TB) *originals {
	t.Helper()
	if testing.Short() {
		t.Skip("builds parts of Kubernetes")
	}
	binary := os.Getenv("MSA_ORIGINALS") // built already, for fuzzing
	if binary == "" {
		binary = filepath.Join(t.TempDir(), "originals")
		build := exec.Command("go", "build", "-C", "originals", "-o", binary, ".")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", build, err, out)
		}
	}
	cmd := exec.Command(binary)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the originals ended with: %v", err)
		}
	})
	return &originals{in: json.NewEncoder(in), out: json.NewDecoder(bufio.NewReader(out))}
}

func (o *originals) ask(c *kase) (*answer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.in.Encode(c); err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	a := &answer{}
	if err := o.out.Decode(a); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return a, nil
}
