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
