package inspect

import (
	"regexp"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// pullCause is why an image cannot be had; its text is the rule's id.
type pullCause string

// The causes that have a fix of their own. pullFailed is what is left: a text
// that fits none of them. It is reported under its own id with the runtime's
// words as evidence, because calling it "not found" or "denied" on a guess
// would send people to the wrong place.
const (
	imageNotFound       pullCause = "image/not-found"
	imageDenied         pullCause = "image/auth-denied"
	imageRateLimited    pullCause = "image/rate-limited"
	registryUnreachable pullCause = "image/registry-unreachable"
	imageInvalidName    pullCause = "image/invalid-name"
	imageWrongPlatform  pullCause = "image/wrong-architecture"
	imageNeverPulled    pullCause = "image/never-pull-absent"
	imageUnpackFailed   pullCause = "image/unpack-failed"
	imageUntrusted      pullCause = "image/signature-rejected"
	pullFailed          pullCause = "image/pull-failed"
)

// Variants tell apart what the fix depends on within one cause.
const (
	byDNS       = "dns"
	byRefusal   = "refused"
	byTLS       = "tls"
	byPlainHTTP = "plain-http"
	byTimeout   = "timeout"
	byNetwork   = "network"
	byServer    = "server"

	byKubelet  = "kubelet"
	byRegistry = "registry"

	noCredentials   = "no-credentials"
	badCredentials  = "bad-credentials"
	eitherOr        = "either-or" // the registry does not say whether it is private or not there
	missingRepo     = "repository"
	missingTag      = "tag"
	missingLayer    = "layer"
	diskFull        = "disk-full"
	unknownPlatform = ""
)

// pullFault is a classified failure.
type pullFault struct {
	cause      pullCause
	variant    string
	confidence finding.Confidence
}

// clue is a set of words, all of which together mean something.
type clue struct {
	words      []string
	cause      pullCause
	variant    string
	confidence finding.Confidence
}

func sure(cause pullCause, variant string, words ...string) clue {
	return clue{words: words, cause: cause, variant: variant, confidence: finding.Certain}
}

func unsure(cause pullCause, variant string, words ...string) clue {
	return clue{words: words, cause: cause, variant: variant, confidence: finding.Likely}
}

// clues are tried in order, and the order decides, because the runtimes nest
// the true cause inside a general one:
//   - platform and local disk first: their texts end in "not found";
//   - then the network: "failed to authorize: … no such host" is DNS, not access;
//   - then the rate limit, which Docker Hub puts into a denial;
//   - then access before absence: "repository does not exist or may require
//     authorization" is what containerd says after every refused request;
//   - "not found" last, the least specific.
//
// Wordings: containerd core/remotes/docker/{resolver,authorizer,fetcher}.go,
// core/images/image.go; containers/image docker/{errors,docker_client}.go
// (CRI-O); moby distribution/{errors,pull_v2}.go; the registries' error codes
// are those of the OCI distribution spec.
func clues() []clue {
	return []clue{
		sure(imageWrongPlatform, unknownPlatform, "no match for platform"),
		sure(imageWrongPlatform, unknownPlatform, "no matching manifest for"),
		sure(imageWrongPlatform, unknownPlatform, "no image found in", "for architecture"),
		sure(imageWrongPlatform, unknownPlatform, "does not match the specified platform"),
		sure(imageWrongPlatform, unknownPlatform, "exec format error"),
		sure(imageUnpackFailed, diskFull, "no space left on device"),
		sure(imageUnpackFailed, diskFull, "disk quota exceeded"),
		sure(imageUnpackFailed, "", "read-only file system"),
		sure(imageUnpackFailed, "", "input/output error"),
		unsure(imageUnpackFailed, "", "failed to extract layer"),
		unsure(imageUnpackFailed, "", "failed to register layer"),
		unsure(imageUnpackFailed, "", "failed to apply layer"),
		unsure(imageUnpackFailed, "", "failed to prepare extraction snapshot"),
		sure(imageUntrusted, "", "signature validation failed"),
		sure(imageUntrusted, "", "a signature was required"),
		sure(imageUntrusted, "", "rejected by policy"),

		sure(registryUnreachable, byDNS, "no such host"),
		sure(registryUnreachable, byDNS, "server misbehaving"),
		sure(registryUnreachable, byDNS, "name resolution"),
		sure(registryUnreachable, byDNS, "lookup", "timeout"),
		sure(registryUnreachable, byDNS, "lookup", "connection refused"),
		sure(registryUnreachable, byPlainHTTP, "server gave http response to https client"),
		sure(registryUnreachable, byPlainHTTP, "does not look like a tls handshake"),
		sure(registryUnreachable, byTimeout, "tls handshake timeout"), // the certificate was never seen
		sure(registryUnreachable, byTLS, "x509:"),
		sure(registryUnreachable, byTLS, "tls: "),
		sure(registryUnreachable, byRefusal, "connection refused"),
		sure(registryUnreachable, byTimeout, "i/o timeout"),
		sure(registryUnreachable, byTimeout, "deadline exceeded"),
		sure(registryUnreachable, byTimeout, "deadlineexceeded"),
		sure(registryUnreachable, byTimeout, "timeout exceeded"),
		sure(registryUnreachable, byTimeout, "timeout awaiting"),
		sure(registryUnreachable, byTimeout, "connection timed out"),
		unsure(registryUnreachable, byTimeout, "context canceled"), // containerd gives up where nothing arrives for long
		sure(registryUnreachable, byNetwork, "no route to host"),
		sure(registryUnreachable, byNetwork, "network is unreachable"),
		sure(registryUnreachable, byNetwork, "host is down"),
		sure(registryUnreachable, byNetwork, "connection reset"),
		sure(registryUnreachable, byNetwork, "broken pipe"),
		sure(registryUnreachable, byNetwork, "unexpected eof"),
		sure(registryUnreachable, byNetwork, ": eof"),

		sure(imageRateLimited, byKubelet, "pull qps exceeded"),
		sure(imageRateLimited, byRegistry, "toomanyrequests"),
		sure(imageRateLimited, byRegistry, "too many requests"),
		sure(imageRateLimited, byRegistry, "pull rate limit"),
		sure(registryUnreachable, byServer, "500 internal server error"),
		sure(registryUnreachable, byServer, "502 bad gateway"),
		sure(registryUnreachable, byServer, "503 service"),
		sure(registryUnreachable, byServer, "504 gateway"),
		sure(registryUnreachable, byNetwork, "registry is unavailable"), // what the kubelet makes of the CRI's RegistryUnavailable

		sure(imageDenied, noCredentials, "no basic auth credentials"),
		sure(imageDenied, badCredentials, "unable to retrieve auth token", "unauthorized"),
		sure(imageDenied, badCredentials, "invalid username"),
		sure(imageDenied, badCredentials, "incorrect username"),
		sure(imageDenied, badCredentials, "failed to fetch oauth token", "unauthorized"),
		sure(imageDenied, badCredentials, "token has expired"),
		sure(imageDenied, badCredentials, "bad credentials"),
		unsure(imageDenied, eitherOr, "insufficient_scope"),
		unsure(imageDenied, eitherOr, "does not exist or may require"),
		unsure(imageDenied, eitherOr, "may not exist"),
		unsure(imageDenied, eitherOr, "requested access to the resource is denied"),
		sure(imageDenied, noCredentials, "failed to fetch anonymous token"),
		sure(imageDenied, "", "failed to authorize"),
		sure(imageDenied, "", "unauthorized"),
		sure(imageDenied, "", "authentication required"),
		sure(imageDenied, "", "authorization failed"),
		sure(imageDenied, "", "not authorized"),
		sure(imageDenied, "", "forbidden"),
		sure(imageDenied, "", "denied"),

		sure(imageInvalidName, "", "invalid reference format"),
		sure(imageInvalidName, "", "couldn't parse image"),
		sure(imageInvalidName, "", "failed to parse image reference"),

		sure(imageNotFound, missingRepo, "name unknown"),
		sure(imageNotFound, missingRepo, "name_unknown"),
		sure(imageNotFound, missingRepo, "repository name not known"),
		sure(imageNotFound, missingRepo, "the repository", "does not exist"),
		sure(imageNotFound, missingLayer, "could not fetch content", "not found"),
		sure(imageNotFound, missingLayer, "blob unknown"),
		sure(imageNotFound, missingTag, "manifest unknown"),
		sure(imageNotFound, missingTag, "manifest_unknown"),
		sure(imageNotFound, missingTag, "failed to resolve", "not found"),
		sure(imageNotFound, missingTag, "manifest", "not found"),
		sure(imageNotFound, missingTag, "404 not found"),
		sure(imageNotFound, missingTag, "requested image", "not found"),
		sure(imageNotFound, missingTag, "code = notfound"),
		sure(imageNotFound, missingTag, "status code 404"),
	}
}

// classifyPull says why an image cannot be had, from the reason and message of
// a waiting container or of an event about it. ok is false where the text says
// only that a pull failed.
func classifyPull(reason, message string) (fault pullFault, ok bool) {
	switch reason {
	case "ErrImageNeverPull":
		return pullFault{imageNeverPulled, "", finding.Certain}, true
	case "InvalidImageName":
		return pullFault{imageInvalidName, "", finding.Certain}, true
	case "SignatureValidationFailed":
		return pullFault{imageUntrusted, "", finding.Certain}, true
	}
	text := withoutNames(message)
	for _, c := range clues() {
		if containsAll(text, c.words) {
			return pullFault{c.cause, c.variant, c.confidence}, true
		}
	}
	if reason == "RegistryUnavailable" {
		return pullFault{registryUnreachable, byNetwork, finding.Certain}, true
	}
	return pullFault{}, false
}

// reader classifies texts and remembers the answers: replicas tell the same story.
type reader map[string]*pullFault

func (r reader) pull(reason, message string) (pullFault, bool) {
	key := reason + "\x00" + message
	if fault, ok := r[key]; ok {
		if fault == nil {
			return pullFault{}, false
		}
		return *fault, true
	}
	fault, ok := classifyPull(reason, message)
	r[key] = nil
	if ok {
		r[key] = &fault
	}
	return fault, ok
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// Names in a message are chosen by people: an image called "shop/timeout:404"
// must not look like a time-out. What is cut: quoted words without spaces,
// words with a slash (URLs, repositories), and the tag in "manifest TAG in" or
// "manifest for IMAGE".
var (
	quotedName   = regexp.MustCompile(`"[^"\s]*"`)
	slashedName  = regexp.MustCompile(`\S*/\S*`)
	manifestName = regexp.MustCompile(`\bmanifest (for) \S+|\bmanifest (?:\S+) in\b`)
	lookedUpHost = regexp.MustCompile(`lookup \S+`)
)

func withoutNames(message string) string {
	text := strings.ToLower(message)
	text = quotedName.ReplaceAllString(text, `""`)
	text = manifestName.ReplaceAllString(text, "manifest $1 x")
	text = lookedUpHost.ReplaceAllString(text, "lookup")
	return slashedName.ReplaceAllStringFunc(text, func(word string) string {
		for _, kept := range []string{"i/o", "input/output"} { // words of the runtimes that are no names
			if word == kept {
				return word
			}
		}
		return "/"
	})
}
