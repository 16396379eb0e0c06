package render

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

//go:embed phrases.yaml
var phraseFile []byte

// phrase is a sentence that a driver writes into the journal and into events.
type phrase struct {
	match *regexp.Regexp
	ko    string
}

// placeholder is a part of a phrase that differs from one time to the next.
var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// loadPhrases reads the phrases, once. Its error is a defect of the build.
var loadPhrases = sync.OnceValues(func() ([]phrase, error) {
	var in []struct{ En, Ko string }
	if err := lang.Decode(phraseFile, &in); err != nil {
		return nil, fmt.Errorf("read the phrases: %w", err)
	}
	forms := map[string]string{"n": `\d+`, "m": `\d+`, "name": `\S+`, "version": `old|new`, "rest": `.*`, "object": `\S+`}
	all := make([]phrase, len(in))
	for i, p := range in {
		pattern := placeholder.ReplaceAllStringFunc(p.En, func(name string) string {
			name = strings.Trim(name, "{}")
			return "(?P<" + name + ">" + forms[name] + ")"
		})
		match, err := regexp.Compile("^" + pattern + "$")
		if err != nil {
			return nil, fmt.Errorf("the phrase %q: %w", p.En, err)
		}
		all[i] = phrase{match, p.Ko}
	}
	return all, nil
})

// inWords is a driver's sentence in the reader's language; one that is not known stays as it is.
func (p *page) inWords(message string) string {
	if p.lang != lang.Korean {
		return message
	}
	phrases, err := loadPhrases()
	if err != nil {
		return message
	}
	for _, known := range phrases {
		found := known.match.FindStringSubmatch(message)
		if found == nil {
			continue
		}
		return placeholder.ReplaceAllStringFunc(known.ko, func(name string) string {
			name = strings.Trim(name, "{}")
			value := found[known.match.SubexpIndex(name)]
			switch name {
			case "version":
				return p.say("rollout-version-"+value, nil)
			case "rest": // may be a sentence of its own
				return p.inWords(value)
			}
			return value
		})
	}
	return message
}
