// Package registry is an image registry that misbehaves on demand, so that
// the faults of image pulls can be produced for real. The first part of a
// repository's name chooses the behaviour. It speaks the pull half of the OCI
// distribution specification.
package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/image"
)

// Behaviour is the first part of a repository's name.
type Behaviour string

// What a repository does, whatever its tag.
const (
	// OK serves an image that does nothing, for ever.
	OK Behaviour = "ok"
	// NotFound knows no manifest: 404 MANIFEST_UNKNOWN.
	NotFound Behaviour = "notfound"
	// Private asks for a login; User with Password may pull.
	Private Behaviour = "private"
	// Limited has had enough: 429 TOOMANYREQUESTS.
	Limited Behaviour = "limited"
	// OtherArch has an image for another architecture only.
	OtherArch Behaviour = "other-arch"
	// Broken answers 500.
	Broken Behaviour = "broken"
	// Slow answers like OK, but the manifest takes a minute.
	Slow Behaviour = "slow"
)

// User and Password open the private repositories.
const (
	User     = "sandbox"
	Password = "sandbox"
)

const (
	slowness     = time.Minute
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
	token        = "let-me-in"
)

// registry serves one image under all its names.
type registry struct {
	address string
	// blobs holds the config, the layer, the manifest and the indexes.
	blobs map[string]blob
	// manifest and otherArch are digests of what a tag resolves to.
	manifest, otherArch string
}

type blob struct {
	mediaType string
	body      []byte
}

// Serve listens on the address and serves until the context ends.
func Serve(ctx context.Context, address string, img image.Image) error {
	r, err := newRegistry(address, img)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	return nil
}

func newRegistry(address string, img image.Image) (*registry, error) {
	r := &registry{address: address, blobs: map[string]blob{}}
	add := func(mediaType string, body []byte) map[string]any {
		digest := image.Digest(body)
		r.blobs[digest] = blob{mediaType: mediaType, body: body}
		return map[string]any{"mediaType": mediaType, "digest": digest, "size": len(body)}
	}
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestType,
		"config": add(configType, img.Config), "layers": []any{add(layerType, img.Layer)}})
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	entry := add(manifestType, manifest)
	r.manifest = image.Digest(manifest)
	entry["platform"] = map[string]string{"os": "linux", "architecture": otherArchitecture(runtime.GOARCH)}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []any{entry}})
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	add(indexType, index)
	r.otherArch = image.Digest(index)
	return r, nil
}

// otherArchitecture is one that the machine cannot run, not even as an older
// variant of its own.
func otherArchitecture(own string) string {
	if own == "s390x" {
		return "ppc64le"
	}
	return "s390x"
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if req.URL.Path == "/token" {
		r.serveToken(w, req)
		return
	}
	path, ok := strings.CutPrefix(req.URL.Path, "/v2/")
	if !ok {
		http.NotFound(w, req)
		return
	}
	if path == "" {
		fmt.Fprint(w, "{}")
		return
	}
	name, _, _ := strings.Cut(path, "/")
	switch Behaviour(name) {
	case OK:
	case Private:
		if req.Header.Get("Authorization") != "Bearer "+token {
			r.challenge(w, req, path)
			return
		}
	case Limited:
		fail(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "You have reached your unauthenticated pull rate limit.")
		return
	case Broken:
		fail(w, http.StatusInternalServerError, "UNKNOWN", "the storage behind the registry does not answer")
		return
	case Slow:
		if strings.Contains(path, "/manifests/") {
			select {
			case <-req.Context().Done():
				return
			case <-time.After(slowness):
			}
		}
	case OtherArch, NotFound:
	default:
		fail(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
		return
	}
	r.serveContent(w, req, Behaviour(name), path)
}

func (r *registry) serveContent(w http.ResponseWriter, req *http.Request, behaviour Behaviour, path string) {
	reference := path[strings.LastIndex(path, "/")+1:]
	digest := reference
	if strings.Contains(path, "/manifests/") {
		switch {
		case behaviour == NotFound:
			digest = ""
		case strings.HasPrefix(reference, "sha256:"):
		case behaviour == OtherArch:
			digest = r.otherArch
		default:
			digest = r.manifest
		}
	}
	found, ok := r.blobs[digest]
	if !ok {
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Content-Type", found.mediaType)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Length", fmt.Sprint(len(found.body)))
	if req.Method != http.MethodHead {
		_, _ = w.Write(found.body)
	}
}

// challenge sends the client to the token endpoint, as public registries do.
// A client that comes back with a token that opens nothing is told so.
func (r *registry) challenge(w http.ResponseWriter, req *http.Request, path string) {
	repository := path
	for _, end := range []string{"/manifests/", "/blobs/"} {
		repository, _, _ = strings.Cut(repository, end)
	}
	header := fmt.Sprintf(`Bearer realm="http://%s/token",service="sandbox",scope="repository:%s:pull"`, r.address, repository)
	if req.Header.Get("Authorization") != "" {
		header += `,error="insufficient_scope"`
	}
	w.Header().Set("WWW-Authenticate", header)
	fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
}

// serveToken gives everybody a token, but one that opens the private
// repositories only to who knows the password. A wrong password gets none.
func (r *registry) serveToken(w http.ResponseWriter, req *http.Request) {
	_ = req.ParseForm()
	user, password, given := req.BasicAuth()
	if !given && req.PostForm.Get("username") != "" {
		user, password, given = req.PostForm.Get("username"), req.PostForm.Get("password"), true
	}
	issued := "anonymous"
	if given {
		if user != User || password != Password {
			fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
			return
		}
		issued = token
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": issued, "access_token": issued, "expires_in": 300})
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}
