package plan

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// notChecked lists what could not be read, asked or worked out, each once.
func (d *draft) notChecked(l lang.Lang) ([]finding.NotChecked, error) {
	unread, err := rule.NewUnread(l)
	if err != nil {
		return nil, err
	}
	out := unread.NotChecked(d.s)
	for _, a := range d.in.Access {
		if a.Allowed == nil {
			args := map[string]any{"verb": a.Verb, "resource": a.Resource, "namespace": a.Namespace}
			out = append(out, finding.NotChecked{What: text(l, "asked-access", args), Why: unread.Reason(a.Why)})
		}
	}
	for i, t := range d.in.Trials {
		if t.Unasked != "" {
			args := map[string]any{"n": i + 1, "object": t.Write.Object.String()}
			out = append(out, finding.NotChecked{What: text(l, "asked-write", args), Why: unread.Reason(t.Unasked)})
		}
	}
	if room := d.capacity.Room; room.State == RoomUnknown && room.Why != "" && d.extra > 0 {
		out = append(out, finding.NotChecked{What: text(l, "asked-room", map[string]any{"n": d.extra}), Why: room.Why})
	}
	return out, nil
}
