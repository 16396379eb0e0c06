package render

import (
	"fmt"
	"strconv"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// nodesShown is how many nodes Table lists one by one; above it those that are alike are one line.
const nodesShown = 20

// clusterPart is a cluster at a glance.
type clusterPart struct{ report inspect.ClusterReport }

func (c clusterPart) headline(p *page, tail string) {
	r := c.report.Cluster
	worst, ready := 0, 0
	for _, n := range r.Nodes {
		worst = max(worst, ill(n.Health))
		if n.Health == inspect.Healthy {
			ready++
		}
		if n.SkewOK != nil && !*n.SkewOK {
			worst = max(worst, ill(inspect.Unwell))
		}
	}
	for _, part := range r.ControlPlane {
		if part.Health == inspect.Unwell {
			worst = max(worst, ill(part.Health))
		}
	}
	for _, part := range r.Addons {
		if part.Health == inspect.Unwell {
			worst = max(worst, ill(part.Health))
		}
	}
	m := markOK
	switch {
	case worst == ill(inspect.Unwell):
		m = markWarning
	case worst > 0 || len(c.report.NotChecked) > 0 || len(r.Nodes) == 0:
		m = markInfo
	}
	p.headline(m, p.say("cluster-head", map[string]any{"version": r.Version, "provider": r.Provider, "ready": ready, "n": len(r.Nodes), "unread": len(r.Nodes) == 0 && len(c.report.NotChecked) > 0}), tail)
}

func (c clusterPart) nothing(p *page) { c.headline(p, p.uncheckedTail(c.report.Report)) }

func (c clusterPart) write(p *page) error {
	if len(c.report.Findings) > 0 {
		p.gap()
		c.headline(p, "")
	}
	if err := c.parts(p, "cluster-plane", c.report.Cluster.ControlPlane); err != nil {
		return err
	}
	if err := c.nodes(p); err != nil {
		return err
	}
	return c.parts(p, "cluster-addons", c.report.Cluster.Addons)
}

func (c clusterPart) parts(p *page, head string, all []inspect.Part) error {
	if len(all) == 0 {
		return nil
	}
	p.gap()
	p.line(p.style.paint(strong, p.say(head, nil)))
	rows := make([]row, len(all))
	for i, part := range all {
		rows[i] = row{healthMark(part.Health), []string{p.say("cluster-role-"+part.Role, nil), part.Name, p.state(part.Status, part.Health), part.Basis}}
	}
	return p.table("  ", p.headers("cluster-what", "cluster-name", "header-state", "cluster-seen"), rows)
}

func (c clusterPart) nodes(p *page) error {
	all := c.report.Cluster.Nodes
	if len(all) == 0 {
		return nil
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("cluster-nodes", map[string]any{"n": len(all)})))
	fold := !p.wide && len(all) > nodesShown
	var rows []row
	at, count := map[string]int{}, map[int]int{}
	for _, n := range all {
		m := healthMark(n.Health)
		if n.SkewOK != nil && !*n.SkewOK {
			m = markError
		}
		cells := []string{n.Name, n.Status, n.Roles, n.Version + c.skew(p, n), n.Runtime, n.System, n.Arch}
		like := fmt.Sprint(cells[1:4])
		if i, ok := at[like]; ok && fold {
			count[i]++
			continue
		}
		at[like] = len(rows)
		rows = append(rows, row{m, cells})
	}
	for i, n := range count {
		rows[i].cells[0] = p.say("cluster-alike", map[string]any{"name": rows[i].cells[0], "n": n})
	}
	ids := []string{"cluster-name", "header-state", "cluster-roles", "cluster-version"}
	if p.wide {
		ids = append(ids, "cluster-runtime", "cluster-system", "cluster-arch")
	} else {
		for i := range rows {
			rows[i].cells = rows[i].cells[:len(ids)]
		}
	}
	return p.table("  ", p.headers(ids...), rows)
}

// skew is said where the kubelet is not of the API server's version.
func (c clusterPart) skew(p *page, n inspect.ClusterNode) string {
	switch {
	case n.Skew == nil || *n.Skew == 0:
		return ""
	case *n.Skew < 0:
		return " " + p.say("cluster-newer", nil)
	case n.SkewOK != nil && !*n.SkewOK:
		return " " + p.say("cluster-too-old", map[string]any{"n": strconv.Itoa(*n.Skew)})
	}
	return " " + p.say("cluster-older", map[string]any{"n": *n.Skew})
}
