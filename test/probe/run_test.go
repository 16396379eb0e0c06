// Package probe holds what the tool says of probes against the real kubelet:
// when it acts, and what it makes of an answer.
package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/probe/misbehave"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// patience is how long a pod with dozens of containers may take.
const patience = 8 * time.Minute

// The real kubelet asks each probe of a pod again and again, and counts what
// came of it; a run of the same probes by port forwarding comes to the same.
func TestSameVerdictAsTheKubelet(t *testing.T) {
	c := cluster.Get(t)
	loadServer(t, c)
	ns := c.Namespace(t)
	cases := chosen()
	pod := conformance(cases)
	if _, err := c.Typed().CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	kubelet := counted(t, c, ns, pod.Name, len(cases))
	report := runProbes(t, c.Kubeconfig(), "pod/"+pod.Name, "-n", ns, "--exec", "--timeout", "5m")
	agreed := 0
	for i, want := range cases {
		at := place(i)
		var got *probe.Ran
		for j, x := range report.Probes {
			if x.Container == at.container && x.Type == at.kind {
				got = &report.Probes[j]
			}
		}
		switch verdict := kubelet[at]; {
		case got == nil:
			t.Errorf("%s: was not asked", want.Name)
		case want.Doubt != "":
			t.Logf("%s: the kubelet %s, the run %s: %s", want.Name, verdict, got.Verdict, want.Doubt)
		case got.Verdict != verdict:
			t.Errorf("%s: the run says %s (%s), the kubelet %s", want.Name, got.Verdict, got.Reason, verdict)
		default:
			agreed++
		}
	}
	if agreed < 60 {
		t.Errorf("only %d of %d configurations agree", agreed, len(cases))
	}
	t.Logf("%d configurations asked by a real kubelet and by a run: %d agree", len(cases), agreed)
}

// chosen are the configurations that meet the kubelet: one of each kind, of
// which no container has to wait long.
func chosen() []misbehave.Case {
	ports := misbehave.Fixed()
	pick := regexp.MustCompile(`^(status (200|204|301|304|399|400|404|500|503)|redirect 302 to (a path that (passes|fails)|another host|the same host, (other|closed) port|HTTPS of the same host|itself forever)|` +
		`redirects in a row: (9|10)|its user agent|accepts anything|an empty accept|a host header|redirect to the host of a Host header|path: (an empty path|a query|an absolute URL)|` +
		`HTTPS( with an expired certificate| of HTTP/2| to a plain port)?|HTTP to a TLS port|body of (1048576|100) bytes|chunked body of 65536 bytes|body of 1 bytes that the connection ends|` +
		`truncated body|body reset( without a length)?|body that hangs after what is read|answer after (250|2000) ms, timeout 1 s|answer: (garbage|nothing|HTTP/0.9|early hints first)|hangs|is reset|is closed|` +
		`HTTP to a (closed|silent) port|(HTTP|TCP) port by (name|a name that nobody declares)|TCP port (open|silent|closed))$`)
	var out []misbehave.Case
	for _, c := range misbehave.Cases(ports) {
		if c.Name == "body reset without a length" {
			c.Doubt = "port forwarding tells of the reset after the end of the body, or not at all"
		}
		if pick.MatchString(c.Name) {
			out = append(out, c)
		}
	}
	for _, s := range []string{"", "up", "down", "none", "plain", "hang"} {
		out = append(out, misbehave.Case{Name: fmt.Sprintf("gRPC service %q", s), Probe: misbehave.GRPC(ports, s)})
	}
	for name, command := range map[string][]string{
		"exit 0": {"/server", "exit", "0"}, "exit 1": {"/server", "exit", "1", "no"}, "exit 255": {"/server", "exit", "255"}, "no such program": {"/nosuch"}, "a folder": {"/bin"},
		"output of 20 KiB": {"/server", "say", "20480"}, "too slow": {"/server", "sleep", "5s"}, "a value of the environment": {"/server", "same", "$(GREETING)", "hello"},
		"a name that nobody sets": {"/server", "same", "$(NOBODY)", "$$(NOBODY)"}, "a value from elsewhere": {"/server", "same", "$(POD)", ""},
	} {
		out = append(out, misbehave.Case{Name: "exec " + name, Probe: &corev1.Probe{TimeoutSeconds: 2, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}}}})
	}
	out = append(out, misbehave.Case{Name: "a server on loopback", Doubt: "port forwarding reaches loopback, the kubelet asks the pod's address", Probe: &corev1.Probe{
		TimeoutSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ok", Port: intstr.FromInt(ports.Loopback)}},
	}})
	return out
}

// slot is where a configuration sits: two in a container, none of which decides anything.
type slot struct {
	container string
	kind      probe.Type
}

func place(i int) slot {
	kind := probe.Readiness
	if i%2 == 1 {
		kind = probe.Liveness
	}
	return slot{fmt.Sprintf("c%02d", i/2), kind}
}

// conformance is one pod: the server as a sidecar that starts first, and
// containers that do nothing, every fourth of them a sidecar too.
func conformance(cases []misbehave.Case) *corev1.Pod {
	always, none := corev1.ContainerRestartPolicyAlways, int64(0)
	ports := misbehave.Fixed()
	server := corev1.Container{
		Name: "server", Image: serverImage, Command: []string{"/server", "serve"}, RestartPolicy: &always,
		StartupProbe: &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 100, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ok", Port: intstr.FromInt(ports.H2), Scheme: corev1.URISchemeHTTPS}}},
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "conformance"}, Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyOnFailure, TerminationGracePeriodSeconds: &none, InitContainers: []corev1.Container{server},
	}}
	for i := 0; i < len(cases); i += 2 {
		c := *misbehave.Container(ports)
		c.Name, c.Image, c.Command = place(i).container, serverImage, []string{"/server", "idle"}
		c.Env = []corev1.EnvVar{{Name: "GREETING", Value: "hello"}, {Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}
		named := false
		for j := i; j < min(i+2, len(cases)); j++ {
			p := cases[j].Probe.DeepCopy()
			named = named || p.HTTPGet != nil && p.HTTPGet.Port.Type == intstr.String || p.TCPSocket != nil && p.TCPSocket.Port.Type == intstr.String
			p.PeriodSeconds, p.SuccessThreshold, p.FailureThreshold = 3, 1, 10000
			if place(j).kind == probe.Readiness {
				c.ReadinessProbe = p
			} else {
				c.LivenessProbe = p
			}
		}
		if !named {
			c.Ports = nil // the API server warns of every one that stands twice in a pod
		}
		if i%8 == 0 {
			c.RestartPolicy = &always
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
			continue
		}
		pod.Spec.Containers = append(pod.Spec.Containers, c)
	}
	return pod
}

var total = regexp.MustCompile(`^prober_probe_total\{(.*)\} (\d+)`)

// enough is how often the kubelet has counted every other probe, of the same
// period, when one of which it has counted nothing is known to be discarded each time.
const enough = 5

// counted waits until every container runs and the kubelet has asked each probe
// again and again since, and gives what most of the answers were. A run that is
// discarded is not counted.
func counted(t *testing.T, c *cluster.Cluster, ns, pod string, cases int) map[slot]probe.Verdict {
	t.Helper()
	verdicts := map[slot]probe.Verdict{}
	var before map[slot]int
	c.WaitFor(t, "the kubelet to have asked every probe", patience, func(ctx context.Context) (bool, string, error) {
		time.Sleep(time.Second)
		counts, trouble := counts(ctx, c, ns)
		if trouble != "" {
			return false, trouble, nil
		}
		done, silent, all := 0, 0, map[slot]int{}
		for i := range cases {
			at, most := place(i), 0
			verdicts[at] = probe.Discarded
			for v, n := range counts[at] {
				if all[at] += n; n > most {
					most, verdicts[at] = n, v
				}
			}
			switch {
			case all[at] == 0:
				silent++
			case all[at]-before[at] >= enough && 2*most > all[at]:
				done++
			}
		}
		if before == nil {
			if running, err := runs(ctx, c, ns, pod); err != nil || !running {
				return false, "not every container runs", err
			}
			before = all
			return false, "", nil
		}
		return done > silent && done+silent == cases, fmt.Sprintf("%d of %d counted often enough, of %d nothing", done, cases, silent), nil
	})
	return verdicts
}

// runs says whether every container of the pod runs.
func runs(ctx context.Context, c *cluster.Cluster, ns, name string) (bool, error) {
	pod, err := c.Typed().CoreV1().Pods(ns).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	all := append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...), pod.Status.ContainerStatuses...)
	for _, s := range all {
		if s.State.Running == nil {
			return false, nil
		}
	}
	return len(all) == len(pod.Spec.InitContainers)+len(pod.Spec.Containers), nil
}

// counts reads the kubelet's own counters of a namespace; trouble says why it could not.
func counts(ctx context.Context, c *cluster.Cluster, ns string) (counts map[slot]map[probe.Verdict]int, trouble string) {
	body, err := c.Typed().CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/node-1/proxy/metrics/probes").DoRaw(ctx)
	if err != nil {
		return nil, err.Error()
	}
	counts = map[slot]map[probe.Verdict]int{}
	for _, line := range strings.Split(string(body), "\n") {
		m := total.FindStringSubmatch(line)
		if len(m) != 3 || label(m[1], "namespace") != ns {
			continue
		}
		at := slot{label(m[1], "container"), probe.Type(strings.ToLower(label(m[1], "probe_type")))}
		if counts[at] == nil {
			counts[at] = map[probe.Verdict]int{}
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, err.Error()
		}
		counts[at][map[string]probe.Verdict{"successful": probe.Success, "failed": probe.Failure}[label(m[1], "result")]] += n
	}
	return counts, ""
}

func label(labels, name string) string {
	m := regexp.MustCompile(`(?:^|,)` + name + `="([^"]*)"`).FindStringSubmatch(labels)
	if m == nil {
		return ""
	}
	return m[1]
}

func runProbes(t *testing.T, kubeconfig string, args ...string) probe.RunReport {
	t.Helper()
	got := workshop.Run(t, kubeconfig, append([]string{"probe", "run", "-o", "json", "--fail-on", "none"}, args...)...)
	if got.Code != 0 {
		t.Fatalf("probe run %v: exit code %d: %s", args, got.Code, got.Stderr)
	}
	var r probe.RunReport
	if err := json.Unmarshal([]byte(got.Stdout), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// A program on loopback: port forwarding says that it passes, and the kubelet's
// events say otherwise; the helper pod sees both, and is gone afterwards.
func TestLoopbackOnly(t *testing.T) {
	c := cluster.Get(t)
	loadServer(t, c)
	ns := c.Namespace(t)
	c.Apply(t, ns, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: shy}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: app
    image: %s
    command: [/server, serve]
    readinessProbe: {periodSeconds: 1, httpGet: {path: /ok, port: %d}}
    livenessProbe: {httpGet: {path: /ok, port: %d}}
`, serverImage, misbehave.Fixed().Loopback, misbehave.Fixed().HTTP))
	c.WaitFor(t, "the kubelet to be refused, and a run to say why", patience, func(context.Context) (bool, string, error) {
		time.Sleep(time.Second)
		r := runProbes(t, c.Kubeconfig(), "pod/shy", "-n", ns)
		seen := fmt.Sprintf("%d probes, %+v, %+v", len(r.Probes), r.Findings, r.NotChecked)
		return len(r.Findings) == 1 && r.Findings[0].Rule == "probe/loopback-only" && r.Findings[0].Confidence == "likely", seen, nil
	})
	got := workshop.Run(t, c.Kubeconfig(), "probe", "run", "pod/shy", "-n", ns, "-o", "json", "--helper", "--helper-image", serverImage)
	var r probe.RunReport
	if err := json.Unmarshal([]byte(got.Stdout), &r); err != nil || got.Code != 3 {
		t.Fatalf("exit code %d, %v: %s", got.Code, err, got.Stderr)
	}
	if len(r.Findings) != 1 || r.Findings[0].Rule != "probe/loopback-only" || r.Findings[0].Confidence != "certain" {
		t.Errorf("findings %+v, not checked %+v", r.Findings, r.NotChecked)
	}
	for _, x := range r.Probes {
		want := map[probe.Type]probe.Verdict{probe.Readiness: probe.Failure, probe.Liveness: probe.Success}[x.Type]
		if x.Verdict != want || x.Transport != probe.Helper {
			t.Errorf("%s by %s: %s, %s", x.Type, x.Transport, x.Verdict, x.Reason)
		}
	}
	if !strings.HasPrefix(got.Stderr, "--helper: creates a pod") {
		t.Errorf("it does not say first what it will do: %q", got.Stderr)
	}
	noHelperLeft(t, c, ns)
	interrupted(t, c, ns)
	noHelperLeft(t, c, ns)
}

// interrupted lets a run ask for long, and interrupts it as Ctrl-C does once its helper pod is there.
func interrupted(t *testing.T, c *cluster.Cluster, ns string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), workshop.Tool(t), "probe", "run", "pod/shy", "-n", ns, "--helper", "--helper-image", serverImage, "--samples", "1000", "--interval", "1s")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "MSA_LANG=en")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.WaitFor(t, "the helper pod to run", patience, func(ctx context.Context) (bool, string, error) {
		pods, err := c.Typed().CoreV1().Pods(ns).List(ctx, helpers)
		return err == nil && len(pods.Items) == 1 && pods.Items[0].Status.Phase == corev1.PodRunning, fmt.Sprint(len(pods.Items)), err
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("after an interrupt: %v, %s", err, said.String())
	}
}

var helpers = metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubectl-msa"}

// noHelperLeft holds that no helper pod is there but one that is already being deleted.
func noHelperLeft(t *testing.T, c *cluster.Cluster, ns string) {
	t.Helper()
	pods, err := c.Typed().CoreV1().Pods(ns).List(t.Context(), helpers)
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil {
			t.Errorf("helper pod %s is left", pod.Name)
		}
	}
}

// Without the right to forward ports nothing is claimed; with --exec a command
// in the container takes its place.
func TestWithoutPortForward(t *testing.T) {
	c := cluster.Get(t)
	loadServer(t, c)
	ns := c.Namespace(t)
	c.Apply(t, ns, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: app
    image: %s
    command: [/server, serve]
    readinessProbe: {periodSeconds: 1, httpGet: {path: /ok, port: %d}}
`, serverImage, misbehave.Fixed().HTTP))
	c.WaitFor(t, "the pod to be ready", patience, func(ctx context.Context) (bool, string, error) {
		pod, err := c.Typed().CoreV1().Pods(ns).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].Ready, "", err
	})
	reading := []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list"}}}
	kubeconfig := c.KubeconfigFor(t, "onlooker", reading, ns)
	r := runProbes(t, kubeconfig, "pod/web", "-n", ns)
	if len(r.Probes) != 1 || r.Probes[0].Verdict != probe.NotRun || !strings.Contains(r.Probes[0].Reason, "forbidden: create pods/portforward in namespace "+ns) {
		t.Errorf("%+v", r.Probes)
	}
	// Nor may such a user ask kubelets what they have counted, which is said once.
	got := workshop.Run(t, kubeconfig, "probe", "check", "-n", ns)
	if want := `get nodes/proxy "node-1"`; got.Code != 0 || strings.Count(got.Stdout, want) != 1 {
		t.Errorf("exit code %d, want %q once:\n%s%s", got.Code, want, got.Stdout, got.Stderr)
	}
	if got := workshop.Run(t, kubeconfig, "probe", "run", "pod/web", "-n", ns, "--strict"); got.Code != 4 {
		t.Errorf("with --strict: exit code %d", got.Code)
	}
	kubeconfig = c.KubeconfigFor(t, "operator", append(reading, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods/exec"}, Verbs: []string{"create", "get"}}), ns)
	r = runProbes(t, kubeconfig, "pod/web", "-n", ns, "--exec")
	if len(r.Probes) != 1 || r.Probes[0].Verdict != probe.Success || r.Probes[0].Transport != probe.InContainer {
		t.Errorf("%+v", r.Probes)
	}
	if _, err := c.Typed().CoreV1().Pods(ns).Get(t.Context(), "web", metav1.GetOptions{}); apierrors.IsNotFound(err) {
		t.Error("the pod is gone")
	}
}
