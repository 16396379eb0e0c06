package calls

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Call is a Service that a workload's own template names by an address.
type Call struct {
	From    finding.Ref
	Service finding.Ref
	// Port is the Service's port as it is written, or as the scheme has it; "" where nothing says which.
	Port  string
	Basis Basis
}

// Names says whether the template of a workload names any address at all.
func Names(s *snapshot.Snapshot, o snapshot.Object) bool {
	d := &drawer{s: s}
	w, ok := d.templateOf(o)
	return ok && len(own(s, w)) > 0
}

// Outgoing lists the calls that workloads declare to Services of the snapshot,
// in order. An address that only a ConfigMap holds which is taken in as a whole
// is left out: this workload may not use it.
func Outgoing(s *snapshot.Snapshot, workloads ...snapshot.Object) []Call {
	d := &drawer{s: s, byID: map[string]int{}, same: map[string]string{}}
	d.services()
	var out []Call
	for _, o := range workloads {
		w, ok := d.templateOf(o)
		if !ok {
			continue
		}
		for _, m := range own(s, w) {
			id, ok := d.callee(o.GetNamespace(), m.address)
			if !ok || d.nodes[d.byID[id]].Sort != Served {
				continue
			}
			out = append(out, Call{From: rule.RefTo(o), Service: d.nodes[d.byID[id]].Object, Port: portOf(m.address), Basis: m.basis})
		}
	}
	return out
}

// own are the mentions that are this workload's alone.
func own(s *snapshot.Snapshot, w templated) []mention {
	takers := map[finding.Ref]int{}
	for _, r := range wholly(w) {
		takers[r] = 2 // as if shared: who else takes it in is not known here
	}
	var out []mention
	for _, m := range mentions(s, w, takers) {
		if !m.shared {
			out = append(out, m)
		}
	}
	return out
}

func portOf(a snapshot.Address) string {
	switch {
	case a.Port != "":
		return a.Port
	case a.Scheme == "http":
		return "80"
	case a.Scheme == "https":
		return "443"
	}
	return ""
}
