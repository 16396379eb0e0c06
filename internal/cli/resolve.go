package cli

import (
	"strings"

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
}

// parseSelection reads arguments as kubectl does: TYPE[,TYPE…] [NAME…] or TYPE/NAME….
func parseSelection(args []string) (selection, error) {
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
			info, err := resolveKind(kind)
			if err != nil {
				return s, err
			}
			s.kinds = append(s.kinds, info.Kind)
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
	info, err := resolveKind(kind)
	if err != nil {
		return err
	}
	if why := content.IsPathSegmentName(name); name == "" || len(why) > 0 {
		return usage("error.bad-name", "kind", kind, "name", name)
	}
	s.objects = append(s.objects, finding.Ref{Kind: string(info.Kind), Name: name})
	return nil
}

// resolveKind finds the kind that was typed.
func resolveKind(typed string) (snapshot.Info, error) {
	if info, ok := snapshot.Resolve(typed); ok {
		return info, nil
	}
	var names, words []string
	for _, k := range snapshot.Kinds() {
		names = append(names, k.Singular)
		words = append(words, k.Singular, k.Resource.Resource)
	}
	return snapshot.Info{}, usage("error.unknown-kind", "kind", typed, "near", nearest(typed, words), "kinds", names)
}

// query gives what is asked of the analysers. Namespace is "" for all.
func (s selection) query(namespace, selector string) inspect.Query {
	q := inspect.Query{Namespace: namespace, Kinds: s.kinds, Selector: selector}
	for _, o := range s.objects {
		if info, ok := snapshot.Lookup(snapshot.Kind(o.Kind)); ok && info.Namespaced {
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
