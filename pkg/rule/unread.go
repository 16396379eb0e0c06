package rule

import (
	"embed"
	"strings"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

//go:embed messages.yaml
var messageFiles embed.FS

var loadMessages = sync.OnceValues(func() (lang.Catalogue, error) { return lang.Load(messageFiles, "messages.yaml") })

// Unread puts what a snapshot could not answer into words.
type Unread struct {
	texts lang.Catalogue
	lang  lang.Lang
}

// NewUnread chooses the language; the error is a defect of the build.
func NewUnread(l lang.Lang) (Unread, error) {
	texts, err := loadMessages()
	return Unread{texts: texts, lang: l}, err
}

func (u Unread) text(id string, args map[string]any) string { return u.texts.Text(u.lang, id, args) }

// NotChecked lists what could not be read, each once.
func (u Unread) NotChecked(s *snapshot.Snapshot) []finding.NotChecked {
	var out []finding.NotChecked
	for _, r := range s.Readings() {
		switch {
		case r.NotServed && optional(r.Need.Kind):
			// an add-on that is not there leaves nothing unchecked
		case r.Why != "":
			out = append(out, u.forbidden(u.Object(r.Need), r.Why))
		case r.Partial:
			out = append(out, finding.NotChecked{What: u.Object(r.Need), Why: u.text("why-cut", nil)})
		}
	}
	for _, r := range s.Logs() {
		if r.Why != "" {
			out = append(out, finding.NotChecked{What: u.Log(r.Need), Why: u.Reason(r.Why)})
		}
	}
	return out
}

// optional says whether a kind comes with an add-on, or like DeviceClass with the
// version of Kubernetes that looks at it first.
func optional(k snapshot.Kind) bool {
	info, known := snapshot.Lookup(k)
	return !known || info.Custom || k == "DeviceClass"
}

// forbidden names the missing verb in the reader's language too.
func (u Unread) forbidden(what, why string) finding.NotChecked {
	if strings.HasPrefix(why, "forbidden: ") {
		why = "forbidden: " + what
	}
	return finding.NotChecked{What: what, Why: u.Reason(why)}
}

// Log says whose log was to be read.
func (u Unread) Log(n snapshot.LogNeed) string {
	return u.text("read-log", map[string]any{"container": n.Container, "pod": n.Pod, "namespace": n.Namespace})
}

// Object says which object or list was to be read.
func (u Unread) Object(n snapshot.Need) string {
	info, known := snapshot.Lookup(n.Kind)
	if !known || n.Kind == snapshot.ServerVersionKind {
		return n.String()
	}
	args := map[string]any{"resource": info.Resource.GroupResource().String(), "namespace": n.Namespace, "namespaced": info.Namespaced, "name": n.Name}
	if n.Name != "" {
		return u.text("read-one", args)
	}
	return u.text("read-list", args)
}

// Reason says why something could not be read; what a server said in words of
// its own stays as it is.
func (u Unread) Reason(why string) string {
	if action, ok := strings.CutPrefix(why, "forbidden: "); ok {
		return u.text("why-forbidden", map[string]any{"action": action})
	}
	switch why {
	case "timed out":
		return u.text("why-timed-out", nil)
	case "not served by this cluster":
		return u.text("why-not-served", nil)
	}
	return why
}
