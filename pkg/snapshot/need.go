package snapshot

import "fmt"

// Need is one read that a rule or a view asks for. Needs are comparable, so
// that the same read asked for twice is made once.
type Need struct {
	Kind Kind `json:"kind"`
	// Namespace is empty for cluster-scoped kinds and for all namespaces.
	Namespace string `json:"namespace,omitempty"`
	// Name asks for one object; empty asks for a list.
	Name string `json:"name,omitempty"`
	// Selector is a label selector in kubectl's form; only for lists.
	Selector string `json:"selector,omitempty"`
	// Fields is a field selector; only for lists.
	Fields string `json:"fields,omitempty"`
}

// String says what is read in the words of kubectl: "list pods in namespace shop".
func (n Need) String() string {
	if n.Kind == ServerVersionKind {
		return "get /version"
	}
	i, ok := Lookup(n.Kind)
	resource := string(n.Kind)
	if ok {
		resource = i.Resource.Resource
		if i.Resource.Group != "" {
			resource += "." + i.Resource.Group
		}
	}
	s := "list " + resource
	if n.Name != "" {
		s = fmt.Sprintf("get %s %q", resource, n.Name)
	}
	switch {
	case n.Namespace != "":
		s += " in namespace " + n.Namespace
	case ok && i.Namespaced:
		s += " in all namespaces"
	}
	return s
}

// wider are the lists of everything that hold what the need asks for.
func (n Need) wider() [2]Need {
	return [2]Need{{Kind: n.Kind, Namespace: n.Namespace}, {Kind: n.Kind}}
}

// LogNeed asks for the last lines of a container's log.
type LogNeed struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
	// Previous asks for the log of the instance before the current one.
	Previous bool `json:"previous,omitempty"`
	// Lines is how many lines from the end.
	Lines int64 `json:"lines"`
}

// String says what is read.
func (n LogNeed) String() string {
	return fmt.Sprintf("get the log of container %s of pod %q in namespace %s", n.Container, n.Pod, n.Namespace)
}

// Needs are reads of both kinds.
type Needs struct {
	Objects []Need
	Logs    []LogNeed
}

// Add appends more needs.
func (n *Needs) Add(more Needs) {
	n.Objects = append(n.Objects, more.Objects...)
	n.Logs = append(n.Logs, more.Logs...)
}

// Empty says that nothing is asked for.
func (n Needs) Empty() bool { return len(n.Objects) == 0 && len(n.Logs) == 0 }

// Missing is the part of the needs that the snapshot has not tried to read yet,
// each once, in the order asked. A need that a wider read covers, of these or
// before, is not missing; of the objects of a forbidden list, see singly.
func (s *Snapshot) Missing(n Needs) Needs {
	var out Needs
	seen, asked := map[Need]bool{}, map[Need]bool{}
	for _, need := range n.Objects {
		asked[need] = true
	}
	covered := func(n Need) bool {
		for _, wider := range n.wider() {
			if wider != n && asked[wider] && !s.reads[wider].forbidden() {
				return true
			}
		}
		return false
	}
	probing := map[Need]bool{}
	for _, need := range n.Objects {
		if !seen[need] && !covered(need) && !s.tried(need) && s.singly(need, probing) {
			seen[need] = true
			out.Objects = append(out.Objects, need)
		}
	}
	seenLogs := map[LogNeed]bool{}
	for _, need := range n.Logs {
		if _, done := s.logs[need]; !seenLogs[need] && !done {
			seenLogs[need] = true
			out.Logs = append(out.Logs, need)
		}
	}
	return out
}
