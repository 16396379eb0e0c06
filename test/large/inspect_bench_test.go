package large_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// getBare asks for each of these addresses, one after the other as kubectl does,
// and decodes the answers.
func getBare(host string, uris []string) error {
	c, err := kubernetes.NewForConfig(&rest.Config{Host: host, QPS: -1, ContentConfig: rest.ContentConfig{AcceptContentTypes: "application/vnd.kubernetes.protobuf,application/json"}})
	if err != nil {
		return fmt.Errorf("set up the client: %w", err)
	}
	for _, uri := range uris {
		if err := c.CoreV1().RESTClient().Get().RequestURI(uri).Do(context.Background()).Error(); err != nil && !strings.Contains(err.Error(), "not found") {
			return fmt.Errorf("get %s: %w", uri, err)
		}
	}
	return nil
}

// BenchmarkInspectDeployment states what it takes to explain one Deployment of
// a namespace with 10,000 pods, as the ratio to a plain client that gets the same
// objects and does nothing with them: "gets" in time, "cpu-gets" in CPU time. Both
// are processes that start anew. Medians of all rounds.
func BenchmarkInspectDeployment(b *testing.B) {
	s := newSelecting(b, shop(b, workloads, replicas))
	run(b, s.tool, "inspect", "deployment/web-7", "-n", "shop")
	uris := strings.Join(s.asked, " ")
	var inspects, gets []cost
	for b.Loop() {
		_, get := inRole(b, filepath.Join(b.TempDir(), "cost"), nil, roleEnv+"=measure", toolEnv+"="+os.Args[0], thenEnv+"=gets", hostEnv+"="+s.URL, urisEnv+"="+uris)
		_, one := run(b, s.tool, "inspect", "deployment/web-7", "-n", "shop")
		inspects, gets = append(inspects, one), append(gets, get)
	}
	took := func(c cost) float64 { return c.Took.Seconds() }
	cpu := func(c cost) float64 { return c.CPU.Seconds() }
	b.ReportMetric(median(inspects, took)/median(gets, took), "gets")
	b.ReportMetric(median(inspects, cpu)/median(gets, cpu), "cpu-gets")
	b.ReportMetric(median(inspects, took), "s/inspect")
	b.ReportMetric(median(gets, took), "s/gets")
}
