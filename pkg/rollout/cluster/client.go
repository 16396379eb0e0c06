// Package cluster is what a rollout needs of the API server: fresh looks at the
// workload, and writes that hold only under their preconditions.
package cluster

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins of kubeconfig files
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

const (
	// Manager is the field manager of every write.
	Manager = "kubectl-msa"

	protobuf = "application/vnd.kubernetes.protobuf"
	jsonType = "application/json"

	// requestTime bounds one request with its answer.
	requestTime = 10 * time.Second
	// parallel bounds how many reads are under way at once.
	parallel = 10
)

// Options set a client up.
type Options struct {
	// Version goes into the user agent.
	Version string
	// QPS and Burst bound the rate of requests; a QPS of 0 or less does not.
	QPS   float32
	Burst int
	// Warnings gets what the API server warns of.
	Warnings rest.WarningHandlerWithContext
	// Sent is told of every HTTP request when it has ended; several goroutines may call it at once.
	Sent func(Request)
}

// Client reads and writes one cluster. It implements rollout.Cluster, and
// journals speak through it. Safe for use by several goroutines.
type Client struct {
	config *rest.Config
	http   *http.Client
	wire   *wire
	json   rest.Interface
	// typed reads lists, as protobuf where the server has it.
	typed map[schema.GroupVersion]rest.Interface

	mu sync.Mutex
	// slow is what changes seldom, by workload.
	slow map[rollout.Ref]slowly
}

// New makes a client; nothing is sent yet.
func New(config *rest.Config, o Options) (*Client, error) {
	w := &wire{sent: o.Sent}
	config = rest.CopyConfig(config)
	config.UserAgent = "kubectl-msa/" + o.Version
	config.WarningHandlerWithContext = o.Warnings
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { w.next = next; return w })
	config.RateLimiter = flowcontrol.NewFakeAlwaysRateLimiter()
	if o.QPS > 0 {
		config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(o.QPS, max(o.Burst, 1))
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("set up the connection: %w", err)
	}
	c := &Client{config: config, http: client, wire: w,
		typed: map[schema.GroupVersion]rest.Interface{}, slow: map[rollout.Ref]slowly{}}
	codecs := serializer.NewCodecFactory(newScheme()).WithoutConversion()
	if c.json, err = c.rest(codecs, corev1.SchemeGroupVersion, jsonType); err != nil {
		return nil, err
	}
	for _, gv := range []schema.GroupVersion{appsv1.SchemeGroupVersion, corev1.SchemeGroupVersion, discoveryv1.SchemeGroupVersion, policyv1.SchemeGroupVersion} {
		if c.typed[gv], err = c.rest(codecs, gv, protobuf+","+jsonType); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Client) rest(codecs runtime.NegotiatedSerializer, gv schema.GroupVersion, accept string) (rest.Interface, error) {
	config := rest.CopyConfig(c.config)
	config.GroupVersion = &gv
	config.APIPath = "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	config.AcceptContentTypes = accept
	config.ContentType = jsonType
	config.NegotiatedSerializer = codecs
	made, err := rest.RESTClientForConfigAndClient(config, c.http)
	if err != nil {
		return nil, fmt.Errorf("set up the client for %s: %w", gv, err)
	}
	return made, nil
}

// newScheme knows the lists that a look reads, and no others.
func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	s.AddKnownTypes(appsv1.SchemeGroupVersion, &appsv1.ReplicaSetList{}, &appsv1.ControllerRevisionList{})
	s.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.PodList{})
	s.AddKnownTypes(discoveryv1.SchemeGroupVersion, &discoveryv1.EndpointSliceList{})
	s.AddKnownTypes(policyv1.SchemeGroupVersion, &policyv1.PodDisruptionBudgetList{})
	for _, gv := range s.PrioritizedVersionsAllGroups() {
		metav1.AddToGroupVersion(s, gv)
	}
	return s
}
