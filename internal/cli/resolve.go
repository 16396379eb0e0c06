package cli

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// selection is what the arguments of a reading command name, without a
// namespace: objects, or whole kinds, or nothing for everything.
type selection struct {
	objects []finding.Ref
	kinds   []snapshot.Kind
	// strange are the words for kinds that the tool does not know: whether the
	// cluster does is found out once it is asked. Until then they stand for
	// themselves in objects and kinds.
	strange map[string]error
}

// parseSelection reads arguments as kubectl does: TYPE[,TYPE…] [NAME…] or TYPE/NAME….
func parseSelection(args []string) (selection, error) {
	s, err := parseAnySelection(args)
	for _, unknown := range s.strange {
		return selection{}, unknown
	}
	return s, err
}

// parseAnySelection is parseSelection that leaves kinds which only the cluster may know for later.
func parseAnySelection(args []string) (selection, error) {
	var s selection
	if len(args) == 0 {
		return s, nil
	}
	slashes := 0
	for _, arg := range args {
		if strings.Contains(arg, "/") {
			slashes++
		}
	}
	if slashes > 0 && slashes < len(args) {
		return s, usage("error.mixed-forms")
	}
	if slashes > 0 {
		for _, arg := range args {
			kind, name, _ := strings.Cut(arg, "/")
			if err := s.add(kind, name); err != nil {
				return s, err
			}
		}
		return s, nil
	}
	for _, kind := range strings.Split(args[0], ",") {
		if len(args) == 1 {
			k, err := s.kind(kind)
			if err != nil {
				return s, err
			}
			s.kinds = append(s.kinds, k)
		}
		for _, name := range args[1:] {
			if err := s.add(kind, name); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

func (s *selection) add(kind, name string) error {
	k, err := s.kind(kind)
	if err != nil {
		return err
	}
	if why := content.IsPathSegmentName(name); name == "" || len(why) > 0 {
		return usage("error.bad-name", "kind", kind, "name", name)
	}
	s.objects = append(s.objects, finding.Ref{Kind: string(k), Name: name})
	return nil
}

// kindWord is what a kind may be called.
var kindWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]*(\.[-a-zA-Z0-9]+)*$`) })

// kind finds the kind that was typed; one that only the cluster may know is kept as it was typed.
func (s *selection) kind(typed string) (snapshot.Kind, error) {
	info, err := resolveKind(typed)
	if err == nil {
		return info.Kind, nil
	}
	if !kindWord().MatchString(typed) || misspelt(typed) {
		return "", err
	}
	if s.strange == nil {
		s.strange = map[string]error{}
	}
	s.strange[typed] = err
	return snapshot.Kind(typed), nil
}

// known puts the kinds that were found in the place of the words for them. The
// error is that of the first word for which nothing was found.
func (s selection) known(find func(typed string) (snapshot.Info, bool, error)) (selection, []snapshot.Info, error) {
	if len(s.strange) == 0 {
		return s, nil, nil
	}
	found := map[string]snapshot.Info{}
	var infos []snapshot.Info
	for _, typed := range slices.Sorted(maps.Keys(s.strange)) {
		info, ok, err := find(typed)
		switch {
		case err != nil:
			return s, nil, err
		case !ok:
			return s, nil, s.strange[typed]
		}
		found[typed] = info
		infos = append(infos, info)
	}
	out := selection{objects: slices.Clone(s.objects), kinds: slices.Clone(s.kinds)}
	for i, o := range out.objects {
		if info, ok := found[o.Kind]; ok {
			out.objects[i].Kind = string(info.Kind)
		}
	}
	for i, k := range out.kinds {
		if info, ok := found[string(k)]; ok {
			out.kinds[i] = info.Kind
		}
	}
	return out, infos, nil
}

// misspelt says whether a word is nearly that for a kind of the table.
func misspelt(typed string) bool {
	_, words := kindWords()
	return !strings.Contains(typed, ".") && nearest(typed, words) != ""
}

func kindWords() (names, words []string) {
	for _, k := range snapshot.Kinds() {
		if k.Metadata || k.Kind == "PodMetrics" {
			continue // no kinds that people ask for by name
		}
		names = append(names, k.Singular)
		words = append(words, k.Singular, k.Resource.Resource)
	}
	return names, words
}

// resolveKind finds the kind that was typed.
func resolveKind(typed string) (snapshot.Info, error) {
	if info, ok := snapshot.Resolve(typed); ok {
		return info, nil
	}
	names, words := kindWords()
	return snapshot.Info{}, usage("error.unknown-kind", "kind", typed, "near", nearest(typed, words), "kinds", names)
}

// query gives what is asked of the analysers. Namespace is "" for all.
func (s selection) query(namespace, selector string, found ...snapshot.Info) inspect.Query {
	q := inspect.Query{Namespace: namespace, Kinds: s.kinds, Selector: selector}
	for _, o := range s.objects {
		info, ok := snapshot.Lookup(snapshot.Kind(o.Kind))
		for _, f := range found {
			if string(f.Kind) == o.Kind {
				info, ok = f, true
			}
		}
		if ok && info.Namespaced && o.Namespace == "" {
			o.Namespace = namespace
		}
		q.Targets = append(q.Targets, o)
	}
	return q
}

func checkNamespace(namespace string) error {
	if why := validation.IsDNS1123Label(namespace); len(why) > 0 {
		return usage("error.bad-namespace", "namespace", namespace)
	}
	return nil
}

func checkSelector(selector string) error {
	if _, err := labels.Parse(selector); err != nil {
		return usage("error.bad-selector", "selector", selector, "why", err.Error())
	}
	return nil
}
