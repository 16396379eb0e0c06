package inspect

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// ClusterAnswers are what the API server says beside its objects. Each has a
// reason where it could not be asked.
type ClusterAnswers struct {
	Live  HealthAnswer
	Ready HealthAnswer
	// Groups are the API groups that are registered.
	Groups    []string
	GroupsWhy string
}

// HealthAnswer is what /livez or /readyz says.
type HealthAnswer struct {
	OK             bool
	Passed, Failed []string
	Why            string
}

// ClusterReport is a cluster at a glance.
type ClusterReport struct {
	finding.Report
	Cluster Cluster `json:"cluster"`
}

// Base gives the part that every report has.
func (r ClusterReport) Base() finding.Report { return r.Report }

// Cluster is what a cluster is made of, as far as its API shows it.
type Cluster struct {
	// Version is the API server's, "" where it would not say.
	Version string `json:"version"`
	// Provider is who runs it, by what its nodes say; "" where they say nothing.
	Provider     string        `json:"provider"`
	ControlPlane []Part        `json:"controlPlane"`
	Nodes        []ClusterNode `json:"nodes"`
	Addons       []Part        `json:"addons"`
}

// Part is a component or an add-on.
type Part struct {
	// Role is what it does: "scheduler", "dns", "cni".
	Role   string `json:"role"`
	Name   string `json:"name"`
	Health Health `json:"health"`
	Status string `json:"status"`
	// Basis is where that was seen: "lease kube-system/kube-scheduler", "/readyz".
	Basis string `json:"basis"`
}

// ClusterNode is one node.
type ClusterNode struct {
	Name    string `json:"name"`
	Health  Health `json:"health"`
	Status  string `json:"status"`
	Roles   string `json:"roles"`
	Version string `json:"version"`
	// Skew is how many minor versions the kubelet is behind the API server, nil where that is not known.
	Skew *int `json:"skew"`
	// SkewOK says whether the version skew policy allows it, nil where that is not known.
	SkewOK *bool `json:"skewOK"`
	// Runtime, System and Arch are the node's own words.
	Runtime string `json:"runtime"`
	System  string `json:"system"`
	Arch    string `json:"arch"`
}

const systemNamespace = "kube-system"

// clusterNeeds are all reads of a cluster at a glance: as many for any number
// of nodes and workloads, but for pages.
func clusterNeeds() []snapshot.Need {
	named := "app.kubernetes.io/name in (" + strings.Join(addonNames(), ",") + ")"
	return []snapshot.Need{
		{Kind: "Node"},
		{Kind: "Lease", Namespace: systemNamespace},
		{Kind: "Pod", Namespace: systemNamespace},
		{Kind: "Deployment", Namespace: systemNamespace},
		{Kind: "Deployment", Selector: named},
		{Kind: "StatefulSet", Selector: named},
		{Kind: "DaemonSet"},
		{Kind: "IngressClass"},
		{Kind: "GatewayClass"},
		{Kind: "APIService"},
		snapshot.ServerVersionNeed(),
	}
}

// ClusterPlan says what is still to be read.
func ClusterPlan(s *snapshot.Snapshot) snapshot.Needs {
	if s.Source == snapshot.FromManifests {
		return snapshot.Needs{}
	}
	return s.Missing(snapshot.Needs{Objects: clusterNeeds()})
}

// InspectCluster tells what was seen of the cluster. Its findings are those of
// nodes and of APIs that other servers should serve.
func InspectCluster(s *snapshot.Snapshot, a ClusterAnswers, o Options) (ClusterReport, error) {
	texts, err := loadMessages()
	if err != nil {
		return ClusterReport{}, err
	}
	unread, err := rule.NewUnread(o.Lang)
	if err != nil {
		return ClusterReport{}, err
	}
	var targets []finding.Ref
	for _, k := range []snapshot.Kind{"Node", "APIService"} {
		for _, obj := range s.OfKind(k, "") {
			targets = append(targets, rule.RefTo(obj))
		}
	}
	if proxy := kubeProxy(); present(s, proxy) {
		targets = append(targets, proxy)
	}
	scope := rule.NewScope(targets...)
	rules := slices.DeleteFunc(Rules(), func(r rule.Rule) bool {
		return !strings.HasPrefix(r.ID, "node/") && r.ID != "api/service-unavailable"
	})
	found := rule.Diagnose(scope, rule.Run(s, scope, rules), o.Catalogue, o.Lang)
	version, nobodyAsked := serverVersion(s)
	t := clusterTeller{s: s, answers: a, version: version, e: explainer{s: s, scope: scope, findings: found, catalogue: o.Catalogue, texts: texts, lang: o.Lang, unread: unread}}
	notChecked := unread.NotChecked(s)
	for _, q := range []struct{ what, why string }{{snapshot.ServerVersionNeed().String(), nobodyAsked}, {"get /livez", a.Live.Why}, {"get /readyz", a.Ready.Why}, {"get /apis", a.GroupsWhy}} {
		if q.why != "" {
			notChecked = append(notChecked, finding.NotChecked{What: q.what, Why: unread.Reason(q.why)})
		}
	}
	return ClusterReport{
		Report: finding.NewReport("inspect", s.TakenAt, finding.Scope{Context: s.Context, Targets: []string{"cluster"}}, found, notChecked, s.Requests),
		Cluster: Cluster{
			Version: version, Provider: t.provider(), ControlPlane: t.controlPlane(), Nodes: t.nodes(), Addons: t.addons(),
		},
	}, nil
}

// serverVersion is the API server's version, "" where it is not known; why is set
// where nobody asked for it, as in a snapshot of another command.
func serverVersion(s *snapshot.Snapshot) (version, why string) {
	v, a := snapshot.Get[*snapshot.ServerVersion](s, "", snapshot.ServerVersionName)
	if a.State == snapshot.Present {
		return v.GitVersion, ""
	}
	if len(s.Missing(snapshot.Needs{Objects: []snapshot.Need{snapshot.ServerVersionNeed()}}).Objects) > 0 {
		return "", a.Why
	}
	return "", ""
}

func present(s *snapshot.Snapshot, r finding.Ref) bool {
	_, a := s.Find(snapshot.Kind(r.Kind), r.Namespace, r.Name)
	return a.State == snapshot.Present
}

// clusterTeller puts a cluster into words.
type clusterTeller struct {
	version string
	s       *snapshot.Snapshot
	answers ClusterAnswers
	e       explainer
}

func (t clusterTeller) say(id string, args map[string]any) string { return t.e.text(id, args) }

// unseen is a part about which nothing can be told, with the reason where there is one.
func (t clusterTeller) unseen(role, name, basis, why string) Part {
	p := Part{Role: role, Name: name, Health: Unknown, Basis: basis, Status: t.say("cluster-not-visible", nil)}
	if why != "" && why != snapshot.NotRead {
		p.Status = t.say("unread", map[string]any{"why": t.e.unread.Reason(why)})
	}
	return p
}

// workloads counts what is ready of the objects of a kind that a test picks.
func (t clusterTeller) workloads(kind snapshot.Kind, namespace string, picked func(snapshot.Object) bool) (names []string, health Health, status string) {
	health = Healthy
	for _, o := range t.s.OfKind(kind, namespace) {
		if !picked(o) {
			continue
		}
		h, said := t.e.status(o)
		names = append(names, o.GetNamespace()+"/"+o.GetName())
		if status == "" || h != Healthy {
			status = said
		}
		if h != Healthy {
			health = h
		}
	}
	return names, health, status
}

// labelled picks objects by one label.
func labelled(key string, values ...string) func(snapshot.Object) bool {
	return func(o snapshot.Object) bool { return slices.Contains(values, labels.Set(o.GetLabels()).Get(key)) }
}

func addonNames() []string {
	names := map[string]bool{}
	for _, a := range knownAddons() {
		for _, n := range a.names {
			names[n] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
