package cli

import (
	"context"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// diagnose says what is wrong with a version's Pods, in inspect's words.
// What cannot be read in time is no finding: the failure itself is known anyway.
func (a *app) diagnose(c *cluster) rollout.Diagnose {
	return func(ctx context.Context, s *rollout.State, hash string) []finding.Finding {
		catalogue, err := finding.LoadCatalogue()
		if err != nil {
			return nil
		}
		w := s.Spec.Workload
		q := inspect.Query{Namespace: w.Namespace, Targets: []finding.Ref{{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}}}
		seen := snapshot.New(snapshot.FromCluster, a.Now())
		seen.Context, seen.Namespace = c.context, w.Namespace
		if err := c.reader.Fill(ctx, seen, func(s *snapshot.Snapshot) snapshot.Needs { return inspect.Plan(s, q) }); err != nil {
			return nil
		}
		report, err := inspect.Inspect(seen, q, inspect.Options{Lang: a.lang, Catalogue: catalogue})
		if err != nil {
			return nil
		}
		return ofVersion(seen, w, hash, report.Findings)
	}
}

// ofVersion keeps what was seen at a version's Pods, at its ReplicaSet or at the
// workload itself, whose template is that version's now.
func ofVersion(seen *snapshot.Snapshot, w rollout.Ref, hash string, all []finding.Finding) []finding.Finding {
	var kept []finding.Finding
	for _, f := range all {
		for _, place := range f.Places() {
			if isOfVersion(seen, w, hash, place) {
				kept = append(kept, f)
				break
			}
		}
	}
	return kept
}

func isOfVersion(seen *snapshot.Snapshot, w rollout.Ref, hash string, place finding.Ref) bool {
	switch place.Kind {
	case w.Kind:
		return place.Name == w.Name
	case "ReplicaSet":
		return hash != "" && place.Name == w.Name+"-"+hash
	case "Pod":
		o, a := seen.Find("Pod", place.Namespace, place.Name)
		if a.State != snapshot.Present || hash == "" {
			return false
		}
		return o.GetLabels()[rollout.HashLabel(w.Kind)] == hash
	}
	return false
}
