package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Access is one thing that was asked about, and whether the user may do it.
type Access struct {
	authorizationv1.ResourceAttributes
	Allowed bool
}

// Access asks the authorizer about each, and answers in the same order. An error
// means that nothing is known, not that something is forbidden.
func (c *Client) Access(ctx context.Context, what []authorizationv1.ResourceAttributes) ([]Access, error) {
	answers := make([]Access, len(what))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, w := range what {
		g.Go(func() error {
			allowed, err := c.may(gctx, w)
			answers[i] = Access{ResourceAttributes: w, Allowed: allowed}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return answers, nil
}

func (c *Client) may(ctx context.Context, what authorizationv1.ResourceAttributes) (bool, error) {
	review := authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"},
		Spec:     authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what},
	}
	body, err := json.Marshal(review)
	if err != nil {
		return false, fmt.Errorf("encode the access review: %w", err)
	}
	raw, err := c.Call(ctx, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", jsonType, body)
	if err != nil {
		return false, fmt.Errorf("ask whether %s %s is allowed: %w", what.Verb, what.Resource, err)
	}
	if err := json.Unmarshal(raw, &review); err != nil {
		return false, fmt.Errorf("decode the access review: %w", err)
	}
	return review.Status.Allowed, nil
}
