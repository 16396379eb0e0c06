package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/gate"
)

// maxPlanFile bounds what is read of a file: no manifest is larger than etcd takes (1.5 MiB), and a file may hold several.
const maxPlanFile = 16 << 20

// planFile is a plan that can live in git.
type planFile struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata,omitempty"`
	Spec       rollout.Spec   `json:"spec"`
}

// manifest is what must be known of a document.
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`

	raw json.RawMessage
}

// readSpec takes what a file says: the plan in it, or the workload's manifest as
// the change. ref is the workload that was named, or empty.
func (a *app) readSpec(name string, ref rollout.Ref) (rollout.Spec, error) {
	docs, err := a.readDocuments(name)
	if err != nil {
		return rollout.Spec{}, err
	}
	var plans, workloads []manifest
	for _, d := range docs {
		switch {
		case d.APIVersion == finding.APIVersion && d.Kind == "Rollout":
			plans = append(plans, d)
		case rollsOut(d.Kind) && strings.HasPrefix(d.APIVersion, "apps/") && (ref.Name == "" || d.Kind == ref.Kind && d.Metadata.Name == ref.Name):
			workloads = append(workloads, d)
		}
	}
	switch {
	case len(plans) == 1:
		spec, err := readPlan(name, plans[0], ref)
		if err != nil {
			return spec, err
		}
		return spec, a.checkGates(name, spec)
	case len(plans) > 1:
		return rollout.Spec{}, usage("rollout.error.file-plans", "file", name, "n", len(plans))
	case len(workloads) == 1:
		w := workloads[0]
		return rollout.Spec{
			Workload: rollout.Ref{Kind: w.Kind, Namespace: w.Metadata.Namespace, Name: w.Metadata.Name},
			Edit:     rollout.Edit{Manifest: w.raw},
		}, nil
	case len(workloads) > 1:
		return rollout.Spec{}, usage("rollout.error.file-which", "file", name, "first", named(workloads[0]), "second", named(workloads[1]))
	case ref.Name != "":
		return rollout.Spec{}, usage("rollout.error.file-without", "file", name, "workload", ref.String())
	}
	return rollout.Spec{}, usage("rollout.error.file-nothing", "file", name)
}

func named(m manifest) string { return strings.ToLower(m.Kind) + "/" + m.Metadata.Name }

// readPlan is strict: a key that is misspelt would be a gate that is never asked.
func readPlan(name string, m manifest, ref rollout.Ref) (rollout.Spec, error) {
	var p planFile
	if err := yaml.UnmarshalStrict(m.raw, &p); err != nil {
		why := strings.TrimPrefix(strings.TrimPrefix(rollout.Misfit(err), "error unmarshaling JSON: "), "while decoding JSON: ")
		return p.Spec, usage("rollout.error.file-bad", "file", name, "why", strings.TrimPrefix(why, "json: "))
	}
	if p.Spec.Workload.Kind != "" {
		info, err := resolveKind(p.Spec.Workload.Kind)
		if err != nil {
			return p.Spec, err
		}
		p.Spec.Workload.Kind = string(info.Kind)
	}
	w := p.Spec.Workload
	switch {
	case ref.Name == "" && (w.Kind == "" || w.Name == ""):
		return p.Spec, usage("rollout.error.file-no-workload", "file", name)
	case ref.Name != "" && w.Name != "" && (w.Kind != ref.Kind || w.Name != ref.Name):
		return p.Spec, usage("rollout.error.file-other", "file", name, "theirs", w.String(), "typed", ref.String())
	case w.Name == "":
		p.Spec.Workload.Kind, p.Spec.Workload.Name = ref.Kind, ref.Name
	case !rollsOut(w.Kind):
		return p.Spec, usage("rollout.error.kind", "kind", w.Kind, "name", w.Name)
	}
	return p.Spec, nil
}

// checkGates refuses a gate that could never answer, before a step waits for it;
// and an address with a password in it, before it is written into the cluster.
func (a *app) checkGates(name string, spec rollout.Spec) error {
	for _, g := range spec.AllGates() {
		var bad *gate.SpecError
		if err := gate.Check(g); errors.As(err, &bad) {
			return usage("rollout.error.file-bad", "file", name, "why", bad.In(a.lang))
		}
	}
	return nil
}

// readDocuments takes a file apart, lists too.
func (a *app) readDocuments(name string) ([]manifest, error) {
	data, err := a.readFile(name)
	if err != nil {
		return nil, err
	}
	var docs []manifest
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, usage("rollout.error.file-bad", "file", name, "why", err.Error())
		}
		raw, err := yaml.YAMLToJSONStrict(doc)
		if err != nil {
			return nil, usage("rollout.error.file-bad", "file", name, "why", err.Error())
		}
		if bytes.Equal(raw, []byte("null")) {
			continue
		}
		if docs, err = takeApart(docs, raw); err != nil {
			return nil, usage("rollout.error.file-bad", "file", name, "why", err.Error())
		}
	}
}

func takeApart(docs []manifest, raw json.RawMessage) ([]manifest, error) {
	m := manifest{raw: raw}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("not a Kubernetes object: %w", err)
	}
	if len(m.Items) == 0 {
		return append(docs, m), nil
	}
	var err error
	for _, item := range m.Items {
		if docs, err = takeApart(docs, item); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

func (a *app) readFile(name string) ([]byte, error) {
	in := a.Streams.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage("rollout.error.file-bad", "file", name, "why", reasonOf(err))
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxPlanFile+1))
	switch {
	case err != nil:
		return nil, usage("rollout.error.file-bad", "file", name, "why", reasonOf(err))
	case len(data) > maxPlanFile:
		return nil, usage("rollout.error.file-bad", "file", name, "why", "larger than 16 MiB")
	}
	return data, nil
}

// reasonOf is what went wrong with a file, without its name.
func reasonOf(err error) string {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err.Error()
}
