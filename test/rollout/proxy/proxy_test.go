package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-msa/kubectl-msa/test/rollout/proxy"
)

// server notes what reaches it.
type server struct {
	mu  sync.Mutex
	got []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.got = append(s.got, r.Method+" "+r.URL.Path+" "+string(body))
	s.mu.Unlock()
	w.Header().Set("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "made")
}

func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func start(t *testing.T) (p *proxy.Proxy, behind *server, ask func(method, path, body string) (*http.Response, error)) {
	t.Helper()
	behind = &server{}
	srv := httptest.NewServer(behind)
	t.Cleanup(srv.Close)
	p = proxy.Start(t, &rest.Config{Host: srv.URL})
	path := p.Kubeconfig(t)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), config.Host) {
		t.Fatalf("%s: %v", text, err)
	}
	return p, behind, func(method, path, body string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(context.Background(), method, config.Host+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		return resp, err
	}
}

const (
	workload = "/apis/apps/v1/namespaces/n/deployments/web"
	lease    = "/apis/coordination.k8s.io/v1/namespaces/n/leases/l"
)

func TestRequestsAreToldApart(t *testing.T) {
	p, _, ask := start(t)
	for _, c := range []struct {
		method, path, body string
		want               proxy.Class
	}{
		{"GET", workload, "", proxy.ClassRead},
		{"PATCH", workload, "{}", proxy.ClassWrite},
		{"PATCH", workload + "?dryRun=All", "{}", proxy.ClassRead},
		{"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "{}", proxy.ClassRead},
		{"POST", "/apis/coordination.k8s.io/v1/namespaces/n/leases", `{"metadata":{"name":"l"},"spec":{"holderIdentity":"a"}}`, proxy.ClassWrite},
		{"PATCH", lease, `[{"op":"test","path":"/spec/holderIdentity","value":"a"},{"op":"add","path":"/spec/renewTime","value":"x"}]`, proxy.ClassRenewal},
		{"PUT", lease, `{"spec":{"holderIdentity":"a"}}`, proxy.ClassRenewal},
		{"PUT", lease, `{"spec":{"holderIdentity":"a","renewTime":"x"}}`, proxy.ClassRenewal},
		{"PUT", lease, `{"spec":{"holderIdentity":"b"}}`, proxy.ClassWrite},
		{"PATCH", lease, `[{"op":"test","path":"/spec/holderIdentity","value":"b"},{"op":"replace","path":"/spec/holderIdentity","value":""}]`, proxy.ClassWrite},
		{"PUT", lease, `{"spec":{"holderIdentity":""}}`, proxy.ClassWrite},
		{"DELETE", lease, "", proxy.ClassWrite},
	} {
		resp, err := ask(c.method, c.path, c.body)
		if err != nil {
			t.Fatal(err)
		}
		if date := resp.Header.Get("Date"); resp.StatusCode != http.StatusCreated || date != "Thu, 01 Jan 2026 00:00:00 GMT" {
			t.Errorf("%s %s: %s, Date %q", c.method, c.path, resp.Status, date)
		}
		all := p.Requests()
		if last := all[len(all)-1]; last.Class != c.want || last.Code != http.StatusCreated || string(last.Body) != c.body {
			t.Errorf("%s %s %s: %s, want %s", c.method, c.path, c.body, last, c.want)
		}
	}
	if n := len(p.Writes()); n != 6 {
		t.Errorf("%d writes, want 6", n)
	}
}

func TestTheChosenRequestGoesWrongAndNoOther(t *testing.T) {
	for _, c := range []struct {
		fault proxy.Fault
		// code is what the client gets, 0 for no answer.
		code int
	}{
		{proxy.Fault{Kind: proxy.Kill}, 0},
		{proxy.Fault{Kind: proxy.Kill, Forward: true}, 0},
		{proxy.Fault{Kind: proxy.Answer, Status: 409}, 409},
		{proxy.Fault{Kind: proxy.Answer, Status: 500, Forward: true}, 500},
		{proxy.Fault{Kind: proxy.Hang, For: time.Second}, 0},
		{proxy.Fault{Kind: proxy.Hang, For: time.Second, Forward: true}, 0},
		{proxy.Fault{Kind: proxy.Reset, Forward: true}, 0},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			p, behind, ask := start(t)
			killed := false
			p.OnKill(func() { killed = true })
			done := p.Inject(proxy.ClassWrite, 2, c.fault)
			for i, body := range []string{"one", "two", "three"} {
				// A read between them does not count.
				if _, err := ask("GET", workload, ""); err != nil {
					t.Fatal(err)
				}
				resp, err := ask("PATCH", workload, body)
				want := http.StatusCreated
				if i == 1 {
					want = c.code
				}
				if got := code(resp); got != want || (want == 0) != (err != nil) {
					t.Errorf("%s: %d %v, want %d", body, got, err, want)
				}
			}
			<-done
			if killed != (c.fault.Kind == proxy.Kill) {
				t.Errorf("killed: %v", killed)
			}
			if got := slices.Contains(behind.seen(), "PATCH "+workload+" two"); got != c.fault.Forward {
				t.Errorf("the server got it: %v; %q", got, behind.seen())
			}
		})
	}
}

func TestTooManyRequestsSaysWhenToComeBack(t *testing.T) {
	p, _, ask := start(t)
	p.Inject(proxy.ClassAny, 1, proxy.Fault{Kind: proxy.Answer, Status: 429})
	resp, err := ask("GET", workload, "")
	if err != nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("%v %v", resp, err)
	}
}

func TestACutNetworkComesBack(t *testing.T) {
	p, behind, ask := start(t)
	p.Inject(proxy.ClassWrite, 1, proxy.Fault{Kind: proxy.Cut, For: 300 * time.Millisecond})
	if _, err := ask("PATCH", workload, "first"); err == nil {
		t.Error("the first write got an answer")
	}
	if _, err := ask("GET", workload, ""); err == nil {
		t.Error("a read within the cut got an answer")
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := ask("GET", workload, ""); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the network did not come back")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := behind.seen(); len(got) != 1 {
		t.Errorf("the server got %q", got)
	}
}

func code(resp *http.Response) int {
	if resp == nil {
		return 0
	}
	return resp.StatusCode
}

func TestEachRequestGoesWrongTheFirstTime(t *testing.T) {
	p, _, ask := start(t)
	p.InjectEach(proxy.ClassWrite, proxy.Fault{Kind: proxy.Answer, Status: 409}, func(m string) bool { return !strings.Contains(m, "paused") })
	state := func(phase string, seen int) string {
		return fmt.Sprintf(`[{"op":"test","path":"/data/token","value":"t"},{"op":"add","path":"/data/state","value":"{\"phase\":\"%s\",\"step\":1,\"seen\":%d}"}]`, phase, seen)
	}
	for i, c := range []struct {
		method, path, body string
		code               int
	}{
		{"GET", workload, "", 201},
		{"PATCH", workload, `[{"op":"add","path":"/spec/replicas","value":3}]`, 409},
		{"PATCH", workload, `[{"op":"add","path":"/spec/replicas","value":3}]`, 201},
		{"PATCH", workload, `[{"op":"add","path":"/spec/replicas","value":4}]`, 409},
		{"PATCH", workload, `[{"op":"add","path":"/metadata/labels/mark","value":"a"}]`, 409},
		{"PATCH", "/apis/apps/v1/namespaces/other/deployments/web", `[{"op":"add","path":"/metadata/labels/mark","value":"b"}]`, 201},
		{"PATCH", workload, state("shifting", 1), 409},
		{"PATCH", workload, state("shifting", 2), 201},
		{"PATCH", workload, state("judging", 2), 409},
		{"PATCH", workload, state("paused", 2), 201},
		{"DELETE", lease, "", 409},
		{"GET", workload, "", 201},
	} {
		resp, err := ask(c.method, c.path, c.body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != c.code {
			t.Errorf("%d: %s %s: %d, want %d", i, c.method, c.body, resp.StatusCode, c.code)
		}
	}
	if n := len(p.Hit()); n != 6 {
		t.Errorf("went wrong: %q", p.Hit())
	}
}
