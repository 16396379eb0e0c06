package fit

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Message counts the nodes by reason in the words of the scheduler (v1.36,
// framework.FitError): of each node the first plugin that refuses.
func (v Verdict) Message() string {
	head := fmt.Sprintf("0/%d nodes are available:", len(v.Nodes))
	parts := make([]string, 0, len(v.Nodes))
	for _, s := range v.Counts() {
		if s.Nodes == 0 { // said once, before any node is looked at
			return head + " " + s.Words + "."
		}
		parts = append(parts, fmt.Sprintf("%d %s", s.Nodes, s.Words))
	}
	sort.Strings(parts)
	if len(parts) == 0 {
		return head
	}
	return head + " " + strings.Join(parts, ", ") + "."
}

// Counts says what refuses in the words of the scheduler and for how many nodes,
// the most first: of each node the first plugin that refuses. What holds whatever
// the node comes alone, with 0 nodes.
func (v Verdict) Counts() []Said {
	var inUse []Refusal
	for _, r := range v.Everywhere {
		if r.Reason != ClaimInUse {
			return []Said{{Reason: r.Reason, Words: r.words()}}
		}
		inUse = append(inUse, r)
	}
	at := map[string]int{}
	var out []Said
	for _, n := range v.Nodes {
		for _, r := range firstReasons(n.Refusals, inUse) {
			i, known := at[r.words()]
			if !known {
				i = len(out)
				at[r.words()] = i
				out = append(out, Said{Reason: r.Reason, Words: r.words(), Detail: r.resource()})
			}
			out[i].Nodes++
		}
	}
	slices.SortStableFunc(out, func(a, b Said) int {
		if a.Nodes != b.Nodes {
			return b.Nodes - a.Nodes
		}
		return strings.Compare(a.Words, b.Words)
	})
	return out
}

func (r Refusal) resource() string {
	if r.Shortage == nil {
		return ""
	}
	return string(r.Shortage.Resource)
}

// firstReasons: the scheduler stops at the first plugin that refuses a node;
// of the resources it names every one that is short. That a claim is in use it
// says of each node, behind the resources (VolumeRestrictions.Filter).
func firstReasons(all, inUse []Refusal) []Refusal {
	behind := len(all) == 0 || !slices.Contains([]Reason{Cordoned, OtherNode, Tainted, NotSelected, PortTaken, Insufficient}, all[0].Reason)
	if behind && len(inUse) > 0 {
		return inUse[:1]
	}
	if len(all) == 0 || all[0].Reason != Insufficient {
		return all[:min(len(all), 1)]
	}
	var out []Refusal
	for _, r := range all {
		if r.Reason == Insufficient {
			out = append(out, r)
		}
	}
	return out
}

// words are the scheduler's for a refusal (the ErrReason… constants of its plugins).
func (r Refusal) words() string {
	switch r.Reason {
	case Cordoned:
		return "node(s) were unschedulable"
	case OtherNode:
		return "node(s) didn't match the requested node name"
	case Tainted:
		return "node(s) had untolerated taint(s)"
	case NotSelected:
		return "node(s) didn't match Pod's node affinity/selector"
	case PortTaken:
		return "node(s) didn't have free ports for the requested pod ports"
	case Insufficient:
		if r.Shortage.Resource == "pods" {
			return "Too many pods"
		}
		return "Insufficient " + string(r.Shortage.Resource)
	case ClaimUnbound:
		return "pod has unbound immediate PersistentVolumeClaims"
	case ClaimInUse:
		return "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
	case ClaimMissing:
		return fmt.Sprintf("persistentvolumeclaim %q not found", r.Claim.Claim)
	case ClaimLost:
		return fmt.Sprintf("persistentvolumeclaim %q bound to non-existent persistentvolume %q", r.Claim.Claim, r.Claim.Volume)
	case ClaimDeleting:
		return fmt.Sprintf("persistentvolumeclaim %q is being deleted", r.Claim.Claim)
	case VolumeMissing:
		return fmt.Sprintf("persistentvolume %q not found", r.Claim.Volume)
	case VolumeElsewhere:
		return "node(s) didn't match PersistentVolume's node affinity"
	case Skewed:
		return "node(s) didn't match pod topology spread constraints"
	case NoTopologyLabel:
		return "node(s) didn't match pod topology spread constraints (missing required label)"
	case AffinityUnmet:
		return "node(s) didn't match pod affinity rules"
	case AntiAffinity:
		return "node(s) didn't match pod anti-affinity rules"
	case KeptAway:
		return "node(s) didn't satisfy existing pods anti-affinity rules"
	}
	return string(r.Reason)
}

// Said is one reason in the scheduler's own message.
type Said struct {
	// Reason is empty where the words are not known.
	Reason Reason
	// Nodes is how many it was said of; 0 where the message does not count.
	Nodes int
	// Words are the scheduler's.
	Words string
	// Detail is what the words name: the resource, the taint.
	Detail string
}

// ParseMessage takes the scheduler's message apart (the message of the
// condition PodScheduled=False): "0/3 nodes are available: 1 Insufficient cpu,
// 2 node(s) had untolerated taint {a: b}. preemption: …". all is the number of
// nodes, −1 where the message does not say it.
func ParseMessage(message string) (said []Said, all int) {
	all = -1
	if strings.Contains(message, "no nodes available to schedule pods") {
		return nil, 0
	}
	head := regexp.MustCompile(`^0/(\d+) nodes are available:?\s*`)
	if m := head.FindStringSubmatch(message); m != nil {
		all, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
	}
	message, _, _ = strings.Cut(message, ". ") // what comes behind is about preemption
	counted := regexp.MustCompile(`^(\d+) (.+)$`)
	for _, part := range splitOutside(strings.TrimSpace(message)) {
		part = strings.TrimSuffix(strings.TrimSpace(part), ".")
		if part == "" {
			continue
		}
		s := Said{Words: part}
		if m := counted.FindStringSubmatch(part); m != nil {
			s.Nodes, _ = strconv.Atoi(m[1])
			s.Words = m[2]
		}
		s.Reason, s.Detail = reasonOf(s.Words)
		said = append(said, s)
	}
	return said, all
}

// Cheapest picks the reason of the message that would be the least to lift, as
// Verdict.Nearest does with more to go by; false where no words are known.
func Cheapest(said []Said) (Said, bool) {
	var best Said
	for _, s := range said {
		if s.Reason != "" && (best.Reason == "" || s.Reason.cost() < best.Reason.cost()) {
			best = s
		}
	}
	return best, best.Reason != ""
}

// splitOutside splits at commas that are not inside braces.
func splitOutside(s string) []string {
	var out []string
	depth, from := 0, 0
	for i, r := range s {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	return append(out, s[from:])
}

// reasonOf knows the words of today's scheduler and of those before it.
func reasonOf(words string) (Reason, string) {
	if rest, ok := strings.CutPrefix(words, "Insufficient "); ok {
		return Insufficient, rest
	}
	known := []struct {
		part   string
		reason Reason
	}{
		{"Too many pods", Insufficient},
		{"were unschedulable", Cordoned},
		{"untolerated taint", Tainted}, {"had taint", Tainted},
		{"didn't match the requested node name", OtherNode},
		{"node affinity/selector", NotSelected}, {"node selector", NotSelected}, {"[NodeAffinity]", NotSelected},
		{"pod affinity terms conflict", NotSelected}, {"scheduler-enforced node affinity", NotSelected},
		{"free ports", PortTaken},
		{"topology spread constraints (missing", NoTopologyLabel}, {"topology spread constraints", Skewed},
		{"existing pods anti-affinity", KeptAway}, {"pod anti-affinity", AntiAffinity}, {"pod affinity", AffinityUnmet},
		{"unbound immediate PersistentVolumeClaims", ClaimUnbound},
		{"ReadWriteOncePod", ClaimInUse}, {"is being deleted", ClaimDeleting},
		{"non-existent persistentvolume", ClaimLost}, {"non-existent pv", VolumeMissing},
		{"PersistentVolume's node affinity", VolumeElsewhere}, {"volume node affinity", VolumeElsewhere},
		{"available volume zone", VolumeElsewhere}, {"persistent volumes to bind", VolumeElsewhere},
		{"enough free storage", VolumeElsewhere}, {"max volume count", VolumeElsewhere}, {"no available disk", VolumeElsewhere},
	}
	for _, k := range known {
		if strings.Contains(words, k.part) {
			_, detail, _ := strings.Cut(words, "{")
			if k.part == "Too many pods" {
				detail = "pods"
			}
			return k.reason, strings.Trim(detail, " {}")
		}
	}
	if strings.HasPrefix(words, "persistentvolumeclaim") && strings.HasSuffix(words, "not found") {
		return ClaimMissing, ""
	}
	if strings.HasPrefix(words, "persistentvolume ") && strings.HasSuffix(words, "not found") {
		return VolumeMissing, ""
	}
	return "", ""
}
