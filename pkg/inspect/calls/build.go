package calls

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// kinds are what a map is made of. Pods are not read: what makes them says the
// same, and there may be very many.
func kinds() []snapshot.Kind {
	return []snapshot.Kind{
		"Service", "Deployment", "StatefulSet", "DaemonSet", "CronJob", "ConfigMap",
		"Ingress", "NetworkPolicy", "HTTPRoute", "GRPCRoute", "VirtualService",
	}
}

// Needs are the lists of a namespace ("" for all) that its map is drawn from.
func Needs(s *snapshot.Snapshot, namespace string) snapshot.Needs {
	var n snapshot.Needs
	for _, k := range kinds() {
		if _, known := snapshot.Lookup(k); known {
			n.Objects = append(n.Objects, snapshot.Need{Kind: k, Namespace: namespace})
		}
	}
	if namespace != "" && nothing(s, namespace) && s.Missing(n).Empty() {
		n.Objects = append(n.Objects, snapshot.Need{Kind: "Namespace", Name: namespace})
	}
	return s.Missing(n)
}

func nothing(s *snapshot.Snapshot, namespace string) bool {
	return !slices.ContainsFunc(kinds(), func(k snapshot.Kind) bool { return len(s.OfKind(k, namespace)) > 0 })
}

// Draw draws the map. Its error is a *rule.NotFoundError where the namespace is not there.
func Draw(s *snapshot.Snapshot, namespace string, l lang.Lang) (Report, error) {
	if err := rule.Exist(s, nil, namespace); err != nil {
		return Report{}, err
	}
	unread, err := rule.NewUnread(l)
	if err != nil {
		return Report{}, err
	}
	if namespace == "" {
		namespace = only(s)
	}
	d := &drawer{s: s, namespace: namespace, byID: map[string]int{}, home: map[finding.Ref][]string{}, arrows: map[[2]string]*Arrow{}, same: map[string]string{}}
	d.services()
	d.workloads()
	d.merge()
	d.declarations()
	d.routes()
	d.policies()
	notChecked := slices.DeleteFunc(unread.NotChecked(s), func(n finding.NotChecked) bool {
		return n.Why == unread.Reason("not served by this cluster") // a cluster without routes of that sort has none to draw
	})
	return Report{
		Report: finding.NewReport("map", s.TakenAt, finding.Scope{Context: s.Context, Namespace: namespace}, nil, notChecked, s.Requests),
		Nodes:  d.nodes, Calls: d.sorted(),
	}, nil
}

// drawer puts the map together.
type drawer struct {
	s         *snapshot.Snapshot
	namespace string
	nodes     []Node
	byID      map[string]int
	// home are the nodes that a workload stands in: it may be behind several Services.
	home   map[finding.Ref][]string
	order  [][2]string
	arrows map[[2]string]*Arrow
	// same leads from a Service to the one that stands for it: see merge.
	same map[string]string
}

// only is the namespace that everything lies in; "" for several.
func only(s *snapshot.Snapshot) string {
	found := ""
	for _, k := range []snapshot.Kind{"Service", "Deployment", "StatefulSet", "DaemonSet", "CronJob"} {
		for _, o := range s.OfKind(k, "") {
			if found != "" && o.GetNamespace() != found {
				return ""
			}
			found = o.GetNamespace()
		}
	}
	return found
}

// merge joins Services with the very same workloads behind them, such as one
// for the inside and one for the outside: they are one party.
func (d *drawer) merge() {
	var kept []Node
	first := map[string]int{}
	for _, n := range d.nodes {
		var names []string
		for _, w := range n.Workloads {
			names = append(names, w.Object.Namespace+"/"+w.Object.String())
		}
		k := strings.Join(names, " ")
		if at, ok := first[k]; ok && n.Sort == Served && k != "" {
			d.same[n.ID] = kept[at].ID
			kept[at].Also = append(kept[at].Also, n.Name)
			continue
		}
		first[k] = len(kept)
		kept = append(kept, n)
	}
	d.nodes, d.byID = kept, map[string]int{}
	for i, n := range kept {
		d.byID[n.ID] = i
	}
}

// id names a node; objects of other namespaces than the one drawn carry theirs.
func (d *drawer) id(r finding.Ref) string {
	if d.namespace == "" && r.Namespace != "" {
		return strings.ToLower(r.Kind) + "/" + r.Namespace + "/" + r.Name
	}
	return r.String()
}

func (d *drawer) node(n Node) string {
	if _, ok := d.byID[n.ID]; !ok {
		d.byID[n.ID] = len(d.nodes)
		if n.Hosts == nil {
			n.Hosts = []string{}
		}
		if n.Also == nil {
			n.Also = []string{}
		}
		if n.Workloads == nil {
			n.Workloads = []Workload{}
		}
		d.nodes = append(d.nodes, n)
	}
	return n.ID
}

// label is how a node is called in the picture.
func (d *drawer) label(r finding.Ref) string {
	if d.namespace == "" && r.Namespace != "" {
		return r.Namespace + "/" + r.Name
	}
	return r.Name
}

func (d *drawer) services() {
	for _, o := range d.s.OfKind("Service", d.namespace) {
		svc, ok := o.(*corev1.Service)
		if !ok || svc.Namespace == "default" && svc.Name == "kubernetes" {
			continue // every pod may call the API server; that is no part of a shop
		}
		r := rule.RefTo(svc)
		n := Node{ID: d.id(r), Sort: Served, Name: d.label(r), Object: r}
		if svc.Spec.Type == corev1.ServiceTypeExternalName {
			n.Hosts = []string{svc.Spec.ExternalName}
		}
		d.node(n)
	}
}

// workloads stand behind the Services that select their pods, or by themselves.
func (d *drawer) workloads() {
	for _, w := range d.templates() {
		self := rule.RefTo(w.object)
		for _, o := range d.s.OfKind("Service", self.Namespace) {
			svc, ok := o.(*corev1.Service)
			if !ok || len(svc.Spec.Selector) == 0 || !labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(w.template.Labels)) {
				continue
			}
			id := d.id(rule.RefTo(svc))
			d.home[self] = append(d.home[self], id)
			at := d.byID[id]
			d.nodes[at].Workloads = append(d.nodes[at].Workloads, Workload{self, w.ready, w.desired})
		}
		if len(d.home[self]) == 0 {
			id := d.node(Node{ID: d.id(self), Sort: Worker, Name: d.label(self), Object: self, Workloads: []Workload{{self, w.ready, w.desired}}})
			d.home[self] = []string{id}
		}
	}
}

// arrow adds a basis to what is declared between two nodes. Nobody calls itself here.
func (d *drawer) arrow(from, to, port string, c Certainty, b Basis) {
	if from == to {
		return
	}
	k := [2]string{from, to}
	a, ok := d.arrows[k]
	if !ok {
		a = &Arrow{From: from, To: to, Certainty: c, Ports: []string{}}
		d.arrows[k] = a
		d.order = append(d.order, k)
	}
	if c.rank() < a.Certainty.rank() {
		a.Certainty = c
	}
	if port != "" && !slices.Contains(a.Ports, port) {
		a.Ports = append(a.Ports, port)
	}
	if !slices.Contains(a.Basis, b) {
		a.Basis = append(a.Basis, b)
	}
}

func (d *drawer) sorted() []Arrow {
	out := make([]Arrow, 0, len(d.order))
	for _, k := range d.order {
		a := *d.arrows[k]
		slices.SortStableFunc(a.Basis, func(x, y Basis) int { return strings.Compare(string(x.Source), string(y.Source)) })
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(x, y Arrow) int {
		if c := d.byID[x.From] - d.byID[y.From]; c != 0 {
			return c
		}
		return d.byID[x.To] - d.byID[y.To]
	})
	return out
}
