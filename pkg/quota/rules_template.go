package quota

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// storedPod is the workload's next pod as it would be stored: with the defaults
// of the API server and of LimitRanges. False where LimitRanges could not be
// read, because they might supply what is missing.
func storedPod(space *Space, w Work) (*corev1.Pod, bool) {
	if _, unread := space.rules.Unread["LimitRange"]; unread {
		return nil, false
	}
	if p, bare := w.Object.(*corev1.Pod); bare {
		return p, true // it has them already
	}
	pod, ok := space.admissible(w).Object.(*corev1.Pod)
	return pod, ok
}

// running visits the containers that run for as long as the pod does.
func runningContainers(pod *corev1.Pod, do func(c *corev1.Container)) {
	each(pod, func(c *corev1.Container, init bool) {
		if !init || isSidecar(c) {
			do(c)
		}
	})
}

// checkRequestMissing: a container without a CPU or memory request is scheduled
// as if it needed none. Silent where the pod asks as a whole, and about init containers.
func (v *visits) checkRequestMissing(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	return v.missing(s, sc, func(c *corev1.Container) (corev1.ResourceList, string) {
		return c.Resources.Requests, "resources.requests"
	}, corev1.ResourceCPU, corev1.ResourceMemory)
}

// checkLimitMissing: a container without a memory limit can take its node's
// memory. A CPU limit is a matter of taste, so nothing is said of it.
func (v *visits) checkLimitMissing(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	return v.missing(s, sc, func(c *corev1.Container) (corev1.ResourceList, string) { return c.Resources.Limits, "resources.limits" }, corev1.ResourceMemory)
}

func (v *visits) missing(s *snapshot.Snapshot, sc *rule.Scope, listed func(*corev1.Container) (list corev1.ResourceList, path string), wanted ...corev1.ResourceName) []finding.Finding {
	var out []finding.Finding
	v.inSpaces(s, sc, func(space *Space, w Work) {
		pod, ok := storedPod(space, w)
		if !ok || hasPodLevel(pod) {
			return
		}
		f := finding.Finding{Object: w.Ref, Args: workArgs(w)}
		var containers, fields []string
		lacking := map[corev1.ResourceName][]string{}
		runningContainers(pod, func(c *corev1.Container) {
			had := len(f.Evidence)
			list, path := listed(c)
			for _, name := range wanted {
				if _, said := list[name]; !said {
					lacking[name] = append(lacking[name], c.Name)
					f.Evidence = append(f.Evidence, finding.Evidence{Object: w.Ref.String(), Path: fieldIn(c, path+"."+string(name)), Value: "not set"})
				}
			}
			if len(f.Evidence) > had {
				containers = append(containers, c.Name)
			}
		})
		if len(containers) == 0 {
			return
		}
		for _, name := range wanted {
			switch of := lacking[name]; len(of) {
			case 0:
			case len(containers):
				fields = append(fields, string(name))
			default:
				fields = append(fields, string(name)+" ("+strings.Join(of, ", ")+")")
			}
		}
		f.Args["containers"], f.Args["fields"], f.Args["n"] = strings.Join(containers, ", "), strings.Join(fields, ", "), len(containers)
		out = append(out, f)
	})
	return out
}

// fieldIn is the path of a field of a container in a pod's spec.
func fieldIn(c *corev1.Container, field string) string {
	if isSidecar(c) {
		return "initContainers[" + c.Name + "]." + field
	}
	return "containers[" + c.Name + "]." + field
}

func workArgs(w Work) map[string]any {
	return map[string]any{"object": w.Ref.String(), "namespace": w.Ref.Namespace, "name": w.Ref.Name, "kind": w.Ref.Kind}
}

// checkPodLevelMemory: once the pod as a whole says anything, the kubelet looks
// at that alone when it ranks pods for eviction (pkg/api/v1/resource/helpers.go):
// a pod that says only CPU as a whole has a memory request of zero there.
func checkPodLevelMemory(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, w := range works(s, sc) {
		pod := w.Pod(0)
		if !hasPodLevel(pod) {
			continue
		}
		whole := pod.Spec.Resources
		if has(isMemory, whole.Requests, whole.Limits) || len(whole.Limits) > 0 { // with limits the sum of the containers is filled in
			continue
		}
		own := aggregate(pod, requestsOf)[corev1.ResourceMemory]
		if own.IsZero() {
			continue
		}
		f := finding.Finding{Object: w.Ref, Args: workArgs(w)}
		f.Args["memory"] = fit.Human(corev1.ResourceMemory, own, true)
		f.Evidence = []finding.Evidence{
			{Object: w.Ref.String(), Path: "spec.resources.requests", Value: printed(whole.Requests)},
			{Object: w.Ref.String(), Path: "memory requests of the containers", Value: fit.Human(corev1.ResourceMemory, own, true)},
		}
		out = append(out, f)
	}
	return out
}

func isMemory(name corev1.ResourceName) bool { return name == corev1.ResourceMemory }

// checkGuaranteedBroken: every container is written to be Guaranteed, and one
// init container or sidecar makes the whole pod Burstable.
func checkGuaranteedBroken(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, w := range works(s, sc) {
		pod := w.Pod(0)
		pod.Status.QOSClass = ""
		applyDefaults(pod)
		if hasPodLevel(pod) || QoS(pod) != corev1.PodQOSBurstable || len(pod.Spec.InitContainers) == 0 {
			continue
		}
		alone := pod.DeepCopy()
		alone.Spec.InitContainers = nil
		if QoS(alone) != corev1.PodQOSGuaranteed {
			continue
		}
		var culprits []string
		for i := range pod.Spec.InitContainers {
			c := &pod.Spec.InitContainers[i]
			one := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{*c}}}
			if QoS(one) != corev1.PodQOSGuaranteed {
				culprits = append(culprits, c.Name)
			}
		}
		f := finding.Finding{Object: w.Ref, Args: workArgs(w)}
		f.Args["containers"] = strings.Join(culprits, ", ")
		for _, c := range culprits {
			f.Evidence = append(f.Evidence, finding.Evidence{Object: w.Ref.String(), Path: "initContainers[" + c + "].resources", Value: "CPU and memory limits equal to the requests are not both there"})
		}
		out = append(out, f)
	}
	return out
}

// The heap settings of runtimes, with the unit that a bare number has.
var (
	javaHeap = regexp.MustCompile(`(?:^|[\s=])-Xmx(\d+)([kKmMgGtT]?)(?:\s|$)`)
	nodeHeap = regexp.MustCompile(`--max[-_]old[-_]space[-_]size[= ](\d+)`)
	goHeap   = regexp.MustCompile(`^(\d+)(B|KiB|MiB|GiB|TiB)?$`)
)

// checkRuntimeHeap: a heap that may grow to the container's memory limit or
// above it, so that the kernel kills the process before its own collector acts.
func (v *visits) checkRuntimeHeap(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	v.inSpaces(s, sc, func(space *Space, w Work) {
		pod, ok := storedPod(space, w)
		if !ok {
			return
		}
		runningContainers(pod, func(c *corev1.Container) {
			limit, limited := c.Resources.Limits[corev1.ResourceMemory]
			if !limited {
				return
			}
			for _, h := range heaps(c) {
				if h.bytes < limit.Value() {
					continue
				}
				object := w.Ref
				object.Container = c.Name
				f := finding.Finding{Object: object, Args: workArgs(w)}
				f.Args["container"], f.Args["setting"], f.Args["limit"] = c.Name, h.text, fit.Human(corev1.ResourceMemory, limit, false)
				f.Args["heap"] = fit.Human(corev1.ResourceMemory, *resource.NewQuantity(h.bytes, resource.BinarySI), true)
				f.Evidence = []finding.Evidence{
					{Object: w.Ref.String(), Path: h.path, Value: h.text},
					{Object: w.Ref.String(), Path: "containers[" + c.Name + "].resources.limits.memory", Value: limit.String()},
				}
				out = append(out, f)
			}
		})
	})
	return out
}

// heap is a heap setting found in a container.
type heap struct {
	path, text string
	bytes      int64
}

func heaps(c *corev1.Container) []heap {
	var out []heap
	look := func(path, text string) {
		if m := javaHeap.FindStringSubmatch(text); m != nil {
			out = append(out, heap{path, "-Xmx" + m[1] + m[2], bytesOf(m[1], m[2])})
		}
		if m := nodeHeap.FindStringSubmatch(text); m != nil {
			out = append(out, heap{path, "--max-old-space-size=" + m[1], bytesOf(m[1], "m")})
		}
	}
	for i, arg := range append(append([]string{}, c.Command...), c.Args...) {
		look(fmt.Sprintf("containers[%s] argument %d", c.Name, i+1), arg)
	}
	for _, e := range c.Env {
		look("containers["+c.Name+"].env."+e.Name, e.Value)
		if m := goHeap.FindStringSubmatch(e.Value); e.Name == "GOMEMLIMIT" && m != nil {
			out = append(out, heap{"containers[" + c.Name + "].env." + e.Name, "GOMEMLIMIT=" + e.Value, bytesOf(m[1], strings.TrimSuffix(strings.TrimSuffix(m[2], "B"), "i"))})
		}
	}
	return out
}

// bytesOf reads a number with a unit of 1024: "512", "m".
func bytesOf(number, unit string) int64 {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0
	}
	shift := map[string]uint{"k": 10, "m": 20, "g": 30, "t": 40}[strings.ToLower(unit)]
	if n > 1<<62>>shift {
		return 0
	}
	return n << shift
}

// checkTooBig: no node could hold the pod if it were empty. Nodes that the pod
// does not select are left out; silent where nodes could not be read or there are none.
func (v *visits) checkTooBig(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	nodes, a := snapshot.List[*corev1.Node](s, "", nil)
	if a.State != snapshot.Present || len(nodes) == 0 {
		return nil
	}
	empty := fit.NewCluster(nodes, fit.Facts{})
	var out []finding.Finding
	v.inSpaces(s, sc, func(space *Space, w Work) {
		if b, bare := w.Object.(*corev1.Pod); bare && b.Spec.NodeName != "" {
			return
		}
		pod, ok := space.admissible(w).Object.(*corev1.Pod)
		if !ok || w.Ref.Kind == "DaemonSet" || w.Ref.Kind == "Job" {
			return
		}
		judged := empty.Judge(withoutVolumes(pod))
		key, asked, most, all := tooBig(judged)
		if !all {
			return
		}
		f := finding.Finding{Object: w.Ref, Args: workArgs(w)}
		f.Args["key"], f.Args["asked"], f.Args["most"], f.Args["message"] = string(key), fit.Human(key, asked, true), fit.Human(key, most, false), judged.Message()
		for i, n := range judged.Nearest() {
			if i < 3 {
				f.Evidence = append(f.Evidence, finding.Evidence{Object: "node/" + n.Node, Path: "", Value: n.String()})
			}
		}
		out = append(out, f)
	})
	return out
}

// withoutVolumes: where volumes are has nothing to do with size.
func withoutVolumes(pod *corev1.Pod) *corev1.Pod {
	out := pod.DeepCopy()
	out.Spec.Volumes = nil
	return out
}
