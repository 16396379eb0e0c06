package policy

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

func pod(namespace, name string) End {
	return End{
		Ref: finding.Ref{Kind: "Pod", Namespace: namespace, Name: name + "-1"}, Namespace: namespace,
		Labels: map[string]string{"app": name}, NamespaceSeen: true, NamespaceLabels: map[string]string{"team": namespace},
		IPs:  []netip.Addr{netip.MustParseAddr("10.1.0.7")},
		Node: "node-" + name, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}, {Name: "dns", ContainerPort: 53, Protocol: "UDP"}},
	}
}

func policies(t *testing.T, specs ...string) Listed {
	t.Helper()
	l := Listed{Complete: true}
	for i, spec := range specs {
		p := &networkingv1.NetworkPolicy{}
		if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		p.Namespace, p.Name = "shop", string(rune('a'+i))
		l.Policies = append(l.Policies, p)
	}
	return l
}

func web() Port { return Port{Number: 8080} }

// Each case is about the ingress side of shop/orders, called by shop/web.
func TestIngress(t *testing.T) {
	other := func(e End) End {
		e.Namespace, e.Ref.Namespace = "pay", "pay"
		e.NamespaceLabels = map[string]string{"team": "pay"}
		return e
	}
	for name, c := range map[string]struct {
		policies []string
		change   func(from, to *End)
		port     Port
		want     Answer
		path     string
		doubt    Doubt
	}{
		"no policy":                              {nil, nil, web(), Yes, "", ""},
		"one for other pods":                     {[]string{"{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}"}, nil, web(), Yes, "", ""},
		"default deny":                           {[]string{"{podSelector: {}}"}, nil, web(), No, "", ""},
		"egress alone does not isolate ingress":  {[]string{"{podSelector: {}, policyTypes: [Egress]}"}, nil, web(), Yes, "", ""},
		"an empty list of rules denies":          {[]string{"{podSelector: {}, policyTypes: [Ingress], ingress: []}"}, nil, web(), No, "", ""},
		"an empty rule allows all":               {[]string{"{podSelector: {}, ingress: [{}]}"}, nil, web(), Yes, "spec.ingress[0]", ""},
		"policies add up":                        {[]string{"{podSelector: {}}", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}"}, nil, web(), Yes, "spec.ingress[0]", ""},
		"another peer":                           {[]string{"{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: admin}}}]}]}"}, nil, web(), No, "", ""},
		"the second rule":                        {[]string{"{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: admin}}}]}, {from: [{podSelector: {}}]}]}"}, nil, web(), Yes, "spec.ingress[1]", ""},
		"a pod selector means the own namespace": {[]string{"{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"}, func(f, _ *End) { *f = other(*f) }, web(), No, "", ""},
		"a namespace selector":                   {[]string{"{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: pay}}}]}]}"}, func(f, _ *End) { *f = other(*f) }, web(), Yes, "spec.ingress[0]", ""},
		"an empty namespace selector is all":     {[]string{"{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"}, func(f, _ *End) { *f = other(*f) }, web(), Yes, "spec.ingress[0]", ""},
		"both selectors in one peer":             {[]string{"{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: pay}}, podSelector: {matchLabels: {app: admin}}}]}]}"}, func(f, _ *End) { *f = other(*f) }, web(), No, "", ""},
		"two peers are either":                   {[]string{"{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: pay}}}, {podSelector: {matchLabels: {app: admin}}}]}]}"}, func(f, _ *End) { *f = other(*f) }, web(), Yes, "spec.ingress[0]", ""},
		"a namespace that was not read":          {[]string{"{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: pay}}}]}]}"}, func(f, _ *End) { *f = other(*f); f.NamespaceSeen = false }, web(), Unknown, "spec.ingress[0]", DoubtNamespace},
		"its name is known all the same":         {[]string{"{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pay}}}]}]}"}, func(f, _ *End) { *f = other(*f); f.NamespaceSeen = false }, web(), Yes, "spec.ingress[0]", ""},
		"a block":                                {[]string{"{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"}, nil, web(), Yes, "spec.ingress[0]", DoubtBlock},
		"a block with an exception":              {[]string{"{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}"}, nil, web(), No, "", ""},
		"a block, the address not known":         {[]string{"{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"}, func(f, _ *End) { f.IPs = nil }, web(), Unknown, "spec.ingress[0]", DoubtAddress},
		"from outside by a block":                {[]string{"{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"}, func(f, _ *End) { f.Outside = true }, web(), Yes, "spec.ingress[0]", ""},
		"from outside no selector matches":       {[]string{"{podSelector: {}, ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}]}]}"}, func(f, _ *End) { f.Outside, f.Labels, f.Namespace = true, nil, "" }, web(), No, "", ""},

		"the port by number":        {[]string{"{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}"}, nil, web(), Yes, "spec.ingress[0]", ""},
		"another port":              {[]string{"{podSelector: {}, ingress: [{ports: [{port: 80}]}]}"}, nil, web(), No, "", ""},
		"the port by name":          {[]string{"{podSelector: {}, ingress: [{ports: [{port: http}]}]}"}, nil, web(), Yes, "spec.ingress[0]", ""},
		"a name of another port":    {[]string{"{podSelector: {}, ingress: [{ports: [{port: admin}]}]}"}, nil, web(), No, "", ""},
		"a name with its protocol":  {[]string{"{podSelector: {}, ingress: [{ports: [{port: dns, protocol: UDP}]}]}"}, nil, Port{Number: 53, Protocol: "UDP"}, Yes, "spec.ingress[0]", ""},
		"the protocol must be that": {[]string{"{podSelector: {}, ingress: [{ports: [{port: 53}]}]}"}, nil, Port{Number: 53, Protocol: "UDP"}, No, "", ""},
		"all ports of a protocol":   {[]string{"{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}"}, nil, Port{Number: 53, Protocol: "UDP"}, Yes, "spec.ingress[0]", ""},
		"within endPort":            {[]string{"{podSelector: {}, ingress: [{ports: [{port: 8000, endPort: 8080}]}]}"}, nil, web(), Yes, "spec.ingress[0]", ""},
		"beyond endPort":            {[]string{"{podSelector: {}, ingress: [{ports: [{port: 8000, endPort: 8079}]}]}"}, nil, web(), No, "", ""},
		"no port asked for":         {[]string{"{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}"}, nil, Port{}, Partly, "spec.ingress[0]", ""},
		"a name asked for":          {[]string{"{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}"}, nil, Port{Name: "http"}, Yes, "spec.ingress[0]", ""},
		"a name nobody has":         {[]string{"{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}"}, nil, Port{Name: "gone"}, Unknown, "spec.ingress[0]", DoubtPortName},
		"peer and port both":        {[]string{"{podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}, {from: [{podSelector: {matchLabels: {app: admin}}}], ports: [{port: 8080}]}]}"}, nil, web(), No, "", ""},

		"a called pod on its node's network": {[]string{"{podSelector: {}}"}, func(_, t *End) { t.HostNetwork = true }, web(), Unknown, "", DoubtHost},
		"a caller on its node's network":     {[]string{"{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"}, func(f, _ *End) { f.HostNetwork = true }, web(), Unknown, "spec.ingress[0]", DoubtHost},
		"by its node's address":              {[]string{"{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}"}, func(f, _ *End) { f.HostNetwork = true }, web(), Yes, "spec.ingress[0]", ""},
		"a caller on the pod's own node":     {[]string{"{podSelector: {}}"}, func(f, to *End) { f.HostNetwork, f.Node = true, to.Node }, web(), Yes, "", ""},
		"the pod itself":                     {[]string{"{podSelector: {}}"}, func(f, to *End) { *f = *to }, web(), Yes, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := pod("shop", "web"), pod("shop", "orders")
			if c.change != nil {
				c.change(&from, &to)
			}
			v := Judge(from, to, c.port, Listed{Complete: true}, policies(t, c.policies...))
			path, doubt := "", v.Ingress.Doubt
			for _, r := range v.Ingress.Rulings {
				if r.Path != "" {
					path = r.Path
				}
				if doubt == NoDoubt {
					doubt = r.Doubt
				}
			}
			if v.Passes != c.want || path != c.path || doubt != c.doubt {
				t.Errorf("passes %s by %q in doubt %q, want %s by %q in doubt %q", v.Passes, path, doubt, c.want, c.path, c.doubt)
			}
		})
	}
}

func TestBothSides(t *testing.T) {
	from, to := pod("shop", "web"), pod("shop", "orders")
	deny, toOrders := "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}", "{podSelector: {matchLabels: {app: web}}, egress: [{to: [{podSelector: {matchLabels: {app: orders}}}], ports: [{port: http}]}]}"
	intoOrders := "{podSelector: {matchLabels: {app: orders}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}"
	for name, c := range map[string]struct {
		policies                []string
		all, egress, ingress    Answer
		egressSeen, ingressSeen int
	}{
		"egress denies":                      {[]string{deny, intoOrders}, No, No, Yes, 1, 1},
		"egress allows by the called's port": {[]string{toOrders}, Yes, Yes, Yes, 1, 0},
		"an egress rule isolates without types, and ingress with it": {[]string{"{podSelector: {}, egress: [{}]}"}, No, Yes, No, 1, 1},
		"both allow": {[]string{deny, toOrders, intoOrders}, Yes, Yes, Yes, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			all := policies(t, c.policies...)
			v := Judge(from, to, web(), all, all)
			if v.Passes != c.all || v.Egress.Passes != c.egress || v.Ingress.Passes != c.ingress {
				t.Errorf("got %s (egress %s, ingress %s)", v.Passes, v.Egress.Passes, v.Ingress.Passes)
			}
			if len(v.Egress.Rulings) != c.egressSeen || len(v.Ingress.Rulings) != c.ingressSeen {
				t.Errorf("%d and %d policies decide", len(v.Egress.Rulings), len(v.Ingress.Rulings))
			}
		})
	}
}

// What was not read may hold a policy that denies; one that was read and allows is enough.
func TestPoliciesNotRead(t *testing.T) {
	from, to := pod("shop", "web"), pod("shop", "orders")
	if v := Judge(from, to, web(), Listed{Complete: true}, Listed{}); v.Passes != Unknown || v.Ingress.Doubt != DoubtPolicies {
		t.Errorf("got %+v", v)
	}
	denied := policies(t, "{podSelector: {}}")
	denied.Complete = false
	if v := Judge(from, to, web(), Listed{Complete: true}, denied); v.Passes != Unknown {
		t.Errorf("another policy may allow it: %+v", v)
	}
	allowed := policies(t, "{podSelector: {}, ingress: [{}]}")
	allowed.Complete = false
	if v := Judge(from, to, web(), Listed{Complete: true}, allowed); v.Passes != Yes {
		t.Errorf("policies add up: %+v", v)
	}
}

// The caller's own node is reached whatever its egress policies say.
func TestOwnNode(t *testing.T) {
	from, to := pod("shop", "web"), pod("kube-system", "proxy")
	to.HostNetwork, to.Node = true, from.Node
	v := Judge(from, to, web(), policies(t, "{podSelector: {}, policyTypes: [Egress]}"), Listed{Complete: true})
	if v.Passes != Yes || v.Exempt != OwnNode {
		t.Errorf("got %+v", v)
	}
}
