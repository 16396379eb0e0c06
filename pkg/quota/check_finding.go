package quota

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// verdict is a refusal with what it takes to explain it.
type verdict struct {
	of   snapshot.Object
	work Work
	out  Outcome
	// space is the namespace now, before as it was when the first pod came.
	space, before *Space
	// pods are asked for, allowed of them let in, had of them there already.
	pods, allowed, had int
	// surge is how many pods an update has beyond those that are there at its
	// busiest; stalls says that it cannot even begin.
	surge  int
	stalls bool
	// itself says that what is refused is the workload, or what stands between it
	// and its pods, and no pod.
	itself bool
	// waiting are pods that have no claim for devices yet, by the claim's name.
	waiting map[string]int
}

// report notes a refusal.
func (c *checker) report(v verdict) { c.found = append(c.found, v.finding()) }

// finding turns a refusal into a finding.
func (v verdict) finding() finding.Finding {
	r := v.out.Refusals[0]
	ref := rule.RefTo(v.of)
	f := finding.Finding{Object: ref, Confidence: finding.Certain}
	f.Args = map[string]any{
		"object": ref.String(), "kind": ref.Kind, "name": ref.Name, "namespace": ref.Namespace, "message": r.Message, "reason": r.Reason(),
		"by": r.Name, "pods": v.pods, "allowed": v.allowed, "had": v.had, "workload": v.work.Template != nil && !v.itself, "inside": v.before != nil,
	}
	switch r.Cause {
	case Exceeded:
		v.exceeded(&f, r)
	case Unspecified:
		v.unspecified(&f, r)
	case OutOfRange:
		outOfRangeFinding(&f, r)
	case Invalid:
		v.invalid(&f, r)
	case StatusUnknown:
		f.Rule, f.Via = "quota/not-counted", []finding.Ref{quotaRef(ref, r.Name)}
	case ClassMissing, ClassMismatch:
		f.Rule = "quota/class-missing"
		f.Args["missing"] = r.Cause == ClassMissing
	case NamespaceMissing:
		f.Rule = "quota/namespace-missing"
		f.Args["gone"] = strings.HasSuffix(r.Message, "not found")
	case KindNotServed:
		f.Rule = "quota/kind-not-served"
		f.Args["group"], _, _ = strings.Cut(r.Name, "/")
	case Unmodelled:
		f.Rule = "quota/refused-otherwise"
		f.Args["short"] = shortened(r.Reason())
		f.Args["alone"] = len(v.out.Refusals) == 1
	}
	if v.out.unsure() {
		f.Confidence, f.Severity = finding.Possible, finding.Warning
	}
	said := "what the API server would say"
	switch r.Cause {
	case Unmodelled:
		said = "what the API server said"
	case KindNotServed:
		said = "what kubectl would say"
	default:
	}
	f.Evidence = append(f.Evidence, finding.Evidence{Object: ref.String(), Path: said, Value: r.Message})
	for _, more := range v.out.Refusals[1:] {
		f.Evidence = append(f.Evidence, finding.Evidence{Object: ref.String(), Path: "or what the API server would say", Value: more.Message})
	}
	return f
}

// shortened is the beginning of a reason that lists many things.
func shortened(reason string) string {
	const most = 100
	if len(reason) <= most {
		return reason
	}
	cut := reason[:most]
	for _, sep := range []string{": ", ", ", " "} {
		if i := strings.LastIndex(cut, sep); i > most/3 {
			return strings.ToValidUTF8(cut[:i], "") + " ..."
		}
	}
	return strings.ToValidUTF8(cut, "") + "..."
}

func quotaRef(of finding.Ref, name string) finding.Ref {
	return finding.Ref{Kind: "ResourceQuota", Namespace: of.Namespace, Name: name}
}

// exceeded names the resource that is short, what is left, and what all of it takes.
func (v verdict) exceeded(f *finding.Finding, r Refusal) {
	f.Rule, f.Via = "quota/exceeded", []finding.Ref{quotaRef(f.Object, r.Name)}
	if v.surge > 0 {
		f.Rule, f.Severity = "quota/surge-exceeds", finding.Warning
		if v.stalls {
			f.Severity = finding.Error
		}
	}
	key := r.Resources[0]
	one, used, hard := r.Requested[key], r.Used[key], r.Hard[key]
	if v.before != nil {
		for _, l := range v.before.ledgers {
			if l.quota.Name == r.Name {
				used = l.used[key]
			}
		}
	}
	n := v.pods
	switch {
	case v.itself, v.stalls:
		n = 1
	case v.surge > 0:
		n = v.surge
	case v.had > 0 && v.before != nil && v.allowed >= v.had:
		n = v.pods - v.had
	default:
	}
	n = max(n, 1)
	left, needs := hard.DeepCopy(), used.DeepCopy()
	left.Sub(used)
	needs.Add(*product(one, int64(n)))
	human := func(q resource.Quantity, up bool) string { return fit.Human(plain(key), q, up) }
	f.Args["quota"], f.Args["key"], f.Args["keys"] = r.Name, string(key), printedNames(r.Resources)
	f.Args["one"], f.Args["used"], f.Args["hard"], f.Args["left"] = human(one, true), human(used, true), human(hard, false), human(left, false)
	f.Args["needs"], f.Args["raise"] = human(needs, true), needs.String()
	f.Args["surge"], f.Args["stalls"], f.Args["late"] = v.surge, v.stalls, v.stalls && v.allowed > 0
	f.Args["each"], f.Args["scalable"] = share(key, left, n), v.work.Template != nil && !v.itself && v.work.Ref.Kind != "Pod" && v.work.Ref.Kind != "DaemonSet"
	f.Args["devices"] = waitsForDevices(v.work, r)
	for _, name := range r.Resources {
		u, h := r.Used[name], r.Hard[name]
		if name == key {
			u = used
		}
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.Via[0].String(), Path: "status.used." + string(name), Value: fit.Human(plain(name), u, true) + " of " + fit.Human(plain(name), h, false)})
	}
}

// share is what each of n pods may ask for so that all fit; empty where that is nothing.
func share(key corev1.ResourceName, left resource.Quantity, n int) string {
	name := plain(key)
	if left.Sign() <= 0 || !isContainerResource(name) {
		return ""
	}
	if name == corev1.ResourceCPU {
		if each := left.MilliValue() / int64(n); each > 0 {
			return resource.NewMilliQuantity(each, resource.DecimalSI).String()
		}
		return ""
	}
	if each := left.Value() / int64(n); each >= 1<<20 {
		return fit.Human(name, *resource.NewQuantity(each, resource.BinarySI), false)
	}
	return ""
}

// plain is the resource that a quota's name is about: "requests.memory" is memory.
func plain(name corev1.ResourceName) corev1.ResourceName {
	for _, prefix := range []string{"requests.", "limits."} {
		if rest, ok := strings.CutPrefix(string(name), prefix); ok {
			if rest == string(corev1.ResourceStorage) {
				return corev1.ResourceEphemeralStorage // bytes as well
			}
			return corev1.ResourceName(rest)
		}
	}
	if strings.HasSuffix(string(name), storageClassSuffix+string(corev1.ResourceRequestsStorage)) {
		return corev1.ResourceEphemeralStorage
	}
	return name
}

// unspecified lists the fields that are to be set.
func (v verdict) unspecified(f *finding.Finding, r Refusal) {
	f.Rule, f.Via = "quota/requires-key", []finding.Ref{quotaRef(f.Object, r.Name)}
	var fields, containers []string
	for _, m := range r.Missing {
		fields = append(fields, fieldOf(m.Resource))
		for _, c := range m.Containers {
			if !slices.Contains(containers, c) {
				containers = append(containers, c)
			}
		}
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.Via[0].String(), Path: "status.hard." + string(m.Resource), Value: "not set by " + strings.Join(m.Containers, ", ")})
	}
	fields = slices.Compact(fields)
	f.Args["quota"], f.Args["keys"], f.Args["fields"], f.Args["containers"] = r.Name, printedNames(r.Resources), strings.Join(fields, ", "), strings.Join(containers, ", ")
	f.Args["n"], f.Args["unread"] = len(containers), v.out.unsure()
}

// fieldOf is the field of a container that a quota's name stands for.
func fieldOf(name corev1.ResourceName) string {
	if strings.HasPrefix(string(name), "limits.") {
		return "resources.limits." + string(plain(name))
	}
	return "resources.requests." + string(plain(name))
}

func outOfRangeFinding(f *finding.Finding, r Refusal) {
	f.Rule = "quota/limitrange-violation"
	f.Via = []finding.Ref{{Kind: "LimitRange", Namespace: f.Object.Namespace, Name: r.Name}}
	first := r.Breaches[0]
	f.Object.Container = first.Container
	f.Args["limitrange"], f.Args["key"], f.Args["bound"], f.Args["limit"] = r.Name, string(first.Resource), string(first.Bound), first.Limit.String()
	f.Args["container"], f.Args["missing"], f.Args["claim"] = first.Container, first.Missing, first.Type == corev1.LimitTypePersistentVolumeClaim
	f.Args["more"] = len(r.Breaches) - 1
	for _, b := range r.Breaches {
		f.Evidence = append(f.Evidence, finding.Evidence{
			Object: f.Via[0].String(), Path: fmt.Sprintf("spec.limits[%s].%s.%s", b.Type, b.Bound, b.Resource), Value: b.Limit.String(),
		})
	}
}

var containerPath = regexp.MustCompile(`(containers|initContainers)\[(\d+)\]`)

// invalid tells a limit that a LimitRange handed out from one that was written.
func (v verdict) invalid(f *finding.Finding, r Refusal) {
	f.Rule = "quota/invalid-resources"
	pod, _ := v.out.Object.(*corev1.Pod)
	if pod == nil {
		pod = v.work.Pod(0)
	}
	for _, e := range r.Fields {
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.Object.String(), Path: e.Path, Value: e.Why})
	}
	first := r.Fields[0]
	container := containerAt(&pod.Spec, first.Path)
	f.Object.Container = container
	f.Args["container"], f.Args["path"], f.Args["why"], f.Args["limitrange"], f.Args["key"] = container, first.Path, first.Why, "", ""
	if len(r.Resources) == 0 {
		return
	}
	key := r.Resources[0]
	f.Args["key"] = string(key)
	for _, filled := range v.out.Filled {
		if filled.Container == container && slices.Contains(filled.Limits, key) {
			f.Rule, f.Args["limitrange"] = "quota/limitrange-hidden-default", filled.LimitRange
			f.Via = []finding.Ref{{Kind: "LimitRange", Namespace: f.Object.Namespace, Name: filled.LimitRange}}
		}
	}
	if f.Rule == "quota/invalid-resources" && strings.Contains(first.Why, "must be less than or equal to") {
		f.Rule = "quota/limit-below-request"
	}
	request, limit := amountsOf(&pod.Spec, container, key)
	f.Args["request"], f.Args["limit"] = request, limit
}

func containerAt(spec *corev1.PodSpec, path string) string {
	m := containerPath.FindStringSubmatch(path)
	if m == nil {
		return ""
	}
	list := spec.Containers
	if m[1] == "initContainers" {
		list = spec.InitContainers
	}
	if i, err := strconv.Atoi(m[2]); err == nil && i < len(list) {
		return list[i].Name
	}
	return ""
}

// amountsOf are a container's request and limit of a resource, or the pod's as a whole.
func amountsOf(spec *corev1.PodSpec, container string, key corev1.ResourceName) (request, limit string) {
	of := corev1.ResourceRequirements{}
	if spec.Resources != nil {
		of = *spec.Resources
	}
	each(&corev1.Pod{Spec: *spec}, func(c *corev1.Container, _ bool) {
		if c.Name == container {
			of = c.Resources
		}
	})
	r, l := of.Requests[key], of.Limits[key]
	return r.String(), l.String()
}

// reportRoom: the pods would be let in, and no node has room for all of them.
func (c *checker) reportRoom(w Work, n, placed int, failed fit.Verdict) {
	c.found = append(c.found, noRoom(w.Ref, n, placed, len(c.pending), failed))
}

// noRoom says that of so many new pods only some have a place; waiting are those
// of others that want one too.
func noRoom(of finding.Ref, n, placed, waiting int, failed fit.Verdict) finding.Finding {
	f := finding.Finding{Rule: "quota/no-room", Object: of, Confidence: finding.Likely}
	f.Args = map[string]any{
		"object": of.String(), "namespace": of.Namespace, "pods": n, "placed": placed, "nodes": len(failed.Nodes), "there": false,
		"message": failed.Message(), "waiting": waiting, "key": "", "asked": "", "change": "", "most": "",
	}
	if change, ok := failed.SmallestChange(); ok {
		f.Args["change"] = change.String()
	}
	if key, asked, most, tooBig := tooBig(failed); tooBig && placed == 0 {
		f.Rule, f.Confidence = "quota/too-big-for-any-node", finding.Certain
		f.Args["key"], f.Args["asked"], f.Args["most"] = string(key), fit.Human(key, asked, true), fit.Human(key, most, false)
	}
	for i, node := range failed.Nearest() {
		if i < 3 {
			f.Evidence = append(f.Evidence, finding.Evidence{Object: "node/" + node.Node, Path: "", Value: node.String()})
		}
	}
	if len(failed.NotModelled) > 0 {
		f.Confidence = finding.Possible
	}
	return f
}

// tooBig says that every node would be too small even if it were empty, and
// which resource is the reason.
func tooBig(v fit.Verdict) (key corev1.ResourceName, asked, most resource.Quantity, all bool) {
	for _, n := range v.Nodes {
		found := false
		for _, r := range n.Refusals {
			if r.Reason == fit.Insufficient && r.Shortage.TooBig() {
				found = true
				if r.Shortage.Allocatable.Cmp(most) >= 0 {
					key, asked, most = r.Shortage.Resource, r.Shortage.Asked, r.Shortage.Allocatable
				}
				break
			}
		}
		if !found {
			return "", asked, most, false
		}
	}
	return key, asked, most, len(v.Nodes) > 0
}
