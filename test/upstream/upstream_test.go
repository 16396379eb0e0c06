// Package upstream holds pkg/quota against the code of Kubernetes that it
// follows, in one process beside it (see originals), which is quicker than an
// API server and so reaches more cases.
package upstream

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"

	"github.com/kubectl-msa/kubectl-msa/test/upstream/oracle"
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
	Classes    []resourcev1.DeviceClass       `json:"classes,omitempty"`
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

// start builds the originals and starts them. What is compiled for them is what
// the sandbox's Kubernetes is made of.
func start(t testing.TB) *originals {
	t.Helper()
	binary := os.Getenv("MSA_ORIGINALS") // built already, for fuzzing
	if binary == "" {
		binary = oracle.Build(t, "originals")
	}
	in, out := oracle.Start(t, binary)
	return &originals{in: json.NewEncoder(in), out: json.NewDecoder(out)}
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
