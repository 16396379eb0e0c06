package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Revisions are the Pod templates of a workload's past that its controller still
// keeps, by revision number, each as "kubectl rollout undo" would put it back.
// They are read as JSON: a field that this tool does not know must not be lost.
func (c *Client) Revisions(ctx context.Context, r rollout.Ref) (map[int64]json.RawMessage, error) {
	o, err := c.must(ctx, r)
	if err != nil {
		return nil, err
	}
	w, err := parseWorkload(r.Kind, o)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r, err)
	}
	plural := "controllerrevisions"
	if r.Kind == "Deployment" {
		plural = "replicasets"
	}
	path := fmt.Sprintf("/apis/apps/v1/namespaces/%s/%s?labelSelector=%s", url.PathEscape(r.Namespace), plural, url.QueryEscape(w.selector))
	raw, err := c.Call(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return nil, fmt.Errorf("list %s in namespace %s: %w", plural, r.Namespace, err)
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("list %s: the answer is not what an API server says: %w", plural, err)
	}
	found := map[int64]json.RawMessage{}
	for _, item := range list.Items {
		number, template, err := past(r.Kind, w, item)
		if err != nil {
			return nil, fmt.Errorf("read the revisions of %s: %w", r, err)
		}
		if template != nil {
			found[number] = template
		}
	}
	return found, nil
}

// past is the revision that an item stands for; nil where it is not the workload's.
func past(kind string, w *workload, item json.RawMessage) (int64, json.RawMessage, error) {
	var o struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Revision int64             `json:"revision"`
	}
	if err := json.Unmarshal(item, &o); err != nil {
		return 0, nil, fmt.Errorf("decode: %w", err)
	}
	if !metav1.IsControlledBy(&o.Metadata, &metav1.ObjectMeta{UID: w.uid}) {
		return 0, nil, nil
	}
	if kind != "Deployment" {
		template, err := without(at(item, "/data/spec/template"), "$patch")
		return o.Revision, template, err
	}
	number, err := strconv.ParseInt(o.Metadata.Annotations[revisionAnnotation], 10, 64)
	if err != nil {
		return 0, nil, nil //nolint:nilerr // a ReplicaSet that has no number yet is not a revision to go to
	}
	template, err := without(at(item, rollout.TemplateField), "metadata", "labels", appsv1.DefaultDeploymentUniqueLabelKey)
	return number, template, err
}

// without leaves out one field, and every other as it is.
func without(raw json.RawMessage, path ...string) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("decode the template: %w", err)
	}
	inner, ok := fields[path[0]]
	switch {
	case !ok:
		return raw, nil
	case len(path) == 1:
		delete(fields, path[0])
	default:
		var err error
		if fields[path[0]], err = without(inner, path[1:]...); err != nil {
			return nil, err
		}
	}
	out, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode the template: %w", err)
	}
	return out, nil
}
