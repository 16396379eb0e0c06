package live

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	// kubeletPatience bounds how long one kubelet is waited for: it answers within
	// milliseconds, and one on a node that is gone does not.
	kubeletPatience = 5 * time.Second
	// kubeletBytes bounds its answer. A node of 500 pods has about 5 MiB of it.
	kubeletBytes = 32 << 20
	// longestMetric bounds a line of it.
	longestMetric = 64 << 10
)

// readNodeProbes asks a kubelet, through the API server's proxy, what it has
// counted of its probes. It keeps what the need's namespace asks for.
func (r *Reader) readNodeProbes(ctx context.Context, n snapshot.Need) objectResult {
	client, err := r.clients.client(corev1.SchemeGroupVersion)
	if err != nil {
		return objectResult{reading: snapshot.Reading{Need: n, Why: err.Error()}, err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, kubeletPatience)
	defer cancel()
	text, err := client.Get().MaxRetries(0).Resource("nodes").Name(n.Name).SubResource("proxy").Suffix("metrics", "probes").
		SetHeader("Accept", "text/plain").Stream(ctx)
	if err != nil {
		return r.failed(n, err)
	}
	defer text.Close()
	_, namespace, _ := strings.Cut(n.Fields, "=")
	found := &snapshot.NodeProbes{}
	found.Name = n.Name
	if found.Counts, err = probeCounts(io.LimitReader(text, kubeletBytes), namespace); err != nil {
		return r.failed(n, err)
	}
	return objectResult{objects: []snapshot.Object{found}, reading: snapshot.Reading{Need: n}}
}

// The two metrics of pkg/kubelet/prober: the number of runs by result, and a
// histogram of how long the successful ones took.
const (
	metricRuns = "prober_probe_total{"
	metricTook = "prober_probe_duration_seconds_bucket{"
)

// counter puts the lines of one kubelet together.
type counter struct {
	namespace string
	counts    []snapshot.ProbeCount
	// at finds a count by its probe and the pod's UID, which the histogram does not have.
	at   map[countOf]int
	took map[countOf][]snapshot.ProbeBucket
}

// countOf names a probe.
type countOf struct{ namespace, pod, container, probe, uid string }

// probeCounts reads the Prometheus text format as far as those metrics need it.
func probeCounts(text io.Reader, namespace string) ([]snapshot.ProbeCount, error) {
	c := counter{namespace: namespace, at: map[countOf]int{}, took: map[countOf][]snapshot.ProbeBucket{}}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, longestMetric)
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		if first && !strings.HasPrefix(line, "#") { // a kubelet that has counted nothing yet says nothing at all
			return nil, errors.New("the answer is not the kubelet's metrics")
		}
		if err := c.add(line); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the kubelet's metrics: %w", err)
	}
	for i, n := range c.counts {
		within := c.took[countOf{n.Namespace, n.Pod, n.Container, n.Probe, ""}]
		slices.SortFunc(within, func(a, b snapshot.ProbeBucket) int { return cmp.Compare(a.Seconds, b.Seconds) })
		c.counts[i].Within = finite(within)
	}
	return c.counts, nil
}

// add takes a line in; what is none of the two metrics is left out.
func (c *counter) add(line string) error {
	runs := strings.HasPrefix(line, metricRuns)
	if !runs && !strings.HasPrefix(line, metricTook) {
		return nil
	}
	labels, value, err := metric(line)
	if err != nil {
		return err
	}
	if c.namespace != "" && labels["namespace"] != c.namespace {
		return nil
	}
	of := countOf{labels["namespace"], labels["pod"], labels["container"], strings.ToLower(labels["probe_type"]), labels["pod_uid"]}
	if !runs {
		of.uid = ""
		if bound, err := strconv.ParseFloat(labels["le"], 64); err == nil {
			c.took[of] = append(c.took[of], snapshot.ProbeBucket{Seconds: bound, Count: int64(value)})
		}
		return nil
	}
	i, known := c.at[of]
	if !known {
		i = len(c.counts)
		c.at[of] = i
		c.counts = append(c.counts, snapshot.ProbeCount{Namespace: of.namespace, Pod: of.pod, UID: of.uid, Container: of.container, Probe: of.probe})
	}
	switch labels["result"] {
	case "successful":
		c.counts[i].Successes += int64(value)
	case "failed":
		c.counts[i].Failures += int64(value)
	}
	return nil
}

// finite leaves the bucket without a bound out, which JSON has no number for; it holds as many as there were successes.
func finite(all []snapshot.ProbeBucket) []snapshot.ProbeBucket {
	return slices.DeleteFunc(all, func(b snapshot.ProbeBucket) bool { return b.Seconds > 1e9 })
}

var labelled = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"`)

// metric reads a line: name{label="value",…} number.
func metric(line string) (labels map[string]string, value float64, err error) {
	end := strings.LastIndexByte(line, '}')
	rest := strings.Fields(line[end+1:])
	if end < 0 || len(rest) == 0 {
		return nil, 0, errors.New("the answer is not the kubelet's metrics")
	}
	if value, err = strconv.ParseFloat(rest[0], 64); err != nil {
		return nil, 0, fmt.Errorf("a number among the kubelet's metrics: %w", err)
	}
	labels = map[string]string{}
	for _, m := range labelled.FindAllStringSubmatch(line[:end], -1) {
		labels[m[1]] = m[2]
	}
	return labels, value, nil
}
