package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
)

// quotaTown is an API server with one namespace: a quota, a LimitRange, a
// Deployment with its pod, and a node. Trouble answers instead where the path
// ends so; "POST pods" is about dry runs alone.
type quotaTown struct {
	lists   map[string]string
	trouble map[string]http.HandlerFunc
}

func newQuotaTown(trouble map[string]http.HandlerFunc) *quotaTown {
	spec := `{"nodeName":"n1","containers":[{"name":"app","image":"x","resources":{"requests":{"cpu":"250m","memory":"64Mi"},"limits":{"memory":"128Mi"}}}]}`
	list := func(kind, version, items string) string {
		return fmt.Sprintf(`{"kind":%q,"apiVersion":%q,"metadata":{},"items":[%s]}`, kind+"List", version, items)
	}
	old := `"creationTimestamp":"2026-01-01T00:00:00Z"`
	web := `{"metadata":{"name":"web","namespace":"shop","uid":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":` +
		strings.Replace(spec, `"nodeName":"n1",`, "", 1) + `}},"status":{"replicas":1}}`
	return &quotaTown{trouble: trouble, lists: map[string]string{
		"/api/v1/namespaces/shop/resourcequotas":        list("ResourceQuota", "v1", `{"metadata":{"name":"compute","namespace":"shop",`+old+`},"spec":{"hard":{"requests.cpu":"1"}},"status":{"hard":{"requests.cpu":"1"},"used":{"requests.cpu":"250m"}}}`),
		"/api/v1/namespaces/shop/limitranges":           list("LimitRange", "v1", `{"metadata":{"name":"bounds","namespace":"shop"},"spec":{"limits":[{"type":"Container","min":{"cpu":"10m"}}]}}`),
		"/api/v1/namespaces/shop/pods":                  list("Pod", "v1", `{"metadata":{"name":"web-1","namespace":"shop",`+old+`,"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-5d","uid":"r","controller":true}]},"spec":`+spec+`,"status":{"phase":"Running"}}`),
		"/api/v1/pods":                                  list("Pod", "v1", `{"metadata":{"name":"web-1","namespace":"shop",`+old+`},"spec":`+spec+`,"status":{"phase":"Running"}}`),
		"/api/v1/nodes":                                 list("Node", "v1", `{"metadata":{"name":"n1"},"status":{"allocatable":{"cpu":"8","memory":"8Gi","pods":"110"}}}`),
		"/api/v1/namespaces/shop":                       `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"shop"}}`,
		"/apis/apps/v1/namespaces/shop/deployments":     list("Deployment", "apps/v1", web),
		"/apis/apps/v1/namespaces/shop/deployments/web": `{"kind":"Deployment","apiVersion":"apps/v1",` + web[1:],
		"/apis/apps/v1/namespaces/shop/replicasets":     list("ReplicaSet", "apps/v1", `{"metadata":{"name":"web-5d","namespace":"shop","uid":"r","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"d","controller":true}]}}`),
	}}
}

func (q *quotaTown) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for end, handle := range q.trouble {
		method, path, said := strings.Cut(end, " ")
		if !said {
			method, path = http.MethodGet, end
		}
		if r.Method == method && strings.HasSuffix(r.URL.Path, path) {
			handle(w, r)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	answer, known := q.lists[r.URL.Path]
	_, below, _ := strings.Cut(r.URL.Path, "/namespaces/")
	switch {
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Success"}`)
	case known:
		fmt.Fprint(w, answer)
	case strings.Count(below, "/") == 2:
		refusal(http.StatusNotFound, "NotFound", "no such object")(w, r)
	default:
		fmt.Fprint(w, `{"metadata":{},"items":[]}`)
	}
}

// refusal is a Status of the API server.
func refusal(code int, reason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":%q,"details":{"name":"it"}}`, reason, code, message)
	}
}

func hasNone(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"metadata":{},"items":[]}`)
}

func hangs(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // a server notices that the client has gone only then
	<-r.Context().Done()
}

func isForbidden(w http.ResponseWriter, r *http.Request) {
	refusal(http.StatusForbidden, "Forbidden", `it is forbidden: User "kim" cannot create resource "it" in API group ""`)(w, r)
}

// runQuota runs the tool as a user does; what it wrote and its exit code.
func runQuota(t *testing.T, town *quotaTown, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	web := httptest.NewServer(town)
	t.Cleanup(web.Close)
	config := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u","namespace":"shop"}}],"users":[{"name":"u","user":{}}]}`, web.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	streams, stdout, stderr := term.Test(in)
	// Whatever hangs has to end by itself long before this.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	env := Env{Streams: streams, Getenv: func(string) string { return "" }, Now: time.Now}
	code = Run(ctx, env, append([]string{"kubectl-msa", "quota"}, append(args, "--kubeconfig", config)...))
	if ctx.Err() != nil {
		t.Errorf("quota %q did not end by itself", args)
	}
	return code, stdout.String(), stderr.String()
}

// What cannot be read is named with the reason, the rest is told as ever, and
// the exit code says which it was.
func TestQuotaUnderBadCircumstances(t *testing.T) {
	no := func(path string) map[string]http.HandlerFunc { return map[string]http.HandlerFunc{path: isForbidden} }
	stuck := func(path string) map[string]http.HandlerFunc { return map[string]http.HandlerFunc{path: hangs} }
	gpus := func(classes http.HandlerFunc) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{"/deviceclasses": classes, "/resourcequotas": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"metadata":{},"items":[{"metadata":{"name":"gpus","namespace":"shop"},"spec":{"hard":{"requests.example.com/gpu":"4"}},"status":{"hard":{"requests.example.com/gpu":"4"},"used":{"requests.example.com/gpu":"2"}}}]}`)
		}}
	}
	for name, c := range map[string]struct {
		trouble map[string]http.HandlerFunc
		args    string
		code    int
		says    string // parts of both streams, with | between
		not     string
	}{
		"audit, all is well":               {nil, "audit --strict", 0, "deployment/web|compute|250m", "Not checked|Prometheus|TREND"},
		"audit, nodes forbidden":           {no("/nodes"), "audit", 0, "deployment/web|250m|list nodes|forbidden", ""},
		"audit, nodes forbidden, strict":   {no("/nodes"), "audit --strict", 4, "250m|list nodes", ""},
		"audit, quotas forbidden":          {no("/resourcequotas"), "audit", 0, "deployment/web|list resourcequotas in namespace shop", "unlimited-namespace"},
		"audit, no metrics API":            {map[string]http.HandlerFunc{"/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods": http.NotFound}, "audit", 0, "deployment/web|250m|list pods.metrics.k8s.io in namespace shop|not served by this cluster", ""},
		"audit, one list hangs":            {stuck("/limitranges"), "audit --request-timeout 1s", 0, "deployment/web|250m|list limitranges in namespace shop|timed out", "request-missing"},
		"audit, all of it hangs":           {stuck(""), "audit --request-timeout 1s", 1, "did not answer within 1s", "goroutine"},
		"audit, all of it hangs too long":  {stuck(""), "audit --timeout 1s", 124, "gave up after 1s", "goroutine"},
		"audit, nobody may look around":    {no("/api/v1/services"), "audit --strict", 0, "250m", "Prometheus"},
		"audit, a Prometheus that is down": {nil, "audit --prometheus http://127.0.0.1:1 --strict", 4, "250m|how quotas were used over time|Prometheus does not answer", "TREND"},
		"audit, the whole namespace":       {no(""), "audit", 0, "list pods in namespace shop|list resourcequotas in namespace shop", "0 problems|Nothing is wrong"},
		"audit, DeviceClasses forbidden":   {gpus(isForbidden), "audit --strict", 4, "gpus|list deviceclasses.resource.k8s.io", "used-drift"},
		"audit, no DeviceClasses served":   {gpus(http.NotFound), "audit --strict", 0, "gpus|used-drift", "deviceclasses"},
		"headroom, nodes forbidden":        {no("/nodes"), "headroom", 0, "at most 3 more replicas of deployment/web|list nodes", ""},
		"headroom, quotas forbidden":       {no("/resourcequotas"), "headroom --strict", 4, "at most|list resourcequotas", ""},
		"headroom, all of it hangs":        {stuck(""), "headroom --request-timeout 1s", 1, "did not answer within 1s", ""},
		"fit, nodes forbidden":             {no("/nodes"), "fit deployment/web --strict", 4, "is not known|list nodes", "no-room"},
		"fit, pods of others forbidden":    {no("/api/v1/pods"), "fit deployment/web", 0, "is not known|list pods in all namespaces", "no-room"},
		"usage, no Prometheus":             {nil, "usage", 0, "deployment/web|no Service has the labels or the name of a Prometheus: give its address with --prometheus", ""},
		"usage, may not look for one":      {no("/api/v1/services"), "usage --strict", 4, "deployment/web|forbidden: list services in all namespaces: allow it, or give an address with --prometheus", ""},
		"usage, the search hangs":          {stuck("/api/v1/services"), "usage --request-timeout 1s", 0, "deployment/web|timed out: give its address with --prometheus", "allow it"},
		"usage, no metrics API either":     {map[string]http.HandlerFunc{"/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods": http.NotFound}, "usage", 0, "deployment/web|pods.metrics.k8s.io|no Service has", ""},
		"suggest, no Prometheus":           {nil, "suggest", 0, "Nothing is suggested|no Service has", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := runQuota(t, newQuotaTown(c.trouble), "", strings.Fields(c.args)...)
			saysSo(t, code, c.code, out+errs, c.says, c.not)
			if lines := strings.Count(errs, "\n"); code != 0 && code != exitNotChecked && lines != 1 {
				t.Errorf("%d lines of errors: %s", lines, errs)
			}
		})
	}
}

// saysSo compares without the line breaks that the width of the screen makes.
func saysSo(t *testing.T, code, want int, text, says, not string) {
	t.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	if code != want {
		t.Errorf("exit code %d, want %d", code, want)
	}
	for _, part := range strings.Split(says, "|") {
		if !strings.Contains(flat, part) {
			t.Errorf("it does not say %q", part)
		}
	}
	for _, part := range strings.Split(not, "|") {
		if part != "" && strings.Contains(flat, part) {
			t.Errorf("it says %q", part)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}

// A Prometheus that is found says where a quota is heading, through the API server.
func TestQuotaAuditWithTheTrend(t *testing.T) {
	town := newQuotaTown(map[string]http.HandlerFunc{
		"/api/v1/services": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"items":[{"metadata":{"name":"prom","namespace":"monitoring"},"spec":{"ports":[{"name":"web","port":9090}]}}]}`)
		},
		"/proxy/api/v1/query": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`)
		},
		"/proxy/api/v1/query_range": growing,
	})
	code, out, errs := runQuota(t, town, "", "audit", "--strict")
	saysSo(t, code, 0, out+errs, "+58m a day, hard in 8 days (337 samples, 7d)|from service monitoring/prom", "Not checked")
	_, out, _ = runQuota(t, town, "", "audit", "-o", "jsonpath={.namespaces[0].quotas[0].outlook.trend} {.namespaces[0].quotas[0].outlook.daysUntilHard} {.prometheus} {.window}")
	if want := "grows 8 service monitoring/prom 7d"; strings.TrimSpace(out) != want {
		t.Errorf("%q, want %q", out, want)
	}
	// Over an hour there is nothing to claim.
	code, out, errs = runQuota(t, town, "", "audit", "--window", "1h", "-o", "wide")
	saysSo(t, code, 0, out+errs, "too little seen", "a day")
}

// growing is a quota that rises from 100m to 500m over whatever is asked for.
func growing(w http.ResponseWriter, r *http.Request) {
	number := func(name string) float64 {
		f, _ := strconv.ParseFloat(r.URL.Query().Get(name), 64)
		return f
	}
	from, to, step := number("start"), number("end"), number("step")
	var points []string
	for at := from; at <= to && step > 0; at += step {
		points = append(points, fmt.Sprintf(`[%.0f,"%g"]`, at, 0.1+0.4*(at-from)/(to-from)))
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"namespace":"shop","resourcequota":"compute","resource":"requests.cpu"},"values":[%s]}]}}`, strings.Join(points, ","))
}

// Every way of being refused is exit code 3, and says which it was. What the API
// server itself cannot be asked does not change that.
func TestQuotaCheckRefusals(t *testing.T) {
	manifest := func(resources string) string {
		return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"new"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"n"}},"template":{"metadata":{"labels":{"app":"n"}},"spec":{"containers":[{"name":"app","image":"x","resources":` + resources + `}]}}}}`
	}
	fits := manifest(`{"requests":{"cpu":"100m"}}`)
	webhook := refusal(http.StatusForbidden, "Forbidden", `admission webhook "policy.example.com" denied the request: no team label`)
	for name, c := range map[string]struct {
		trouble   map[string]http.HandlerFunc
		in        string
		args      string
		code      int
		says, not string
	}{
		"fits":                          {nil, fits, "", 0, "Nothing would be refused", "Not checked"},
		"quota":                         {nil, manifest(`{"requests":{"cpu":"500m"}}`), "", 3, "resourcequota/compute|requests.cpu|quota/exceeded|1/2", ""},
		"LimitRange":                    {nil, manifest(`{"requests":{"cpu":"5m"}}`), "", 3, "limitrange/bounds|quota/limitrange-violation|minimum cpu usage per Container is 10m", ""},
		"validation":                    {nil, manifest(`{"requests":{"cpu":"300m"},"limits":{"cpu":"200m"}}`), "", 3, "quota/limit-below-request|must be less than or equal to cpu limit", ""},
		"a key that the quota demands":  {map[string]http.HandlerFunc{"/limitranges": hasNone}, manifest(`{"limits":{"memory":"1Gi"}}`), "", 3, "quota/requires-key|resources.requests.cpu", ""},
		"a web hook":                    {map[string]http.HandlerFunc{"POST pods": webhook}, fits, "", 3, "quota/refused-otherwise|no team label", ""},
		"a web hook that is not asked":  {map[string]http.HandlerFunc{"POST pods": webhook}, fits, "--ask-server=false", 0, "Nothing would be refused", "team label"},
		"no dry runs, quota":            {map[string]http.HandlerFunc{"POST pods": isForbidden, "POST deployments": isForbidden}, manifest(`{"requests":{"cpu":"500m"}}`), "--strict", 3, "quota/exceeded|dry run of deployment/new", ""},
		"no dry runs":                   {map[string]http.HandlerFunc{"POST pods": isForbidden, "POST deployments": isForbidden}, fits, "--strict", 4, "forbidden: create deployments.apps in namespace shop", ""},
		"dry runs hang":                 {map[string]http.HandlerFunc{"POST pods": hangs, "POST deployments": hangs}, fits, "--request-timeout 1s", 0, "dry run of deployment/new|timed out", ""},
		"nodes forbidden":               {map[string]http.HandlerFunc{"/nodes": isForbidden}, manifest(`{"requests":{"cpu":"500m"}}`), "", 3, "quota/exceeded|list nodes", ""},
		"quotas forbidden":              {map[string]http.HandlerFunc{"/resourcequotas": isForbidden}, fits, "--strict", 4, "not known|list resourcequotas", "quota/exceeded"},
		"a LimitRange that hangs":       {map[string]http.HandlerFunc{"/limitranges": hangs}, manifest(`{"limits":{"memory":"1Gi"}}`), "--request-timeout 1s", 0, "quota/requires-key|possible|list limitranges|timed out", ""},
		"the API server hangs":          {map[string]http.HandlerFunc{"": hangs}, fits, "--request-timeout 1s", 1, "did not answer within 1s", ""},
		"a namespace that is not there": {map[string]http.HandlerFunc{"/namespaces/shop": refusal(http.StatusNotFound, "NotFound", `namespaces "shop" not found`)}, fits, "", 3, "quota/namespace-missing", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := runQuota(t, newQuotaTown(c.trouble), c.in, append([]string{"check", "-f", "-"}, strings.Fields(c.args)...)...)
			saysSo(t, code, c.code, out+errs, c.says, c.not)
		})
	}
}

// Something that is no API server is one line, and nothing else.
func TestQuotaErrorsAreOneLine(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>a login page</html>") }
	code, out, errs := runQuota(t, newQuotaTown(map[string]http.HandlerFunc{"": page}), "", "audit")
	if code != exitFailed || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "error: ") {
		t.Errorf("%d %q %q", code, out, errs)
	}
}
