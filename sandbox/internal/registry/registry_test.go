package registry

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/sandbox/image"
)

func serve(t *testing.T) *httptest.Server {
	t.Helper()
	img, err := image.Build(image.Config{Entrypoint: []string{"/a"}}, image.File{Path: "a", Data: []byte("binary")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRegistry("registry.test", img)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server
}

type answer struct {
	StatusCode int
	Header     http.Header
}

func get(t *testing.T, url, authorization string) (answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header}, string(body)
}

func TestFaults(t *testing.T) {
	server := serve(t)
	for repository, want := range map[string]struct {
		status int
		code   string
	}{
		"notfound/app": {404, "MANIFEST_UNKNOWN"},
		"private/app":  {401, "UNAUTHORIZED"},
		"limited/app":  {429, "TOOMANYREQUESTS"},
		"broken/app":   {500, "UNKNOWN"},
		"else/app":     {404, "NAME_UNKNOWN"},
	} {
		resp, body := get(t, server.URL+"/v2/"+repository+"/manifests/1", "")
		if resp.StatusCode != want.status || !strings.Contains(body, want.code) {
			t.Errorf("%s: %d %s, want %d %s", repository, resp.StatusCode, body, want.status, want.code)
		}
	}
}

func TestPull(t *testing.T) {
	server := serve(t)
	resp, body := get(t, server.URL+"/v2/ok/any/name/manifests/1", "")
	if resp.StatusCode != 200 || resp.Header.Get("Docker-Content-Digest") != image.Digest([]byte(body)) {
		t.Fatalf("manifest: %d %v", resp.StatusCode, resp.Header)
	}
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal([]byte(body), &manifest); err != nil {
		t.Fatal(err)
	}
	for _, digest := range []string{manifest.Config.Digest, manifest.Layers[0].Digest} {
		if resp, blob := get(t, server.URL+"/v2/ok/any/name/blobs/"+digest, ""); resp.StatusCode != 200 || image.Digest([]byte(blob)) != digest {
			t.Errorf("blob %s: %d", digest, resp.StatusCode)
		}
	}
}

func TestOtherArchitecture(t *testing.T) {
	_, body := get(t, serve(t).URL+"/v2/other-arch/app/manifests/1", "")
	if !strings.Contains(body, `"architecture":"s390x"`) || !strings.Contains(body, indexType) {
		t.Errorf("index = %s", body)
	}
	if otherArchitecture("s390x") == "s390x" {
		t.Error("the other architecture is the machine's own")
	}
}

func TestPrivateOpensToThePasswordOnly(t *testing.T) {
	server := serve(t)
	resp, _ := get(t, server.URL+"/v2/private/app/manifests/1", "")
	if challenge := resp.Header.Get("WWW-Authenticate"); !strings.Contains(challenge, `scope="repository:private/app:pull"`) || strings.Contains(challenge, "error") {
		t.Errorf("challenge = %s", challenge)
	}
	_, body := get(t, server.URL+"/token", "")
	var anonymous struct{ Token string }
	if err := json.Unmarshal([]byte(body), &anonymous); err != nil {
		t.Fatal(err)
	}
	resp, _ = get(t, server.URL+"/v2/private/app/manifests/1", "Bearer "+anonymous.Token)
	if resp.StatusCode != 401 || !strings.Contains(resp.Header.Get("WWW-Authenticate"), "insufficient_scope") {
		t.Errorf("anonymous token: %d %v", resp.StatusCode, resp.Header)
	}
	if resp, _ := get(t, server.URL+"/token", "Basic "+"c2FuZGJveDp3cm9uZw=="); resp.StatusCode != 401 {
		t.Errorf("wrong password: %d", resp.StatusCode)
	}
	_, body = get(t, server.URL+"/token", "Basic "+"c2FuZGJveDpzYW5kYm94")
	var issued struct{ Token string }
	if err := json.Unmarshal([]byte(body), &issued); err != nil {
		t.Fatal(err)
	}
	if resp, _ := get(t, server.URL+"/v2/private/app/manifests/1", "Bearer "+issued.Token); resp.StatusCode != 200 {
		t.Errorf("right password: %d", resp.StatusCode)
	}
}
