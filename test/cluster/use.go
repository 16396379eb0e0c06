package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Kubeconfig is the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig }

// Config is a copy of the administrator's client configuration.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Typed is the administrator's typed client.
func (c *Cluster) Typed() kubernetes.Interface { return c.typed }

// Dynamic is the administrator's dynamic client.
func (c *Cluster) Dynamic() dynamic.Interface { return c.dynamic }

// Namespace makes a fresh namespace, ready for pods, and deletes it when the
// test ends. When the test has failed it logs the pods and events first.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	base := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	ns := strings.TrimRight(base[:min(len(base), 40)], "-") + fmt.Sprintf("-%06x", rand.IntN(1<<24))
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: map[string]string{"msa-test": "true"}}}
	if _, err := c.typed.CoreV1().Namespaces().Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatalf("create namespace %s: %v", ns, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if t.Failed() {
			c.dump(ctx, t, ns)
		}
		if err := c.typed.CoreV1().Namespaces().Delete(ctx, ns, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Logf("delete namespace %s: %v", ns, err)
		}
	})
	c.WaitFor(t, "the default ServiceAccount of "+ns, 30*time.Second, func(ctx context.Context) (bool, string, error) {
		_, err := c.typed.CoreV1().ServiceAccounts(ns).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, "not found", nil
		}
		return err == nil, "", err
	})
	return ns
}

// dump logs what a person would look at first.
func (c *Cluster) dump(ctx context.Context, t testing.TB, ns string) {
	pods, err := c.typed.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Logf("pods of %s: %v", ns, err)
		return
	}
	for _, p := range pods.Items {
		t.Logf("pod %s: %s on %q", p.Name, p.Status.Phase, p.Spec.NodeName)
		for _, s := range p.Status.ContainerStatuses {
			t.Logf("  %s: ready=%v restarts=%d state=%+v", s.Name, s.Ready, s.RestartCount, s.State)
		}
	}
	events, err := c.typed.CoreV1().Events(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Logf("events of %s: %v", ns, err)
		return
	}
	for _, e := range events.Items[max(0, len(events.Items)-30):] {
		t.Logf("event %s %s/%s: %s: %s", e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
}

// Apply applies every document of a YAML text by server-side apply. Objects
// that name no namespace go to ns.
func (c *Cluster) Apply(t testing.TB, ns, text string) {
	t.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(text)), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("apply: %v", err)
		}
		if len(object.Object) == 0 {
			continue
		}
		resource, err := c.resourceFor(ns, object)
		if err != nil {
			t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
		if _, err := resource.Apply(t.Context(), object.GetName(), object, metav1.ApplyOptions{FieldManager: UserAgent, Force: true}); err != nil {
			t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// Delete deletes one object, if it exists, and does not wait for its end.
func (c *Cluster) Delete(t testing.TB, ns string, gvk schema.GroupVersionKind, name string) {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gvk)
	resource, err := c.resourceFor(ns, object)
	if err == nil {
		err = resource.Delete(t.Context(), name, metav1.DeleteOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatalf("delete %s %s: %v", gvk.Kind, name, err)
	}
}

func (c *Cluster) resourceFor(ns string, object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvk := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		// The kind may have been defined since the last look.
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("find the resource of %s: %w", gvk.Kind, err)
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return c.dynamic.Resource(mapping.Resource), nil
	}
	if object.GetNamespace() != "" {
		ns = object.GetNamespace()
	}
	return c.dynamic.Resource(mapping.Resource).Namespace(ns), nil
}

// WaitFor asks again and again until the condition holds, and fails the test
// when the time is over or the condition returns an error. The string says
// what was seen last.
func (c *Cluster) WaitFor(t testing.TB, what string, timeout time.Duration, condition func(context.Context) (bool, string, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	last := ""
	for {
		ok, seen, err := condition(ctx)
		if ctx.Err() == nil && err != nil {
			t.Fatalf("wait for %s: %v", what, err)
		}
		if ok && err == nil {
			return
		}
		if seen != "" {
			last = seen
		}
		select {
		case <-ctx.Done():
			t.Fatalf("wait for %s: not within %s; last seen: %s", what, timeout, last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// KubeconfigFor writes a kubeconfig for a user that RBAC allows exactly the
// rules: in the given namespaces, or everywhere if there are none. It returns
// the file's path, once the API server goes by the rules. The roles vanish with
// the test.
func (c *Cluster) KubeconfigFor(t testing.TB, user string, rules []rbacv1.PolicyRule, namespaces ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, c.sandbox(t, "kubeconfig", "--user", user), 0o600); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("msa-test-%s-%06x", regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(user), "-"), rand.IntN(1<<24))
	for _, kind := range roleKinds(len(namespaces) == 0) {
		c.grant(t, kind, name, user, rules, namespaces)
	}
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, ns := range namespaces {
		for _, rule := range rules {
			c.waitAllowed(t, user, ns, rule)
		}
	}
	return path
}

// waitAllowed waits until the API server allows a user what a rule says: its
// authorizer learns of roles by a watch, a moment after they were written. Rules
// that name single objects are not waited for.
func (c *Cluster) waitAllowed(t testing.TB, user, ns string, rule rbacv1.PolicyRule) {
	t.Helper()
	var asked []authorizationv1.SubjectAccessReviewSpec
	if len(rule.ResourceNames) > 0 {
		return
	}
	for _, verb := range rule.Verbs {
		for _, path := range rule.NonResourceURLs {
			asked = append(asked, authorizationv1.SubjectAccessReviewSpec{NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: verb}})
		}
		for _, group := range rule.APIGroups {
			for _, name := range rule.Resources {
				resource, sub, _ := strings.Cut(name, "/")
				asked = append(asked, authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: ns, Verb: verb, Group: group, Resource: resource, Subresource: sub}})
			}
		}
	}
	for _, spec := range asked {
		spec.User = user
		c.WaitFor(t, fmt.Sprintf("user %s to be allowed %v", user, rule), 30*time.Second, func(ctx context.Context) (bool, string, error) {
			review, err := c.typed.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
			if err != nil {
				return false, "", err
			}
			return review.Status.Allowed, review.Status.Reason, nil
		})
	}
}

func roleKinds(everywhere bool) []string {
	if everywhere {
		return []string{"ClusterRole", "ClusterRoleBinding"}
	}
	return []string{"Role", "RoleBinding"}
}

func (c *Cluster) grant(t testing.TB, kind, name, user string, rules []rbacv1.PolicyRule, namespaces []string) {
	t.Helper()
	object := map[string]any{"apiVersion": rbacv1.SchemeGroupVersion.String(), "kind": kind, "metadata": map[string]any{"name": name}}
	if role, ok := strings.CutSuffix(kind, "Binding"); ok {
		object["roleRef"] = map[string]any{"apiGroup": rbacv1.GroupName, "kind": role, "name": name}
		object["subjects"] = []any{map[string]any{"apiGroup": rbacv1.GroupName, "kind": "User", "name": user}}
	} else {
		object["rules"] = rules
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	gvk := rbacv1.SchemeGroupVersion.WithKind(kind)
	for _, ns := range namespaces {
		c.Apply(t, ns, string(text))
		t.Cleanup(func() {
			u := &unstructured.Unstructured{}
			u.SetGroupVersionKind(gvk)
			if resource, err := c.resourceFor(ns, u); err == nil {
				_ = resource.Delete(context.Background(), name, metav1.DeleteOptions{})
			}
		})
	}
}

// LoadImage loads an image archive (docker save or OCI) into the node.
func (c *Cluster) LoadImage(t testing.TB, archive string) {
	t.Helper()
	c.sandbox(t, "load", archive)
}

// Run runs a command of this machine inside the sandbox's network and returns
// its standard output. The error of a command that failed carries what it
// wrote to its standard error.
func (c *Cluster) Run(t testing.TB, args ...string) ([]byte, error) {
	out, err := c.command(t, append([]string{"run", "--"}, args...)...).Output()
	return out, explain(err)
}

// Kubectl runs the sandbox's kubectl as administrator and returns its output.
func (c *Cluster) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return string(c.sandbox(t, append([]string{"kubectl"}, args...)...))
}
