// Package file gives the same Snapshot from files as the live reader gives
// from a cluster: from a snapshot that was saved, or from manifests.
package file

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Version and kind of a saved snapshot.
const (
	APIVersion = "kubectl-msa.dev/v1alpha1"
	Kind       = "Snapshot"
)

// saved is the form of a snapshot on disk.
type saved struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	TakenAt    time.Time       `json:"takenAt"`
	Source     snapshot.Source `json:"source"`
	Context    string          `json:"context,omitempty"`
	Namespace  string          `json:"namespace,omitempty"`
	// Kinds describes the kinds that the table of this tool does not have.
	Kinds    []savedKind              `json:"kinds,omitempty"`
	Readings []snapshot.Reading       `json:"readings"`
	Logs     []snapshot.LogReading    `json:"logs,omitempty"`
	Series   []snapshot.SeriesReading `json:"series,omitempty"`
	Objects  []json.RawMessage        `json:"objects"`
}

// savedKind is a kind that was found by discovery.
type savedKind struct {
	Group      string   `json:"group"`
	Version    string   `json:"version"`
	Resource   string   `json:"resource"`
	Kind       string   `json:"kind"`
	Short      []string `json:"short,omitempty"`
	Namespaced bool     `json:"namespaced"`
}

// Encoding is how a snapshot is written.
type Encoding string

// JSON is quicker for big snapshots, YAML is for people. Both read back.
const (
	JSON Encoding = "json"
	YAML Encoding = "yaml"
)

// Save writes the snapshot. Secrets and ConfigMaps have keys and no values in
// a Snapshot already; everything else is as the cluster gave it.
func Save(w io.Writer, s *snapshot.Snapshot, as Encoding) error {
	out := saved{
		APIVersion: APIVersion, Kind: Kind,
		TakenAt: s.TakenAt.UTC(), Source: s.Source, Context: s.Context, Namespace: s.Namespace,
		Readings: s.Readings(), Logs: s.Logs(), Series: s.AllSeries(), Objects: []json.RawMessage{},
	}
	if out.Readings == nil {
		out.Readings = []snapshot.Reading{}
	}
	for _, i := range s.Found() {
		kind, _ := i.Kind.Split()
		out.Kinds = append(out.Kinds, savedKind{Group: i.Resource.Group, Version: i.Resource.Version, Resource: i.Resource.Resource, Kind: kind, Short: i.Short, Namespaced: i.Namespaced})
	}
	for _, o := range s.Objects() {
		data, err := encodeObject(s, o)
		if err != nil {
			return err
		}
		out.Objects = append(out.Objects, data)
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	data = append(data, '\n')
	if as == YAML {
		if data, err = yaml.JSONToYAML(data); err != nil {
			return fmt.Errorf("encode snapshot: %w", err)
		}
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

// encodeObject writes an object with its apiVersion and kind, which objects
// that came in lists do not carry.
func encodeObject(s *snapshot.Snapshot, o snapshot.Object) (json.RawMessage, error) {
	info, ok := s.Info(snapshot.KindOf(o))
	if !ok {
		return nil, fmt.Errorf("encode snapshot: unknown kind %s", snapshot.KindOf(o))
	}
	c, ok := o.DeepCopyObject().(snapshot.Object)
	if !ok {
		return nil, fmt.Errorf("encode snapshot: %T does not copy", o)
	}
	if !info.Custom { // an unstructured object says it itself
		c.GetObjectKind().SetGroupVersionKind(info.Resource.GroupVersion().WithKind(string(info.Kind)))
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", info.Kind, o.GetName(), err)
	}
	return data, nil
}

// decodeSaved reads a snapshot back. Files come from anywhere (bug reports), so
// everything is made safe again, and values that someone wrote in are dropped.
func decodeSaved(data []byte) (*snapshot.Snapshot, error) {
	var in saved
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("not a saved snapshot: %w", err)
	}
	if in.APIVersion != APIVersion {
		return nil, fmt.Errorf("a snapshot of version %s; this version of the tool reads %s", in.APIVersion, APIVersion)
	}
	if in.Source != snapshot.FromCluster && in.Source != snapshot.FromManifests {
		return nil, fmt.Errorf("unknown source %q: %s or %s", in.Source, snapshot.FromCluster, snapshot.FromManifests)
	}
	s := snapshot.New(in.Source, in.TakenAt)
	s.Context, s.Namespace = snapshot.Safe(in.Context), snapshot.Safe(in.Namespace)
	for _, k := range in.Kinds {
		gvr := schema.GroupVersionResource{Group: snapshot.Safe(k.Group), Version: snapshot.Safe(k.Version), Resource: snapshot.Safe(k.Resource)}
		s.Know(snapshot.Found(gvr, snapshot.Safe(k.Kind), nil, k.Namespaced))
	}
	for i, raw := range in.Objects {
		o, err := decodeSavedObject(s, raw)
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", i+1, err)
		}
		s.Add(o)
	}
	for _, r := range in.Readings {
		r.Why = snapshot.Safe(r.Why)
		r.Need = safeNeed(r.Need)
		s.Record(r)
	}
	for _, l := range in.Logs {
		l.Why = snapshot.Safe(l.Why)
		l.Need.Namespace, l.Need.Pod, l.Need.Container = snapshot.Safe(l.Need.Namespace), snapshot.Safe(l.Need.Pod), snapshot.Safe(l.Need.Container)
		s.RecordLog(l)
	}
	for _, r := range in.Series {
		r.Need.Query = snapshot.Safe(r.Need.Query)
		s.RecordSeries(r)
	}
	return s, nil
}

func decodeSavedObject(s *snapshot.Snapshot, raw json.RawMessage) (snapshot.Object, error) {
	var head header
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("not an object: %w", err)
	}
	gv, err := schema.ParseGroupVersion(head.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("apiVersion %q: %w", head.APIVersion, err)
	}
	info, ok := s.Info(snapshot.KindNamed(gv.Group, head.Kind))
	switch {
	case !ok:
		return nil, fmt.Errorf("unknown kind %q", head.Kind)
	case info.Custom:
		return snapshot.NewCustom(info, raw)
	}
	o := info.New() // for Secret the reduced type, which has no place for values
	if err := json.Unmarshal(raw, o); err != nil {
		return nil, fmt.Errorf("%s: %w", head.Kind, err)
	}
	if c, ok := o.(*corev1.ConfigMap); ok {
		snapshot.DropValues(c)
	}
	return o, nil
}

func safeNeed(n snapshot.Need) snapshot.Need {
	n.Kind = snapshot.Kind(snapshot.Safe(string(n.Kind)))
	n.Namespace, n.Name = snapshot.Safe(n.Namespace), snapshot.Safe(n.Name)
	n.Selector, n.Fields = snapshot.Safe(n.Selector), snapshot.Safe(n.Fields)
	return n
}
