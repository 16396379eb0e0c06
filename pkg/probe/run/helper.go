package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/rest"
)

const (
	// HelperImage is what the helper pod runs where nothing else is asked for: a shell, and a netcat that starts programs.
	HelperImage = "busybox:1.37"
	// HelperLife is after how long the helper pod ends by itself, should nobody be left to delete it.
	HelperLife = 10 * time.Minute

	helperContainer = "relay"
	helperPatience  = 40 * time.Second
	removeTime      = 10 * time.Second
	nobody          = 65532
)

// HelperPod is a pod of our own, from which others are asked.
type HelperPod struct {
	cluster         *Cluster
	namespace, name string
}

// Name is the pod's name.
func (h *HelperPod) Name() string { return h.name }

// Way leads from the helper to other pods.
func (h *HelperPod) Way() *Relay {
	return NewRelay(h.cluster.Remote(h.namespace, h.name), helperContainer, "helper")
}

// HelperLabels are those of the helper pod.
func HelperLabels() map[string]string {
	return map[string]string{"app.kubernetes.io/managed-by": "kubectl-msa", "app.kubernetes.io/name": "msa-probe"}
}

// helperSpec is a pod that waits, as restricted as a pod can be.
func helperSpec(namespace, image, node string) *corev1.Pod {
	no, yes, grace, user := false, true, int64(0), int64(nobody)
	life := int64(HelperLife / time.Second)
	little := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("32Mi")}
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "msa-probe-" + rand.String(8),
			Labels: HelperLabels(),
		},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, ActiveDeadlineSeconds: &life, TerminationGracePeriodSeconds: &grace,
			AutomountServiceAccountToken: &no, EnableServiceLinks: &no,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, RunAsUser: &user, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: helperContainer, Image: image, Command: []string{"sleep", fmt.Sprint(life)},
				Resources: corev1.ResourceRequirements{Requests: little, Limits: little},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
	if node != "" { // near the pod, as the kubelet is, where there is room
		pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 100, Preference: corev1.NodeSelectorTerm{
				MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
			}}},
		}}
	}
	return pod
}

// StartHelper creates a helper pod and waits until it runs. On an error nothing
// of it is left, also where the answer to its creation never came: its name is
// chosen here. The node is where it is best; it may be "".
func (c *Cluster) StartHelper(ctx context.Context, namespace, image, node string) (*HelperPod, error) {
	spec := helperSpec(namespace, image, node)
	h := &HelperPod{cluster: c, namespace: namespace, name: spec.Name}
	if err := c.pod(ctx, http.MethodPost, namespace, "", nil, spec, nil); err != nil {
		var refused apierrors.APIStatus
		switch {
		case apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "cannot create resource"): // by a quota, by Pod Security or another admission plugin
			return nil, lost("the API server admits no helper pod: %w", err)
		case errors.As(err, &refused):
			return nil, barred("create pods in namespace "+namespace, err)
		}
		return nil, errors.Join(err, h.Remove(ctx)) // it may have been created all the same
	}
	if err := h.wait(ctx); err != nil {
		return nil, errors.Join(err, h.Remove(ctx))
	}
	return h, nil
}

func (h *HelperPod) wait(ctx context.Context) error {
	limit, cancel := context.WithTimeoutCause(ctx, helperPatience, lost("the helper pod did not start within %s", helperPatience))
	defer cancel()
	for {
		var pod corev1.Pod
		if err := h.cluster.pod(limit, http.MethodGet, h.namespace, h.name, nil, nil, &pod); err != nil && limit.Err() == nil {
			return barred("get pods in namespace "+h.namespace, err)
		}
		if len(pod.Status.ContainerStatuses) > 0 {
			switch state := pod.Status.ContainerStatuses[0].State; {
			case state.Running != nil:
				return nil
			case state.Terminated != nil:
				return lost("the helper pod ended: %s %s", state.Terminated.Reason, state.Terminated.Message)
			case state.Waiting != nil && hopeless(state.Waiting.Reason):
				return lost("the helper pod cannot start: %s: %s", state.Waiting.Reason, state.Waiting.Message)
			}
		}
		select {
		case <-limit.Done():
			return context.Cause(limit)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// hopeless is a reason for which a container that waits will not start soon.
func hopeless(reason string) bool {
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		return true
	}
	return false
}

// Remove deletes the helper pod, also when the context has ended.
func (h *HelperPod) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	err := h.cluster.pod(ctx, http.MethodDelete, h.namespace, h.name, url.Values{"gracePeriodSeconds": {"0"}}, nil, nil)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("helper pod %s in namespace %s is left behind, and ends by itself after %s: %w", h.name, h.namespace, HelperLife, err)
	}
	return nil
}

// pod sends one request about a pod; name "" is the list of them.
func (c *Cluster) pod(ctx context.Context, method, namespace, name string, query url.Values, send, into any) error {
	return c.do(ctx, method, []string{"namespaces", namespace, "pods", name}, query, send, into)
}

// do sends one request about an object of the core group.
func (c *Cluster) do(ctx context.Context, method string, path []string, query url.Values, send, into any) error {
	at, err := c.at(query, path...)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if send != nil {
		if err := json.NewEncoder(&body).Encode(send); err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, at.String(), &body)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return fmt.Errorf("set up the connection: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return answered(res, into)
}

// answered reads an answer, or the error in its place.
func answered(res *http.Response, into any) error {
	decoder := json.NewDecoder(res.Body)
	if res.StatusCode >= http.StatusBadRequest {
		var status metav1.Status
		if err := decoder.Decode(&status); err != nil || status.Message == "" {
			return fmt.Errorf("the API server answered %s", res.Status)
		}
		return &apierrors.StatusError{ErrStatus: status}
	}
	if into == nil {
		return nil
	}
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("decode an answer: %w", err)
	}
	return nil
}
