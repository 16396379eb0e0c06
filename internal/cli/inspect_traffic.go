package cli

import (
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// trafficFlags ask whether traffic passes from one end to another.
type trafficFlags struct{ from, to, port string }

func (f *trafficFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.from, "from", "", "")
	fs.StringVar(&f.to, "to", "", "")
	fs.StringVar(&f.port, "port", "", "")
}

func (f *trafficFlags) asked() bool { return f.from != "" || f.to != "" || f.port != "" }

// trafficOptions is what the question is about beside its ends, which are the objects of the selection.
type trafficOptions struct{ port policy.Port }

// into checks the question and puts it into the options.
func (f *trafficFlags) into(o *inspectOptions) error {
	s := o.selection
	policies := len(s.kinds) == 0 || len(s.kinds) == 1 && s.kinds[0] == "NetworkPolicy"
	if len(s.objects) > 0 || !policies || o.selector != "" || o.allNamespaces || o.views != (viewFlags{}) {
		return usage("error.traffic-alone")
	}
	if f.from == "" || f.to == "" {
		return usage("error.traffic-both")
	}
	from, err := trafficEnd("--from", f.from)
	if err != nil {
		return err
	}
	to, err := trafficEnd("--to", f.to)
	if err != nil {
		return err
	}
	if from.Kind == inspect.OutsideKind && to.Kind == inspect.OutsideKind {
		return usage("error.traffic-outside", "from", from.Name, "to", to.Name)
	}
	port, err := trafficPort(f.port)
	if err != nil {
		return err
	}
	o.selection = selection{objects: []finding.Ref{from, to}}
	o.traffic = &trafficOptions{port: port}
	return nil
}

// trafficEnd reads [NAMESPACE/]TYPE/NAME, or an address.
func trafficEnd(flag, value string) (finding.Ref, error) {
	if ip, err := netip.ParseAddr(value); err == nil {
		return finding.Ref{Kind: inspect.OutsideKind, Name: ip.String()}, nil
	}
	namespace, rest := "", value
	if first, more, _ := strings.Cut(value, "/"); strings.Contains(more, "/") {
		namespace, rest = first, more
		if err := checkNamespace(namespace); err != nil {
			return finding.Ref{}, err
		}
	}
	bad := usage("error.traffic-end", "flag", flag, "value", value, "kinds", kindNames(inspect.TrafficKinds()))
	if strings.Count(rest, "/") != 1 {
		return finding.Ref{}, bad
	}
	s, err := parseSelection([]string{rest})
	if err != nil {
		return finding.Ref{}, err
	}
	r := s.objects[0]
	if !slices.Contains(inspect.TrafficKinds(), snapshot.Kind(r.Kind)) {
		return finding.Ref{}, bad
	}
	r.Namespace = namespace
	return r, nil
}

func kindNames(kinds []snapshot.Kind) []string {
	var out []string
	for _, k := range kinds {
		out = append(out, strings.ToLower(string(k)))
	}
	return out
}

// portWord is what a port may be called (IANA_SVC_NAME in apimachinery/pkg/util/validation).
var portWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9-]{1,15}$`) })

// trafficPort reads NUMBER|NAME[/PROTOCOL].
func trafficPort(value string) (policy.Port, error) {
	if value == "" {
		return policy.Port{}, nil
	}
	bad := usage("error.traffic-port", "value", value)
	name, protocol, given := strings.Cut(value, "/")
	p := policy.Port{Protocol: corev1.Protocol(strings.ToUpper(protocol))}
	if given && !slices.Contains([]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}, p.Protocol) {
		return p, bad
	}
	if n, err := strconv.ParseUint(name, 10, 16); err == nil && n > 0 {
		p.Number = int32(n)
		return p, nil
	}
	if p.Name = strings.ToLower(name); !portWord().MatchString(p.Name) || strings.Trim(p.Name, "0123456789-") == "" {
		return p, bad
	}
	return p, nil
}

// look reads both ends and the policies about them, and judges.
func (t *trafficOptions) look() look {
	question := func(q inspect.Query) inspect.TrafficQuery {
		return inspect.TrafficQuery{From: q.Targets[0], To: q.Targets[1], Port: t.port}
	}
	return look{
		plan: func(s *snapshot.Snapshot, q inspect.Query) snapshot.Needs { return inspect.TrafficPlan(s, question(q)) },
		make: func(s *snapshot.Snapshot, q inspect.Query, o inspect.Options) (viewed, error) {
			report, err := inspect.Traffic(s, question(q), o)
			var none *inspect.NoPortError
			if errors.As(err, &none) {
				return nil, usage("error.traffic-no-port", "target", none.Target.String(), "port", none.Port, "have", none.Have)
			}
			return report, err
		},
	}
}
