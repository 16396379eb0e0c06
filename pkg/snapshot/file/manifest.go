package file

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// notRead is why a manifest of another kind is "not checked".
const notRead = "this kind is not one that the tool reads"

// addManifest takes one document in; a List is taken apart.
func addManifest(s *snapshot.Snapshot, d document, namespace string) error {
	if strings.HasSuffix(d.head.Kind, "List") {
		var list struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(d.json, &list); err != nil {
			return fmt.Errorf("%s: %s", d.head.Kind, jsonError(err))
		}
		for i, raw := range list.Items {
			item, err := newItem(d, raw)
			if err == nil {
				err = addManifest(s, item, namespace)
			}
			if err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
		}
		return nil
	}
	info, ok := snapshot.Lookup(snapshot.Kind(d.head.Kind))
	if !ok || !speaks(info, d.head.APIVersion) {
		return skip(s, d, namespace)
	}
	o, err := decode(info, d.json)
	if err != nil {
		return fmt.Errorf("%s: %w", d.title(), err)
	}
	if o.GetName() == "" {
		o.SetName(o.GetGenerateName())
	}
	if o.GetName() == "" {
		return fmt.Errorf("%s: metadata.name is missing", d.head.Kind)
	}
	o.SetManagedFields(nil)
	switch {
	case !info.Namespaced:
		o.SetNamespace("")
	case o.GetNamespace() == "":
		o.SetNamespace(namespace)
	}
	s.Add(o)
	return nil
}

// newItem reads an item of a typed list (PodList), which may leave its kind out.
func newItem(list document, raw json.RawMessage) (document, error) {
	item := document{json: raw, line: list.line}
	if err := json.Unmarshal(raw, &item.head); err != nil {
		return item, errors.New("not a Kubernetes object")
	}
	if item.head.Kind == "" && list.head.Kind != "List" {
		item.head = header{APIVersion: list.head.APIVersion, Kind: strings.TrimSuffix(list.head.Kind, "List")}
	}
	if item.head.Kind == "" {
		return item, errors.New("kind is missing")
	}
	return item, nil
}

// speaks says whether the manifest is of this kind in a version that is
// understood: of kinds that add-ons bring, in any.
func speaks(info snapshot.Info, apiVersion string) bool {
	if info.Custom {
		return strings.HasPrefix(apiVersion, info.Resource.Group+"/")
	}
	return !info.Metadata && info.Resource.GroupVersion().String() == apiVersion
}

// title is the kind of a document, and the name as far as it has one.
func (d document) title() string {
	var named struct {
		Metadata struct{ Name, GenerateName string }
	}
	_ = json.Unmarshal(d.json, &named) // what is wrong with it is told anyway
	return strings.TrimSpace(d.head.Kind + " " + snapshot.Safe(cmp.Or(named.Metadata.Name, named.Metadata.GenerateName)))
}

func decode(info snapshot.Info, data []byte) (snapshot.Object, error) {
	if info.Custom {
		o, err := snapshot.NewCustom(info, data)
		if err != nil {
			return nil, errors.New(jsonError(err))
		}
		return o, nil
	}
	if info.Kind == "Secret" {
		var in corev1.Secret
		if err := json.Unmarshal(data, &in); err != nil {
			return nil, errors.New("data must be base64 and stringData text") // the decoder's words would quote the value
		}
		return snapshot.NewSecret(&in), nil
	}
	o := info.New()
	if err := json.Unmarshal(data, o); err != nil {
		if f := locate(reflect.TypeOf(o), data, ""); f != nil {
			return nil, errors.New(f.String())
		}
		return nil, errors.New(jsonError(err))
	}
	if c, ok := o.(*corev1.ConfigMap); ok {
		snapshot.DropValues(c)
	}
	return o, nil
}

func skip(s *snapshot.Snapshot, d document, namespace string) error {
	var named struct {
		Metadata struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(d.json, &named); err != nil {
		return fmt.Errorf("%s: metadata: %s", d.head.Kind, jsonError(err))
	}
	n := snapshot.Need{Kind: snapshot.Kind(d.head.Kind + "." + d.head.APIVersion), Namespace: named.Metadata.Namespace, Name: named.Metadata.Name}
	if n.Namespace == "" {
		n.Namespace = namespace
	}
	s.Record(snapshot.Reading{Need: safeNeed(n), Why: notRead})
	return nil
}

// jsonError says which field has which wrong type, without the Go types.
func jsonError(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return fmt.Sprintf("%s cannot be a %s", wrong.Field, wrong.Value)
	}
	return snapshot.Safe(strings.Join(strings.Fields(err.Error()), " "))
}
