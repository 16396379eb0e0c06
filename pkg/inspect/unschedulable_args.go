package inspect

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
)

// ruleFor is the rule that speaks of a reason.
func ruleFor(r fit.Reason) string {
	switch r {
	case fit.Cordoned, fit.Tainted:
		return ruleTaint
	case fit.OtherNode, fit.NotSelected:
		return ruleSelector
	case fit.PortTaken:
		return rulePorts
	case fit.Insufficient:
		return ruleResources
	case fit.Skewed, fit.NoTopologyLabel:
		return ruleSpread
	case fit.AffinityUnmet, fit.AntiAffinity, fit.KeptAway:
		return ruleAffinity
	default: // claims and volumes
		return ruleVolume
	}
}

// defaultArgs sets every argument that the texts of the rule name, so that a
// finding that knows less renders too.
func defaultArgs(args map[string]any, reason fit.Reason) {
	args["reason"], args["node"], args["also"] = string(reason), "", ""
	switch ruleFor(reason) {
	case ruleResources:
		set(args, "", "resource", "asked", "free", "short", "allocatable")
		args["tooBig"], args["hasFree"], args["slots"] = false, false, false
	case ruleTaint:
		set(args, "", "taint", "key", "value", "effect")
		args["cordoned"], args["ill"] = reason == fit.Cordoned, false
	case ruleSelector:
		set(args, "", "missing", "label")
	case ruleAffinity:
		set(args, "", "selector", "key")
		args["noLabel"] = false
	case ruleSpread:
		set(args, "", "key", "domain")
		args["matching"], args["least"], args["maxSkew"], args["minDomains"], args["domains"] = 0, 0, 0, 0, 0
		args["noLabel"], args["fewDomains"] = reason == fit.NoTopologyLabel, false
	case rulePorts:
		set(args, "", "port")
	case ruleVolume:
		set(args, "", "claim", "volume", "needs")
	}
}

func set(args map[string]any, value string, keys ...string) {
	for _, k := range keys {
		args[k] = value
	}
}

// refusalArgs fills the texts from the main refusal of the smallest change.
func refusalArgs(args map[string]any, r fit.Refusal, change fit.Change) {
	defaultArgs(args, r.Reason)
	args["node"] = change.Node
	var also []string
	for _, more := range change.Lift[1:] {
		also = append(also, more.String())
	}
	args["also"] = strings.Join(also, "; ")
	switch {
	case r.Shortage != nil:
		shortageArgs(args, *r.Shortage)
	case r.Taint != nil:
		args["taint"], args["key"], args["value"], args["effect"] = r.Taint.ToString(), r.Taint.Key, r.Taint.Value, string(r.Taint.Effect)
		args["ill"] = strings.HasPrefix(r.Taint.Key, "node.kubernetes.io/") || strings.HasPrefix(r.Taint.Key, "node.cloudprovider.kubernetes.io/")
	case r.Reason == fit.OtherNode:
		args["missing"] = "metadata.name=" + r.NodeName
	case r.Missing != nil:
		selectorArgs(args, r.Missing)
	case r.Term != nil:
		args["selector"], args["key"], args["noLabel"] = r.Term.Selector, r.Term.Key, r.Term.NoLabel
	case r.Skew != nil:
		skewArgs(args, *r.Skew)
	case r.Port != nil:
		args["port"] = r.Port.String()
	case r.Claim != nil:
		args["claim"], args["volume"], args["needs"] = r.Claim.Claim, r.Claim.Volume, r.Claim.Needs
	}
}

func shortageArgs(args map[string]any, s fit.Shortage) {
	args["resource"] = string(s.Resource)
	args["asked"] = fit.Human(s.Resource, s.Asked, true)
	args["short"] = fit.Human(s.Resource, s.Short, true)
	args["free"] = fit.Human(s.Resource, s.Free, false)
	args["allocatable"] = fit.Human(s.Resource, s.Allocatable, false)
	args["tooBig"], args["hasFree"], args["slots"] = s.TooBig(), s.Free.Sign() > 0, s.Resource == "pods"
}

func selectorArgs(args map[string]any, missing []fit.Requirement) {
	var texts, wanted []string
	for _, m := range missing {
		texts = append(texts, m.Text)
		if m.Want != "" {
			wanted = append(wanted, m.Key+"="+m.Want)
		}
	}
	args["missing"] = strings.Join(texts, ", ")
	if len(wanted) == len(missing) {
		args["label"] = strings.Join(wanted, " ")
	}
}

func skewArgs(args map[string]any, s fit.Skew) {
	args["key"], args["domain"], args["matching"], args["least"] = s.Key, s.Domain, s.Matching, s.Least
	args["maxSkew"], args["minDomains"], args["domains"] = s.MaxSkew, s.MinDomains, s.Domains
	args["fewDomains"] = s.Domains < s.MinDomains
}

// byMessage goes by the scheduler's own words, where nodes or pods could not
// be read or the arithmetic sees no obstacle. Words that are not known (of a
// plugin that is not built in) name no rule; then nothing is said.
func (p unplaced) byMessage(c finding.Confidence, s finding.Severity) []finding.Finding {
	said, all := fit.ParseMessage(p.condition.Message)
	if all == 0 && c == finding.Likely {
		return []finding.Finding{p.finding(ruleNoNodes, c, s)}
	}
	main, ok := fit.Cheapest(said)
	if !ok {
		return nil
	}
	f := p.finding(ruleFor(main.Reason), c, s)
	defaultArgs(f.Args, main.Reason)
	switch main.Reason {
	case fit.Insufficient:
		var names []string
		for _, other := range said {
			if other.Reason == fit.Insufficient {
				names = append(names, other.Detail)
			}
		}
		f.Args["resource"], f.Args["slots"] = strings.Join(names, ", "), main.Detail == "pods"
	case fit.Tainted:
		f.Args["taint"] = main.Detail
	default: // the words hold no more than the reason
	}
	return []finding.Finding{f}
}
