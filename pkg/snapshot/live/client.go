package live

import (
	"fmt"
	"net/http"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	protobuf = "application/vnd.kubernetes.protobuf"
	jsonType = "application/json"
)

// clients makes one REST client per group and version, over one HTTP client
// and one rate limiter.
type clients struct {
	config *rest.Config
	http   *http.Client
	codecs serializer.CodecFactory

	mu   sync.Mutex
	made map[schema.GroupVersion]rest.Interface
}

func newClients(config *rest.Config, o Options, m *meter) (*clients, error) {
	config = rest.CopyConfig(config)
	config.UserAgent = "kubectl-msa/" + o.Version
	config.WarningHandlerWithContext = o.Warnings
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { m.next = next; return m })
	config.RateLimiter = flowcontrol.NewFakeAlwaysRateLimiter()
	if o.QPS > 0 {
		config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(o.QPS, max(o.Burst, 1))
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("set up the connection: %w", err)
	}
	return &clients{config: config, http: client, codecs: serializer.NewCodecFactory(newScheme()), made: map[schema.GroupVersion]rest.Interface{}}, nil
}

// newScheme knows the kinds that the tool reads and no others: the scheme of
// client-go registers every API there is, which costs a third of the start-up.
func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, k := range snapshot.Kinds() {
		if k.Custom || k.Metadata {
			continue // decoded by hand: see untyped
		}
		gv := k.Resource.GroupVersion()
		s.AddKnownTypeWithName(gv.WithKind(string(k.Kind)), wireObject(k))
		s.AddKnownTypeWithName(gv.WithKind(string(k.Kind)+"List"), k.NewList())
		metav1.AddToGroupVersion(s, gv)
	}
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	return s
}

// client reads a group and version as protobuf, as JSON where that is all the server has.
func (c *clients) client(gv schema.GroupVersion) (rest.Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if made, ok := c.made[gv]; ok {
		return made, nil
	}
	config := rest.CopyConfig(c.config)
	config.GroupVersion = &gv
	config.APIPath = "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	config.AcceptContentTypes = protobuf + "," + jsonType
	if !hasProtobuf(gv) {
		config.AcceptContentTypes = jsonType
	}
	config.ContentType = jsonType
	config.NegotiatedSerializer = c.codecs.WithoutConversion()
	made, err := rest.RESTClientForConfigAndClient(config, c.http)
	if err != nil {
		return nil, fmt.Errorf("set up the client for %s: %w", gv, err)
	}
	c.made[gv] = made
	return made, nil
}

// hasProtobuf says whether the kinds of a group are read as protobuf.
func hasProtobuf(gv schema.GroupVersion) bool {
	for _, k := range snapshot.Kinds() {
		if k.Resource.Group == gv.Group {
			return !k.JSON
		}
	}
	return false
}

// raw asks for paths and answers in JSON that the caller decodes.
func (c *clients) raw() (rest.Interface, error) {
	config := rest.CopyConfig(c.config)
	config.GroupVersion = &schema.GroupVersion{Version: "v1"}
	config.APIPath = "/api"
	config.AcceptContentTypes = jsonType
	config.ContentType = jsonType
	config.NegotiatedSerializer = c.codecs.WithoutConversion()
	made, err := rest.RESTClientForConfigAndClient(config, c.http)
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	return made, nil
}
