// Command originals answers, with the code of Kubernetes itself, what pkg/quota
// answers with its own: one case for each line of standard input, one answer for
// each line of standard output, both JSON. It is a module of its own because
// k8s.io/kubernetes can be required only with its staging modules replaced.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
)

// Case is one object before the rules of its namespace.
type Case struct {
	// Pod, Service, Claim or Devices is sent; Old is what a Service or claim was before.
	Pod        *corev1.Pod                   `json:"pod,omitempty"`
	Service    *corev1.Service               `json:"service,omitempty"`
	OldService *corev1.Service               `json:"oldService,omitempty"`
	Claim      *corev1.PersistentVolumeClaim `json:"claim,omitempty"`
	OldClaim   *corev1.PersistentVolumeClaim `json:"oldClaim,omitempty"`
	Devices    *resourcev1.ResourceClaim     `json:"devices,omitempty"`

	Quotas      []corev1.ResourceQuota `json:"quotas,omitempty"`
	LimitRanges []corev1.LimitRange    `json:"limitRanges,omitempty"`
	// Objects are those that quotas are to count.
	Pods     []corev1.Pod                   `json:"pods,omitempty"`
	Services []corev1.Service               `json:"services,omitempty"`
	Claims   []corev1.PersistentVolumeClaim `json:"claims,omitempty"`
	Claimed  []resourcev1.ResourceClaim     `json:"claimed,omitempty"`
	// Classes are the cluster's.
	Classes []resourcev1.DeviceClass `json:"classes,omitempty"`
}

// Answer is what Kubernetes says of a case.
type Answer struct {
	// Refusal is the message of the API server, empty where the object is let in.
	Refusal string `json:"refusal,omitempty"`
	// Pod is the pod as it would be stored and read again.
	Pod *corev1.Pod `json:"pod,omitempty"`
	// Usage is what the object counts for in quotas.
	Usage corev1.ResourceList `json:"usage,omitempty"`
	// Matches says of each quota whether it counts the object.
	Matches []bool `json:"matches,omitempty"`
	// Counted is, for each quota, what the objects of the case add up to.
	Counted []corev1.ResourceList `json:"counted,omitempty"`
	Sizes   *Sizes                `json:"sizes,omitempty"`
}

// Sizes are the effective requests and limits of the pod by those who count it.
type Sizes struct {
	Incoming, IncomingLimits corev1.ResourceList
	Placed, PlacedLimits     corev1.ResourceList
	Charged, ChargedLimits   corev1.ResourceList
	// Scheduler is what the scheduler's own books say of a pod on a node, in its units.
	SchedulerMilliCPU, SchedulerMemory int64
	QOS                                corev1.PodQOSClass
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "originals:", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	decoder, w := json.NewDecoder(bufio.NewReaderSize(in, 1<<20)), bufio.NewWriter(out)
	encoder := json.NewEncoder(w)
	for {
		var c Case
		if err := decoder.Decode(&c); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a case: %w", err)
		}
		a, err := answer(&c)
		if err != nil {
			return err
		}
		if err := encoder.Encode(a); err != nil {
			return fmt.Errorf("write an answer: %w", err)
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("write an answer: %w", err)
		}
	}
}
