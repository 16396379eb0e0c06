package probe

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

// reviewed is what was found in the manifests of public applications, and read
// one by one: file, rule, severity, and the containers as WORKLOAD/CONTAINER.
type reviewed struct {
	file, rule string
	severity   finding.Severity
	containers string
}

// review is the expected list. Each entry is a weakness that is there; what is
// not in the list is one that was looked for and is not there.
func review() []reviewed {
	const boutique, socks, books = "online-boutique.yaml", "sock-shop.yaml", "bookinfo.yaml"
	return []reviewed{
		// Not one probe in the file, and every program behind a Service.
		{books, "probe/missing-readiness", finding.Warning, "details-v1/details productpage-v1/productpage ratings-v1/ratings reviews-v1/reviews reviews-v2/reviews reviews-v3/reviews"},
		// Readiness and liveness are copies of each other in all of them: the same handler,
		// the same rhythm. Redis is asked for an open port only, which no dependency closes.
		{boutique, "probe/identical", finding.Warning, "adservice/server cartservice/server checkoutservice/server currencyservice/server emailservice/server " +
			"frontend/server paymentservice/server productcatalogservice/server recommendationservice/server"},
		{boutique, "probe/identical", finding.Info, "redis-cart/redis"},
		// A Service of type LoadBalancer and no preStop. The load generator has no probe and no
		// Service: nothing is said of it. shippingservice's two probes differ in rhythm: readiness acts first.
		{boutique, "probe/drain-gap", finding.Info, "frontend/server"},
		// Four programs with copies of one probe, behind delays of 180 and 300 s in the place of a startup probe.
		{socks, "probe/identical", finding.Warning, "catalogue/catalogue front-end/front-end payment/payment user/user"},
		{socks, "probe/initial-delay-long", finding.Warning, "catalogue/catalogue catalogue/catalogue front-end/front-end payment/payment payment/payment user/user user/user"},
		{socks, "probe/initial-delay-long", finding.Info, "front-end/front-end"},
		// The other ten take traffic without any probe. queue-master and rabbitmq too: a Service leads to them.
		{socks, "probe/missing-readiness", finding.Warning, "carts/carts carts-db/carts-db catalogue-db/catalogue-db orders/orders orders-db/orders-db " +
			"queue-master/queue-master rabbitmq/rabbitmq session-db/session-db shipping/shipping user-db/user-db"},
		{socks, "probe/drain-gap", finding.Info, "front-end/front-end"},
		// Routes and gateways have no containers: bookinfo-gateway-api.yaml and bookinfo-virtualservices.yaml stay silent.
	}
}

// The manifests are not part of this project: see MSA_CORPUS.
func TestCorpusAsReviewed(t *testing.T) {
	dir := os.Getenv("MSA_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) < 3 {
		t.Skipf("the corpus of public manifests is not beside this project; MSA_CORPUS names its folder (looked in %s)", dir)
	}
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string][]string{}, map[string][]string{}
	for _, r := range review() {
		names := strings.Fields(r.containers)
		slices.Sort(names)
		want[r.file+" "+r.rule+" "+string(r.severity)] = names
	}
	for _, path := range files {
		s, err := file.Load([]string{path}, strings.NewReader(""), file.Options{Namespace: "default", Now: time.Unix(0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		report, err := Check(s, Query{}, Options{Lang: lang.English, Catalogue: catalogue})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			key := filepath.Base(path) + " " + f.Rule + " " + string(f.Severity)
			got[key] = append(got[key], f.Object.Name+"/"+f.Object.Container)
		}
	}
	for key := range got {
		slices.Sort(got[key])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
