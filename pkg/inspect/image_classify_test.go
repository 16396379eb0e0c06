package inspect

import (
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// The messages are those of real runtimes: containerd 2.x as measured on the
// sandbox, containerd 1.6 and 1.7, CRI-O and docker as quoted in public reports.
func TestClassifyPull(t *testing.T) {
	for _, c := range []struct {
		name, reason, message string
		want                  pullFault
	}{
		{
			"containerd 2: not found", "ErrImagePull",
			`rpc error: code = NotFound desc = failed to pull and unpack image "127.0.0.1:5000/notfound/x:1": failed to resolve image: 127.0.0.1:5000/notfound/x:1: not found`,
			pullFault{imageNotFound, missingTag, finding.Certain},
		},
		{
			"containerd 1: not found", "ErrImagePull",
			`rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/web:v9": failed to resolve reference "docker.io/library/web:v9": docker.io/library/web:v9: not found`,
			pullFault{imageNotFound, missingTag, finding.Certain},
		},
		{
			"CRI-O: manifest unknown", "ErrImagePull",
			`reading manifest v9 in quay.io/shop/web: manifest unknown`,
			pullFault{imageNotFound, missingTag, finding.Certain},
		},
		{
			"docker: manifest unknown", "ErrImagePull",
			`rpc error: code = Unknown desc = Error response from daemon: manifest for busybox:429 not found: manifest unknown: manifest unknown`,
			pullFault{imageNotFound, missingTag, finding.Certain},
		},
		{
			"ECR: no repository", "ErrImagePull",
			`rpc error: code = Unknown desc = Error response from daemon: repository 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web not found: name unknown: The repository with name 'shop/web' does not exist in the registry with id '123456789012'`,
			pullFault{imageNotFound, missingRepo, finding.Certain},
		},
		{
			"a layer is gone", "ErrImagePull",
			`rpc error: code = NotFound desc = failed to pull and unpack image "r.io/shop/web:v1": failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:1234 (application/vnd.oci.image.layer.v1.tar+gzip) from remote: not found`,
			pullFault{imageNotFound, missingLayer, finding.Certain},
		},
		{
			"containerd 2: wrong platform", "ImagePullBackOff",
			`Back-off pulling image "127.0.0.1:5000/other-arch/x:1": ErrImagePull: rpc error: code = NotFound desc = get image config descriptor: no match for platform in manifest sha256:3ec4c5cc2e1a45125134d30e58c20c0752a1d19512b4a35176d1f0b88813c0c4: not found`,
			pullFault{imageWrongPlatform, unknownPlatform, finding.Certain},
		},
		{
			"containerd 1: wrong platform", "ErrImagePull",
			`rpc error: code = NotFound desc = failed to pull and unpack image "ghcr.io/codefactoryhu/manifest:0.1.5": no match for platform in manifest: not found`,
			pullFault{imageWrongPlatform, unknownPlatform, finding.Certain},
		},
		{
			"CRI-O: wrong platform", "ErrImagePull",
			`choosing image instance: no image found in manifest list for architecture arm64, variant "v8", OS linux`,
			pullFault{imageWrongPlatform, unknownPlatform, finding.Certain},
		},
		{
			"docker: wrong platform", "ErrImagePull",
			`rpc error: code = Unknown desc = no matching manifest for linux/arm64/v8 in the manifest list entries`,
			pullFault{imageWrongPlatform, unknownPlatform, finding.Certain},
		},
		{
			"containerd 2: refused or absent", "ErrImagePull",
			`failed to pull and unpack image "127.0.0.1:5000/private/x:1": failed to resolve image: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
			pullFault{imageDenied, eitherOr, finding.Likely},
		},
		{
			"containerd 2: wrong password", "ErrImagePull",
			`failed to pull and unpack image "127.0.0.1:5000/private/x:1": failed to resolve image: failed to authorize: failed to fetch oauth token: unexpected status from GET request to http://127.0.0.1:5000/token?scope=repository%3Aprivate%2Fx%3Apull&service=sandbox: 401 Unauthorized`,
			pullFault{imageDenied, badCredentials, finding.Certain},
		},
		{
			"containerd 1: no anonymous token", "ErrImagePull",
			`failed to pull and unpack image "r.jfrog.io/ml/scribe:pr-6940": failed to resolve reference "r.jfrog.io/ml/scribe:pr-6940": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://r.jfrog.io/artifactory/api/docker/v2/token?scope=repository%3Ascribe%3Apull: 401 `,
			pullFault{imageDenied, noCredentials, finding.Certain},
		},
		{
			"containerd: basic authentication, none sent", "ErrImagePull",
			`failed to pull and unpack image "r.io/shop/web:v1": failed to resolve reference "r.io/shop/web:v1": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`,
			pullFault{imageDenied, noCredentials, finding.Certain},
		},
		{
			"a 403", "ErrImagePull",
			`failed to pull and unpack image "europe-docker.pkg.dev/p/r/web:v1": failed to resolve reference "europe-docker.pkg.dev/p/r/web:v1": unexpected status from HEAD request to https://europe-docker.pkg.dev/v2/p/r/web/manifests/v1: 403 Forbidden`,
			pullFault{imageDenied, "", finding.Certain},
		},
		{
			"CRI-O: invalid password", "ErrImagePull",
			`rpc error: code = Unknown desc = unable to retrieve auth token: invalid username/password: unauthorized: Please login to the Red Hat Registry using your Customer Portal credentials.`,
			pullFault{imageDenied, badCredentials, finding.Certain},
		},
		{
			"quay through CRI-O", "ErrImagePull",
			`Error reading manifest 1.0.0 in quay.io/shop/web: unauthorized: access to the requested resource is not authorized`,
			pullFault{imageDenied, "", finding.Certain},
		},
		{
			"docker: refused or absent", "ErrImagePull",
			`rpc error: code = Unknown desc = Error response from daemon: pull access denied for octarinesec/enforcer, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
			pullFault{imageDenied, eitherOr, finding.Likely},
		},
		{
			"containerd: limited", "ErrImagePull",
			`failed to pull and unpack image "127.0.0.1:5000/limited/x:1": failed to resolve image: unexpected status from HEAD request to http://127.0.0.1:5000/v2/limited/x/manifests/1: 429 Too Many Requests`,
			pullFault{imageRateLimited, byRegistry, finding.Certain},
		},
		{
			"CRI-O: limited", "ErrImagePull",
			`rpc error: code = Unknown desc = reading manifest v3.6.0 in docker.io/openshift/hello-openshift: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit`,
			pullFault{imageRateLimited, byRegistry, finding.Certain},
		},
		{"kubelet: limited", "ErrImagePull", "pull QPS exceeded", pullFault{imageRateLimited, byKubelet, finding.Certain}},
		{
			"no such host", "ErrImagePull",
			`failed to pull and unpack image "registry.nowhere.example/shop/web:v1": failed to resolve image: failed to do request: Head "https://registry.nowhere.example/v2/shop/web/manifests/v1": dial tcp: lookup registry.nowhere.example on 172.30.0.2:53: no such host`,
			pullFault{registryUnreachable, byDNS, finding.Certain},
		},
		{
			"DNS inside a token request is no denial", "ErrImagePull",
			`failed to pull and unpack image "r.io/shop/web:v1": failed to resolve reference "r.io/shop/web:v1": failed to authorize: failed to fetch anonymous token: Get "https://auth.r.io/token?service=r.io": dial tcp: lookup auth.r.io on 10.0.0.2:53: no such host`,
			pullFault{registryUnreachable, byDNS, finding.Certain},
		},
		{
			"docker: DNS time-out", "ErrImagePull",
			`rpc error: code = Unknown desc = Error response from daemon: Get https://k8s.gcr.io/v2/: dial tcp: lookup k8s.gcr.io on 192.168.49.1:53: read udp 192.168.49.2:48049->192.168.49.1:53: i/o timeout`,
			pullFault{registryUnreachable, byDNS, finding.Certain},
		},
		{
			"docker: DNS misbehaving", "ErrImagePull",
			`rpc error: code = Unknown desc = Error response from daemon: Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io on 127.0.0.53:53: server misbehaving`,
			pullFault{registryUnreachable, byDNS, finding.Certain},
		},
		{
			"refused", "ImagePullBackOff",
			`Back-off pulling image "127.0.0.1:5999/shop/web:v1": ErrImagePull: failed to pull and unpack image "127.0.0.1:5999/shop/web:v1": failed to resolve image: failed to do request: Head "https://127.0.0.1:5999/v2/shop/web/manifests/v1": dial tcp 127.0.0.1:5999: connect: connection refused`,
			pullFault{registryUnreachable, byRefusal, finding.Certain},
		},
		{
			"certificate", "ErrImagePull",
			`failed to pull and unpack image "172.30.0.2:10250/shop/web:v1": failed to resolve image: failed to do request: Head "https://172.30.0.2:10250/v2/shop/web/manifests/v1": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
			pullFault{registryUnreachable, byTLS, finding.Certain},
		},
		{
			"docker: certificate, inside JSON", "ErrImagePull",
			`Error response from daemon: {"message":"Get https://10.78.0.228:5000/v1/_ping: x509: certificate signed by unknown authority"}`,
			pullFault{registryUnreachable, byTLS, finding.Certain},
		},
		{
			"plain HTTP", "ErrImagePull",
			`failed to pull and unpack image "r.local:5000/web:v1": failed to resolve reference "r.local:5000/web:v1": failed to do request: Head "https://r.local:5000/v2/web/manifests/v1": http: server gave HTTP response to HTTPS client`,
			pullFault{registryUnreachable, byPlainHTTP, finding.Certain},
		},
		{
			"a handshake that times out says nothing of the certificate", "ErrImagePull",
			`rpc error: code = Unknown desc = Error response from daemon: Get https://registry-1.docker.io/v2/: net/http: TLS handshake timeout`,
			pullFault{registryUnreachable, byTimeout, finding.Certain},
		},
		{
			"time-out", "ErrImagePull",
			`rpc error: code = DeadlineExceeded desc = failed to pull and unpack image "r.io/shop/web:v1": failed to resolve reference "r.io/shop/web:v1": failed to do request: Head "https://r.io/v2/shop/web/manifests/v1": dial tcp 10.0.0.9:443: i/o timeout`,
			pullFault{registryUnreachable, byTimeout, finding.Certain},
		},
		{
			"an answer that does not come", "ErrImagePull",
			`rpc error: code = DeadlineExceeded desc = failed to pull and unpack image "127.0.0.1:5000/slow/x:1": failed to resolve image: failed to do request: Head "https://127.0.0.1:5000/v2/slow/x/manifests/1": net/http: timeout awaiting response headers`,
			pullFault{registryUnreachable, byTimeout, finding.Certain},
		},
		{
			"a server error", "ErrImagePull",
			`failed to pull and unpack image "127.0.0.1:5000/broken/x:1": failed to resolve image: unexpected status from HEAD request to http://127.0.0.1:5000/v2/broken/x/manifests/1: 500 Internal Server Error`,
			pullFault{registryUnreachable, byServer, finding.Certain},
		},
		{
			"the CRI's own word", "RegistryUnavailable", `image pull failed for r.io/shop/web:v1 because the registry is unavailable`,
			pullFault{registryUnreachable, byNetwork, finding.Certain},
		},
		{
			"the CRI's own word with a cause", "RegistryUnavailable",
			`image pull failed for r.io/shop/web:v1 because the registry is unavailable: pinging container registry r.io: Get "https://r.io/v2/": dial tcp 10.0.0.9:443: connect: connection refused`,
			pullFault{registryUnreachable, byRefusal, finding.Certain},
		},
		{
			"disk full", "ErrImagePull",
			`failed to pull and unpack image "r.io/shop/web:v1": failed to extract layer sha256:9d16: write /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/12/fs/app: no space left on device: unknown`,
			pullFault{imageUnpackFailed, diskFull, finding.Certain},
		},
		{"never", "ErrImageNeverPull", `Container image "shop/web:v1" is not present with pull policy of Never`, pullFault{imageNeverPulled, "", finding.Certain}},
		{
			"invalid", "InvalidImageName", `Failed to apply default image tag "Shop/Web:v1": couldn't parse image name "Shop/Web:v1": invalid reference format: repository name (Web) must be lowercase`,
			pullFault{imageInvalidName, "", finding.Certain},
		},
		{
			"an event about an invalid name", "", `Failed to apply default image tag "shop/web:": couldn't parse image reference "shop/web:": invalid reference format`,
			pullFault{imageInvalidName, "", finding.Certain},
		},
		{
			"signature", "SignatureValidationFailed", `image pull failed for r.io/web:v1 because the signature validation failed: Source image rejected: A signature was required, but no signature exists`,
			pullFault{imageUntrusted, "", finding.Certain},
		},
		{
			"names are no clues: quoted", "ErrImagePull",
			`rpc error: code = NotFound desc = failed to pull and unpack image "r.io/denied/x509:toomanyrequests": failed to resolve image: r.io/denied/x509:toomanyrequests: not found`,
			pullFault{imageNotFound, missingTag, finding.Certain},
		},
		{
			"names are no clues: the tag in CRI-O's words", "ErrImagePull",
			`initializing source docker://quay.io/shop/web:forbidden: reading manifest forbidden in quay.io/shop/web: manifest unknown`,
			pullFault{imageNotFound, missingTag, finding.Certain},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := classifyPull(c.reason, c.message)
			if !ok || got != c.want {
				t.Errorf("got %v (%v), want %v", got, ok, c.want)
			}
		})
	}
}

// A text that does not hold the cause gives none.
func TestClassifyPullSilent(t *testing.T) {
	for _, message := range []string{
		"",
		`Back-off pulling image "registry.example.com/denied/not-found:429"`,
		`failed to pull and unpack image "r.io/shop/web:v1": not implemented: media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer supported since containerd v2.1, please rebuild the image`,
		"Error: ImagePullBackOff",
	} {
		if got, ok := classifyPull("ImagePullBackOff", message); ok {
			t.Errorf("%q: %v", message, got)
		}
	}
}

func TestSplitImage(t *testing.T) {
	for image, want := range map[string]imageReference{
		"web":                           {registry: "docker.io", repository: "web"},
		"shop/web:v1":                   {registry: "docker.io", repository: "shop/web", tag: "v1"},
		"localhost/web:v1":              {registry: "localhost", repository: "web", tag: "v1"},
		"127.0.0.1:5000/web":            {registry: "127.0.0.1:5000", repository: "web"},
		"r.io:443/a/b:v1@sha256:abc":    {registry: "r.io:443", repository: "a/b", tag: "v1", digest: "sha256:abc"},
		"r.io/a@sha256:abc":             {registry: "r.io", repository: "a", digest: "sha256:abc"},
		"https://registry.example/a:v1": {registry: "https:", repository: "/registry.example/a", tag: "v1"},
		"":                              {registry: "docker.io"},
		":":                             {registry: "docker.io"},
		"@":                             {registry: "docker.io"},
	} {
		if got := splitImage(image); got != want {
			t.Errorf("%q: got %+v, want %+v", image, got, want)
		}
	}
	for image, want := range map[string]string{"r.io/web": "web:latest", "web:v1": "web:v1", "web:v1@sha256:abc": "web@sha256:abc"} {
		if got := splitImage(image).named(); got != want {
			t.Errorf("%q: named %q, want %q", image, got, want)
		}
	}
}
