package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
)

func TestTrafficFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		ends []finding.Ref
		port policy.Port
	}{
		{[]string{"networkpolicy", "--from", "deploy/web", "--to", "svc/orders"}, []finding.Ref{{Kind: "Deployment", Name: "web"}, {Kind: "Service", Name: "orders"}}, policy.Port{}},
		{[]string{"--from", "pay/sts/db", "--to", "pod/a.b", "--port", "8080"}, []finding.Ref{{Kind: "StatefulSet", Namespace: "pay", Name: "db"}, {Kind: "Pod", Name: "a.b"}}, policy.Port{Number: 8080}},
		{[]string{"netpol", "--from", "2001:db8::1", "--to", "po/a", "--port", "dns/udp"}, []finding.Ref{{Kind: "IP", Name: "2001:db8::1"}, {Kind: "Pod", Name: "a"}}, policy.Port{Name: "dns", Protocol: "UDP"}},
	} {
		o, err := parseInspect(t, c.args...)
		if err != nil || o.traffic == nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		if diff := cmp.Diff(c.ends, o.selection.objects); diff != "" {
			t.Errorf("%q: %s", c.args, diff)
		}
		if diff := cmp.Diff(c.port, o.traffic.port); diff != "" {
			t.Errorf("%q: %s", c.args, diff)
		}
	}
	for _, args := range [][]string{
		{"networkpolicy", "--from", "deploy/web"}, {"networkpolicy", "--to", "deploy/web"}, {"networkpolicy", "--port", "80"},
		{"networkpolicy", "deny", "--from", "deploy/a", "--to", "deploy/b"}, {"pods", "--from", "deploy/a", "--to", "deploy/b"},
		{"networkpolicy", "-l", "a=b", "--from", "deploy/a", "--to", "deploy/b"}, {"networkpolicy", "-A", "--from", "deploy/a", "--to", "deploy/b"},
		{"networkpolicy", "--timeline", "--from", "deploy/a", "--to", "deploy/b"},
		{"--from", "configmap/a", "--to", "deploy/b"}, {"--from", "web", "--to", "deploy/b"}, {"--from", "a/b/c/d", "--to", "deploy/b"},
		{"--from", "A_B/deploy/c", "--to", "deploy/b"}, {"--from", "10.0.0.1", "--to", "10.0.0.2"},
		{"--from", "deploy/a", "--to", "deploy/b", "--port", "0"}, {"--from", "deploy/a", "--to", "deploy/b", "--port", "70000"}, {"--from", "deploy/a", "--to", "deploy/b", "--port", "80/ICMP"},
	} {
		if _, err := parseInspect(t, args...); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

func TestClusterAndWatchFlags(t *testing.T) {
	if o, err := parseInspect(t, "cluster", "-o", "json"); err != nil || !o.cluster || len(o.selection.kinds) != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parseInspect(t, "deploy/web", "--watch", "--timeout", "1m"); err != nil || !o.watch || !o.timeout {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{
		{"cluster", "--watch"}, {"cluster", "-l", "a=b"}, {"cluster", "--learn"}, {"cluster", "-A"},
		{"deploy/web", "--watch", "-f", "a"}, {"deploy/web", "--watch", "-o", "yaml"}, {"deploy/web", "--watch", "--strict"}, {"deploy/web", "--watch", "--fail-on", "error"},
		{"deploy/web", "--watch", "--save-snapshot", "a"},
	} {
		if _, err := parseInspect(t, args...); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
