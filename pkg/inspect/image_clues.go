package inspect

import (
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

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
	return slices.Concat(localClues(), networkClues(), accessClues(), absenceClues())
}

// localClues are about the node: its platform, its disk, its policy.
func localClues() []clue {
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
	}
}

// networkClues are about the way to the registry, and about registries that do not want to answer now.
func networkClues() []clue {
	return []clue{
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
	}
}

// accessClues are about logins.
func accessClues() []clue {
	return []clue{
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
	}
}

// absenceClues are about names.
func absenceClues() []clue {
	return []clue{
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
