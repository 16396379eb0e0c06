package inspect

import (
	"regexp"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// defaultRegistry is where a name without a host is looked for
// (distribution/reference, ParseNormalizedNamed), unless the node says otherwise.
const defaultRegistry = "docker.io"

// imageReference is the text of an image field taken apart as the runtimes do.
type imageReference struct {
	// registry is the host with its port, repository the name below it.
	registry, repository string
	// tag is empty where there is none; the kubelet then asks for "latest", or for the digest alone.
	tag, digest string
}

// splitImage takes an image name apart. It does not judge it: an invalid name
// gives parts that make no sense, but never a panic.
func splitImage(image string) imageReference {
	var r imageReference
	name, digest, _ := strings.Cut(image, "@")
	r.digest = digest
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name, r.tag = name[:colon], name[colon+1:]
	}
	host, rest, ok := strings.Cut(name, "/")
	// The first part is a host where it could not be a user's name: the rule of splitDockerDomain.
	if ok && (strings.ContainsAny(host, ".:") || host == "localhost" || host != strings.ToLower(host)) {
		r.registry, r.repository = host, rest
		return r
	}
	r.registry, r.repository = defaultRegistry, name
	return r
}

// named is the repository with what distinguishes this image from others in it.
func (r imageReference) named() string {
	switch {
	case r.digest != "":
		return r.repository + "@" + r.digest
	case r.tag != "":
		return r.repository + ":" + r.tag
	}
	return r.repository + ":latest"
}

// lookup is what Go's resolver says of the name that it looked for (net.DNSError).
var lookup = regexp.MustCompile(`\blookup ([\w.-]+)`)

// lookedUp is the name that the runtime looked for, which is that of a mirror, or
// of the host behind docker.io; the registry's own where the runtime does not say.
func lookedUp(said []finding.Evidence, registry string) string {
	for _, e := range said {
		if m := lookup.FindStringSubmatch(e.Value); m != nil {
			return strings.TrimSuffix(m[1], ".")
		}
	}
	return registry
}
