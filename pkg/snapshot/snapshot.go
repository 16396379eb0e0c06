// Package snapshot holds what was seen of a cluster at one moment: typed
// objects with indexes, what could not be read and why, and when it was taken.
// Analysers read it and nothing else, so that a saved snapshot gives the same
// answers as the live cluster did.
package snapshot

import (
	"slices"
	"sort"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
)

// State is one of the three answers about an object or a list.
type State int

// Unknown is the zero value: not asked, forbidden, timed out, or not served.
// Unknown never turns into Absent.
const (
	Unknown State = iota
	Absent
	Present
)

// Answer is a state, and for Unknown the reason.
type Answer struct {
	State State
	Why   string
	// NotServed, of an Unknown: the cluster does not know the kind, so that there
	// is none of it. That says nothing of what else would do the same work.
	NotServed bool
}

// Source says where a snapshot came from.
type Source string

// A cluster answers for everything read from it. Manifests only say what was
// written: what is not in them may exist, and nothing in them has been observed.
const (
	FromCluster   Source = "cluster"
	FromManifests Source = "manifests"
)

// Reading records one read and how it ended.
type Reading struct {
	Need Need `json:"need"`
	// Why is empty for a read that worked, else why it is unknown.
	Why string `json:"why,omitempty"`
	// NotFound: the API server answered that the one object is not there.
	NotFound bool `json:"notFound,omitempty"`
	// NotServed: the API server said that it does not know the kind; Why says so too.
	NotServed bool `json:"notServed,omitempty"`
	// Partial: a list that was cut at a bound; what is in it is seen, the rest is not.
	Partial bool `json:"partial,omitempty"`
}

// forbidden says that whoever asked may not read this.
func (r Reading) forbidden() bool { return strings.HasPrefix(r.Why, refused) }

// Forbidden says that the answer is unknown because whoever asked may not read it.
func (a Answer) Forbidden() bool { return strings.HasPrefix(a.Why, refused) }

// NotRead says that the answer is unknown because nobody has asked the API server.
func (a Answer) NotRead() bool { return a.Why == NotRead }

// NotRead is the reason of an answer where nobody has asked the API server.
const NotRead = "not read"

// refused begins the reason of what may not be read.
const refused = "forbidden: "

// LogReading is the end of a log, or why it could not be read.
type LogReading struct {
	Need  LogNeed  `json:"need"`
	Lines []string `json:"lines,omitempty"`
	Why   string   `json:"why,omitempty"`
}

type key struct {
	kind            Kind
	namespace, name string
}

// Snapshot is what was seen. It is filled by a reader, then only read; it is
// not safe for use by several goroutines while it is being filled.
type Snapshot struct {
	// TakenAt is the time that rules reckon with: the API server's where it said it.
	TakenAt time.Time
	Source  Source
	// Context and Namespace are those of the kubeconfig in use.
	Context, Namespace string
	// Requests counts the requests to the API server that made it.
	Requests int

	order    []key                        // of manifests alone: a file says one thing after the other
	byKind   map[Kind]map[string][]Object // kind → namespace → objects in order of name
	readings []Reading
	reads    map[Need]Reading
	logs     map[LogNeed]LogReading
	series   map[SeriesNeed]SeriesReading
	trace    map[Kind]bool
	found    []Info
	index    labelIndex

	generation int
}

// New makes an empty snapshot.
func New(source Source, takenAt time.Time) *Snapshot {
	return &Snapshot{
		TakenAt: takenAt, Source: source,
		byKind: map[Kind]map[string][]Object{},
		reads:  map[Need]Reading{}, logs: map[LogNeed]LogReading{},
	}
}

// Add takes an object in, made safe: see Sanitize. The last of two with the same name wins.
func (s *Snapshot) Add(o Object) {
	Sanitize(o)
	k := key{KindOf(o), o.GetNamespace(), o.GetName()}
	spaces := s.byKind[k.kind]
	if spaces == nil {
		spaces = map[string][]Object{}
		s.byKind[k.kind] = spaces
	}
	at, known := s.position(k)
	if known {
		spaces[k.namespace][at] = o
	} else {
		spaces[k.namespace] = slices.Insert(spaces[k.namespace], at, o)
		if s.Source == FromManifests {
			s.order = append(s.order, k)
		}
	}
	s.index.forget()
	s.generation++
}

// Generation changes with each object that comes in: what was gathered from the
// snapshot before is then no longer all.
func (s *Snapshot) Generation() int { return s.generation }

// position is where an object stands, or would stand, among those of its kind and namespace.
func (s *Snapshot) position(k key) (int, bool) {
	return slices.BinarySearchFunc(s.byKind[k.kind][k.namespace], k.name, func(o Object, name string) int { return strings.Compare(o.GetName(), name) })
}

// held gives the object if the snapshot has it.
func (s *Snapshot) held(k key) (Object, bool) {
	at, known := s.position(k)
	if !known {
		return nil, false
	}
	return s.byKind[k.kind][k.namespace][at], true
}

// Record notes how a read ended.
func (s *Snapshot) Record(r Reading) {
	if _, ok := s.reads[r.Need]; !ok {
		s.readings = append(s.readings, r)
	}
	s.reads[r.Need] = r
}

// RecordLog takes the end of a log in, its lines made safe.
func (s *Snapshot) RecordLog(r LogReading) {
	for i := range r.Lines {
		r.Lines[i] = Safe(r.Lines[i])
	}
	s.logs[r.Need] = r
}

// Readings lists the reads in the order they were made.
func (s *Snapshot) Readings() []Reading { return s.readings }

// Logs lists the log reads, in order of pod and container.
func (s *Snapshot) Logs() []LogReading {
	out := make([]LogReading, 0, len(s.logs))
	for _, r := range s.logs {
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Need.String() < out[j].Need.String() })
	return out
}

// Objects lists everything held, by kind in the order of Kinds and then of
// Found, then namespace and name. What a reader made of other things comes last.
func (s *Snapshot) Objects() []Object {
	var out []Object
	for _, i := range slices.Concat(Kinds(), s.found, asideKinds()) {
		out = append(out, s.all(i.Kind, "")...)
	}
	return out
}

// Know takes in a kind that is not in the table.
func (s *Snapshot) Know(i Info) {
	if _, known := s.Info(i.Kind); !known {
		s.found = append(s.found, i)
	}
}

// Found lists the kinds beyond the table that are known here, as they were found.
func (s *Snapshot) Found() []Info { return s.found }

// Info describes a kind of the table, or one that was found.
func (s *Snapshot) Info(kind Kind) (Info, bool) {
	if i, ok := Lookup(kind); ok {
		return i, true
	}
	for _, i := range s.found {
		if i.Kind == kind {
			return i, true
		}
	}
	return Info{}, false
}

// InOrder lists the objects of manifests as they stand in their files, which is
// the order in which they are sent; what came from a cluster has none, and is
// listed as by Objects.
func (s *Snapshot) InOrder() []Object {
	if s.Source != FromManifests {
		return s.Objects()
	}
	out := make([]Object, len(s.order))
	for i, k := range s.order {
		out[i], _ = s.held(k)
	}
	return out
}

// OfKind lists what is held of a kind in a namespace ("" for all), in order.
func (s *Snapshot) OfKind(kind Kind, namespace string) []Object {
	s.touch(kind)
	return s.all(kind, namespace)
}

func (s *Snapshot) all(kind Kind, namespace string) []Object {
	if namespace != "" {
		return s.byKind[kind][namespace]
	}
	spaces := make([]string, 0, len(s.byKind[kind]))
	for ns := range s.byKind[kind] {
		spaces = append(spaces, ns)
	}
	sort.Strings(spaces)
	var out []Object
	for _, ns := range spaces {
		out = append(out, s.byKind[kind][ns]...)
	}
	return out
}

// Get answers for one object. Absent only where the API server said so, or
// where a whole list that would hold it does not.
func Get[T Object](s *Snapshot, namespace, name string) (T, Answer) {
	kind := kindFor[T]()
	o, a := s.Find(kind, namespace, name)
	t, _ := o.(T)
	return t, a
}

// Find is Get for a kind that is only known by name.
func (s *Snapshot) Find(kind Kind, namespace, name string) (Object, Answer) {
	s.touch(kind)
	if o, ok := s.held(key{kind, namespace, name}); ok {
		return o, Answer{State: Present}
	}
	if r, ok := s.reads[Need{Kind: kind, Namespace: namespace, Name: name}]; ok {
		if r.NotFound {
			return nil, Answer{State: Absent}
		}
		return nil, Answer{Why: r.Why, NotServed: r.NotServed}
	}
	if a := s.Covered(kind, namespace, ""); a.State == Present {
		return nil, Answer{State: Absent}
	} else if a.Why != "" {
		return nil, a
	}
	return nil, Answer{Why: NotRead}
}

// List gives what was seen of a kind in a namespace ("" for all) that the
// selector matches (nil for everything). Present means the list is complete;
// Unknown means there may be more.
func List[T Object](s *Snapshot, namespace string, selector labels.Selector) ([]T, Answer) {
	kind := kindFor[T]()
	s.touch(kind)
	var out []T
	for _, o := range s.candidates(kind, namespace, selector) {
		if selector == nil || selector.Matches(labels.Set(o.GetLabels())) {
			out = append(out, o.(T))
		}
	}
	text := ""
	if selector != nil {
		text = selector.String()
	}
	return out, s.Covered(kind, namespace, text)
}

// Covered says whether a complete list of the kind was read that includes this
// namespace and selector: Present if so, else Unknown with the reason.
func (s *Snapshot) Covered(kind Kind, namespace, selector string) Answer {
	if s.Source == FromManifests {
		return Answer{Why: "not in the manifests"}
	}
	why := NotRead
	for _, n := range []Need{{Kind: kind, Namespace: namespace, Selector: selector}, {Kind: kind, Selector: selector}, {Kind: kind, Namespace: namespace}, {Kind: kind}} {
		r, ok := s.reads[n]
		if !ok {
			continue
		}
		if r.Why == "" && !r.Partial {
			return Answer{State: Present}
		}
		if r.NotServed {
			return Answer{Why: r.Why, NotServed: true}
		}
		why = r.Why
		if r.Partial {
			why = "the list was cut"
		}
	}
	return Answer{Why: why}
}

// Asked answers for one read exactly as it was asked for: Present where it
// worked and is complete, Absent where the one object is not there.
func (s *Snapshot) Asked(n Need) Answer {
	r, ok := s.reads[n]
	switch {
	case !ok:
		return Answer{Why: NotRead}
	case r.NotFound:
		return Answer{State: Absent}
	case r.Partial:
		return Answer{Why: "the list was cut"}
	case r.Why != "":
		return Answer{Why: r.Why, NotServed: r.NotServed}
	}
	return Answer{State: Present}
}

// Log gives the end of a container's log, if it was read.
func (s *Snapshot) Log(n LogNeed) ([]string, Answer) {
	r, ok := s.logs[n]
	switch {
	case !ok:
		return nil, Answer{Why: NotRead}
	case r.Why != "":
		return nil, Answer{Why: r.Why}
	}
	return r.Lines, Answer{State: Present}
}

// tried says whether the need, or a wider one, was read or attempted.
func (s *Snapshot) tried(n Need) bool {
	if _, ok := s.reads[n]; ok {
		return true
	}
	if n.Name != "" {
		if _, ok := s.held(key{n.Kind, n.Namespace, n.Name}); ok {
			return true
		}
	}
	for _, wider := range n.wider() {
		if r, ok := s.reads[wider]; ok && (n.Name == "" || !r.forbidden()) {
			return true
		}
	}
	return false
}

// singly says whether one object may still be asked for although a list that
// would hold it is forbidden: get and list are different verbs. One is tried
// first (probing holds for which list), and the others where that was allowed.
func (s *Snapshot) singly(n Need, probing map[Need]bool) bool {
	if n.Name == "" {
		return true
	}
	for _, wider := range n.wider() {
		if !s.reads[wider].forbidden() {
			continue
		}
		allowed, refused := false, false
		for _, r := range s.readings {
			if r.Need.Name != "" && r.Need.Kind == n.Kind && (wider.Namespace == "" || r.Need.Namespace == wider.Namespace) {
				allowed, refused = allowed || r.Why == "", refused || r.forbidden()
			}
		}
		if !allowed && (refused || probing[wider]) {
			return false
		}
		probing[wider] = true
	}
	return true
}

// Trace notes from now on which kinds are asked for; Traced lists them. A test
// holds rules to the kinds they declare with it.
func (s *Snapshot) Trace() {
	s.trace = map[Kind]bool{}
	s.generation++ // what was gathered before is asked for again
}

// Traced lists the kinds asked for since Trace, in order.
func (s *Snapshot) Traced() []Kind {
	var out []Kind
	for k := range s.trace {
		out = append(out, k)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

func (s *Snapshot) touch(k Kind) {
	if s.trace != nil {
		s.trace[k] = true
	}
}
