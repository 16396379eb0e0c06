package inspect

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// OutsideKind stands for an address that is no object of the cluster.
const OutsideKind = "IP"

// TrafficQuery asks whether traffic passes from one end to another.
type TrafficQuery struct {
	From, To finding.Ref
	// Port is that of the pod, or of the Service where To is one; the zero Port is each that is declared.
	Port policy.Port
}

// TrafficReport is the answer.
type TrafficReport struct {
	finding.Report
	From finding.Ref `json:"from"`
	To   finding.Ref `json:"to"`
	// Passes is the answer over all ports and pods: "no" where none passes, "partly" where some do.
	Passes  policy.Answer `json:"passes"`
	Traffic []Passage     `json:"traffic"`
	// Notes are what the answer rests on.
	Notes []string `json:"notes"`
}

// Base gives the part that every report has.
func (r TrafficReport) Base() finding.Report { return r.Report }

// Passage is the answer for one port and all pairs of pods for which it is the same.
type Passage struct {
	// Port is empty for any.
	Port   string        `json:"port"`
	Passes policy.Answer `json:"passes"`
	// From and To are one pair, Pairs how many there are.
	From   finding.Ref      `json:"from"`
	To     finding.Ref      `json:"to"`
	Pairs  int              `json:"pairs"`
	Exempt policy.Exemption `json:"exempt,omitempty"`
	// Doubt is why the answer is unknown although both sides have one.
	Doubt   policy.Doubt `json:"doubt,omitempty"`
	Egress  PassageSide  `json:"egress"`
	Ingress PassageSide  `json:"ingress"`
}

// PassageSide is the answer of one direction.
type PassageSide struct {
	Passes   policy.Answer   `json:"passes"`
	Isolated bool            `json:"isolated"`
	Doubt    policy.Doubt    `json:"doubt,omitempty"`
	Policies []PassagePolicy `json:"policies"`
}

// PassagePolicy is what one policy says that selects the pod.
type PassagePolicy struct {
	Policy finding.Ref   `json:"policy"`
	Passes policy.Answer `json:"passes"`
	// Path is the rule of the policy that lets the traffic through, or may.
	Path  string       `json:"path,omitempty"`
	Doubt policy.Doubt `json:"doubt,omitempty"`
}

// NoPortError says that what is called has no port of this name or number.
type NoPortError struct {
	Target finding.Ref
	Port   string
	Have   []string
}

func (e *NoPortError) Error() string {
	return fmt.Sprintf("%s has no port %s; it has %s", e.Target, e.Port, strings.Join(e.Have, ", "))
}

// TrafficPlan says what is still to be read for the answer.
func TrafficPlan(s *snapshot.Snapshot, q TrafficQuery) snapshot.Needs {
	var n snapshot.Needs
	want := func(need snapshot.Need) { n.Objects = append(n.Objects, need) }
	for _, t := range []finding.Ref{q.From, q.To} {
		if t.Kind == OutsideKind {
			continue
		}
		want(snapshot.Need{Kind: snapshot.Kind(t.Kind), Namespace: t.Namespace, Name: t.Name})
		want(snapshot.Need{Kind: networkPolicyKind, Namespace: t.Namespace})
		if selector, ok := podsBehind(s, t); ok {
			want(snapshot.Need{Kind: "Pod", Namespace: t.Namespace, Selector: selector.String()})
		}
		if asksForNamespaces(s, q.From.Namespace) || asksForNamespaces(s, q.To.Namespace) {
			want(snapshot.Need{Kind: "Namespace", Name: t.Namespace})
		}
	}
	n.Objects = append(n.Objects, otherNeeds(q)...)
	return s.Missing(n)
}

// podsJudged bounds the pods that are looked at on each side.
const podsJudged = 50

// Traffic answers. Its errors: *rule.NotFoundError, *NoPortError.
func Traffic(s *snapshot.Snapshot, q TrafficQuery, o Options) (TrafficReport, error) {
	if err := rule.Exist(s, onlyObjects(q.From, q.To), ""); err != nil {
		return TrafficReport{}, err
	}
	texts, err := loadMessages()
	if err != nil {
		return TrafficReport{}, err
	}
	unread, err := rule.NewUnread(o.Lang)
	if err != nil {
		return TrafficReport{}, err
	}
	from, to := endsOf(s, q.From), endsOf(s, q.To)
	ports, err := portsAsked(s, q, to)
	if err != nil {
		return TrafficReport{}, err
	}
	r := TrafficReport{From: q.From, To: q.To, Traffic: passages(s, q, ports, from, to)}
	beside := besides(s, q)
	beside.doubt(r.Traffic)
	r.Passes = overall(r.Traffic)
	scope := rule.NewScope(q.From)
	found := rule.Diagnose(scope, denials(q, r.Traffic), o.Catalogue, o.Lang)
	asked := finding.Scope{Context: s.Context, Namespace: q.From.Namespace, Targets: []string{q.From.String(), q.To.String()}}
	if asked.Namespace == "" {
		asked.Namespace = q.To.Namespace
	}
	r.Report = finding.NewReport("inspect", s.TakenAt, asked, found, append(unread.NotChecked(s), beside.notChecked(texts, o.Lang)...), s.Requests)
	say := func(id string, args map[string]any) string { return texts.Text(o.Lang, id, args) }
	r.Notes = trafficNotes(s, q, r, func(id string) string { return say(id, nil) })
	if most := max(len(from), len(to)); most > podsJudged {
		r.Notes = append(r.Notes, say("traffic-some", map[string]any{"n": podsJudged, "most": most}))
	}
	return r, nil
}

func onlyObjects(all ...finding.Ref) []finding.Ref {
	return slices.DeleteFunc(all, func(r finding.Ref) bool { return r.Kind == OutsideKind })
}

// various are the pods of a side that are looked at: of many, one of each set of
// labels before others like it; addresses and nodes count only for blocks and for
// the own node.
func various(side []policy.End) []policy.End {
	if len(side) <= podsJudged {
		return side
	}
	var first, like []policy.End
	known := map[string]bool{}
	for _, e := range side {
		if k := labels.FormatLabels(e.Labels); known[k] {
			like = append(like, e)
		} else {
			known[k] = true
			first = append(first, e)
		}
	}
	return append(first, like...)[:podsJudged]
}

// passages judges every pair of pods on every port; what is the same for several is one passage.
func passages(s *snapshot.Snapshot, q TrafficQuery, ports []policy.Port, from, to []policy.End) []Passage {
	out := []Passage{}
	at := map[string]int{}
	egress, ingress := policiesIn(s, q.From), policiesIn(s, q.To)
	for _, port := range ports {
		for _, f := range various(from) {
			for _, t := range various(to) {
				resolved, _ := port.Resolve(t)
				p := passage(policy.Judge(f, t, resolved, egress, ingress))
				p.Port, p.From, p.To, p.Pairs = resolved.String(), f.Ref, t.Ref, 1
				same := fmt.Sprint(p.Port, p.Passes, p.Exempt, p.Egress, p.Ingress)
				if i, ok := at[same]; ok {
					out[i].Pairs++
					continue
				}
				at[same] = len(out)
				out = append(out, p)
			}
		}
	}
	if len(from) == 0 || len(to) == 0 { // an end that could not be read, or has no pods
		unknown := PassageSide{Passes: policy.Unknown, Doubt: policy.DoubtEndUnknown, Policies: []PassagePolicy{}}
		out = append(out, Passage{Passes: policy.Unknown, From: q.From, To: q.To, Egress: unknown, Ingress: unknown})
	}
	return out
}

func passage(v policy.Verdict) Passage {
	turn := func(s policy.Side) PassageSide {
		out := PassageSide{Passes: s.Passes, Isolated: s.Isolated, Doubt: s.Doubt, Policies: []PassagePolicy{}}
		for _, r := range s.Rulings {
			out.Policies = append(out.Policies, PassagePolicy{Policy: r.Policy, Passes: r.Passes, Path: r.Path, Doubt: r.Doubt})
		}
		return out
	}
	return Passage{Passes: v.Passes, Exempt: v.Exempt, Egress: turn(v.Egress), Ingress: turn(v.Ingress)}
}

func overall(all []Passage) policy.Answer {
	if len(all) == 0 {
		return policy.Unknown
	}
	answer := all[0].Passes
	for _, p := range all {
		switch {
		case p.Passes == answer:
		case p.Passes == policy.Unknown || answer == policy.Unknown:
			return policy.Unknown
		default:
			answer = policy.Partly
		}
	}
	return answer
}

// trafficNotes say what no answer of this sort can tell, and what this one rests on.
func trafficNotes(s *snapshot.Snapshot, q TrafficQuery, r TrafficReport, say func(string) string) []string {
	notes := []string{say("traffic-enforced")}
	doubts := map[policy.Doubt]bool{}
	own := false
	for _, p := range r.Traffic {
		own = own || p.Exempt == policy.OwnNode
		doubts[p.Doubt] = true
		for _, side := range []PassageSide{p.Egress, p.Ingress} {
			doubts[side.Doubt] = true
			for _, one := range side.Policies {
				doubts[one.Doubt] = true
			}
		}
	}
	for _, d := range []policy.Doubt{policy.DoubtEndUnknown, policy.DoubtPolicies, policy.DoubtNamespace, policy.DoubtAddress, policy.DoubtHost, policy.DoubtBlock, policy.DoubtPortName, policy.DoubtOthers} {
		if doubts[d] {
			notes = append(notes, say("traffic-doubt-"+string(d)))
		}
	}
	if own {
		notes = append(notes, say("traffic-own-node"))
	}
	if slices.ContainsFunc(r.Traffic, func(p Passage) bool { return p.Ingress.Passes == policy.No }) {
		notes = append(notes, say("traffic-kubelet"))
	}
	if s.Source == snapshot.FromManifests {
		notes = append(notes, say("traffic-manifests"))
	}
	for _, t := range []finding.Ref{q.From, q.To} {
		if template, _ := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name); template != nil && t.Kind != "Pod" && len(podsOf(s, t)) == 0 && len(endsOf(s, t)) > 0 {
			notes = append(notes, say("traffic-template"))
			break
		}
	}
	return notes
}

// denials are what is denied, as findings: the policy is what must change.
func denials(q TrafficQuery, all []Passage) []finding.Finding {
	var out []finding.Finding
	at := map[string]int{}
	for _, p := range all {
		if p.Doubt != policy.NoDoubt {
			continue
		}
		for _, f := range denied(q.From, q.To, p) {
			k := fmt.Sprint(f.Object, f.Args["side"], f.Args["others"])
			if i, ok := at[k]; ok {
				if have, _ := out[i].Args["port"].(string); p.Port != "" && !strings.Contains(have, p.Port) {
					out[i].Args["port"] = have + ", " + p.Port
				}
				continue
			}
			at[k] = len(out)
			f.Rule = rulePolicyDenies
			out = append(out, f)
		}
	}
	return out
}

// portsAsked are the ports of the pods behind the target that the question is about.
func portsAsked(s *snapshot.Snapshot, q TrafficQuery, to []policy.End) ([]policy.Port, error) {
	if svc, a := snapshot.Get[*corev1.Service](s, q.To.Namespace, q.To.Name); q.To.Kind == "Service" && a.State == snapshot.Present {
		return servicePorts(svc, q.Port)
	}
	if !q.Port.Any() {
		if _, ok := resolvable(q.Port, to); !ok {
			return nil, &NoPortError{Target: q.To, Port: q.Port.Name, Have: declared(to)}
		}
		return []policy.Port{q.Port}, nil
	}
	var out []policy.Port
	for _, t := range to[:min(len(to), 1)] {
		for _, c := range t.Ports {
			out = append(out, policy.Port{Number: c.ContainerPort, Name: c.Name, Protocol: c.Protocol})
		}
	}
	if len(out) == 0 {
		out = append(out, policy.Port{})
	}
	return out, nil
}

func resolvable(p policy.Port, to []policy.End) (policy.Port, bool) {
	if len(to) == 0 {
		return p, true
	}
	for _, t := range to {
		if r, ok := p.Resolve(t); ok {
			return r, true
		}
	}
	return p, false
}

func declared(to []policy.End) []string {
	var out []string
	for _, t := range to[:min(len(to), 1)] {
		for _, c := range t.Ports {
			out = append(out, policy.Port{Number: c.ContainerPort, Name: c.Name, Protocol: c.Protocol}.String())
		}
	}
	return out
}
