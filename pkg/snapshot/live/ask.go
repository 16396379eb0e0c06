package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// ServerVersion asks which version the API server is. The error is an
// *UnreachableError where it does not answer.
func (r *Reader) ServerVersion(ctx context.Context) (version.Info, error) {
	var v version.Info
	if err := r.getJSON(ctx, "/version", &v); err != nil {
		if fatal := r.fatal(err); fatal != nil {
			return v, fatal
		}
		if !isAnswer(err) {
			return v, r.unreachable(err)
		}
		return v, err
	}
	return v, nil
}

// readVersion is ServerVersion as a need of a rule.
func (r *Reader) readVersion(ctx context.Context, n snapshot.Need) objectResult {
	var v version.Info
	if err := r.getJSON(ctx, "/version", &v); err != nil {
		return r.failed(n, err)
	}
	return objectResult{objects: []snapshot.Object{snapshot.NewServerVersion(v.GitVersion)}, reading: snapshot.Reading{Need: n}}
}

// Groups lists the API groups that are registered, with their preferred versions.
// A registered group may still not answer: see Serves.
func (r *Reader) Groups(ctx context.Context) (map[string]string, error) {
	groups := map[string]string{}
	all, old, err := r.served(ctx)
	for _, g := range all {
		if len(g.Versions) > 0 { // the preferred one comes first
			groups[g.Name] = g.Versions[0].Version
		}
	}
	if err == nil && !old {
		return groups, nil
	}
	var list metav1.APIGroupList
	if err := r.getJSON(ctx, "/apis", &list); err != nil {
		return nil, fmt.Errorf("%s", r.why("get /apis", err))
	}
	for _, g := range list.Groups {
		groups[g.Name] = g.PreferredVersion.Version
	}
	return groups, nil
}

// Serves asks a group and version whether it answers; the error says why not.
func (r *Reader) Serves(ctx context.Context, group, version string) error {
	if err := r.getJSON(ctx, "/apis/"+group+"/"+version, &metav1.APIResourceList{}); err != nil {
		return fmt.Errorf("%s", r.why("get /apis/"+group+"/"+version, err))
	}
	return nil
}

// Rules asks what the user may do in a namespace. Incomplete in the answer
// means that an authorizer could not list its rules: then ask Can.
func (r *Reader) Rules(ctx context.Context, namespace string) (authorizationv1.SubjectRulesReviewStatus, error) {
	review := authorizationv1.SelfSubjectRulesReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectRulesReview"},
		Spec:     authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace},
	}
	err := r.review(ctx, "selfsubjectrulesreviews", &review)
	return review.Status, err
}

// Can asks whether the user may do one thing.
func (r *Reader) Can(ctx context.Context, what authorizationv1.ResourceAttributes) (bool, error) {
	review := authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"},
		Spec:     authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what},
	}
	err := r.review(ctx, "selfsubjectaccessreviews", &review)
	return review.Status.Allowed, err
}

// review posts a question to the authorizer; nothing is stored.
func (r *Reader) review(ctx context.Context, resource string, question any) error {
	encoded, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encode the access review: %w", err)
	}
	client, err := r.clients.raw()
	if err != nil {
		return err
	}
	data, err := body(client.Post().MaxRetries(retries).AbsPath("/apis/authorization.k8s.io/v1/" + resource).Body(encoded).Do(ctx))
	if err != nil {
		return fmt.Errorf("%s", r.why("create "+resource, err))
	}
	if err := json.Unmarshal(data, question); err != nil {
		return fmt.Errorf("decode the access review: %w", err)
	}
	return nil
}

// Names lists the names of the objects that a need matches, without the objects.
// One page: it feeds shell completion, where more than that helps nobody.
func (r *Reader) Names(ctx context.Context, n snapshot.Need) ([]string, error) {
	info, known := snapshot.Lookup(n.Kind)
	if !known || info.Custom {
		found, why, err := r.found(ctx, n.Kind)
		if err != nil {
			return nil, err
		}
		if why != "" {
			return nil, errors.New(why)
		}
		info = found
	}
	client, err := r.clients.client(info.Resource.GroupVersion())
	if err != nil {
		return nil, err
	}
	data, err := body(client.Get().SetHeader("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json").
		NamespaceIfScoped(n.Namespace, info.Namespaced).Resource(info.Resource.Resource).
		Param("limit", fmt.Sprint(pageSize)).Do(ctx))
	if err != nil {
		return nil, fmt.Errorf("%s", r.why(n.String(), err))
	}
	var list metav1.PartialObjectMetadataList
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("decode names: %w", err)
	}
	names := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		names = append(names, snapshot.Safe(item.Name))
	}
	return names, nil
}

func (r *Reader) getJSON(ctx context.Context, path string, into any) error {
	client, err := r.clients.raw()
	if err != nil {
		return err
	}
	data, err := body(client.Get().MaxRetries(retries).AbsPath(path).Do(ctx))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("the answer to %s is not what an API server says: %w", path, err)
	}
	return nil
}
