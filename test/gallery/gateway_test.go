package gallery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

const gatewayGroup = "gateway.networking.k8s.io"

// gatewayResources are the kinds of the Gateway API that cases make, as the definitions' files are called.
var gatewayResources = map[string]string{
	"GatewayClass": "gatewayclasses", "Gateway": "gateways", "HTTPRoute": "httproutes", "GRPCRoute": "grpcroutes", "ReferenceGrant": "referencegrants",
}

var gatewayAPI struct {
	once sync.Once
	err  error
}

// serveGatewayAPI defines the kinds of the Gateway API in the cluster, by the
// definitions that its project ships, and waits until they are served. They stay.
func serveGatewayAPI(t testing.TB, c *cluster.Cluster) {
	t.Helper()
	gatewayAPI.once.Do(func() {
		folder, err := gatewayModule()
		if err != nil {
			gatewayAPI.err = err
			return
		}
		for _, resource := range gatewayResources {
			definition, err := os.ReadFile(filepath.Join(folder, "config", "crd", "standard", gatewayGroup+"_"+resource+".yaml"))
			if err != nil {
				gatewayAPI.err = err
				return
			}
			c.Apply(t, "", string(definition))
		}
		c.WaitFor(t, "the Gateway API to be served", time.Minute, func(context.Context) (bool, string, error) {
			list, err := c.Typed().Discovery().ServerResourcesForGroupVersion(gatewayGroup + "/v1")
			if apierrors.IsNotFound(err) {
				return false, "no such group", nil
			}
			return err == nil && len(list.APIResources) >= 2*len(gatewayResources)-1, "", err // each with its status, but grants
		})
	})
	if gatewayAPI.err != nil {
		t.Fatal(gatewayAPI.err)
	}
}

// gatewayModule is where the module with the definitions lies, in the version of its go.mod.
func gatewayModule() (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", "sigs.k8s.io/gateway-api")
	cmd.Dir = "gatewayapi"
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if err := errors.Join(err, json.Unmarshal(out, &module)); err != nil || module.Dir == "" {
		return "", errors.Join(errors.New("get the Gateway API's definitions: "+module.Error), err)
	}
	return module.Dir, nil
}

// report writes the status that a case gives to objects of the Gateway API, as
// their controller would: the API server takes none with the rest.
func report(t testing.TB, c *cluster.Cluster, ns, manifests string) {
	t.Helper()
	for _, document := range bytes.Split([]byte(manifests), []byte("\n---\n")) {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal(document, &o.Object); err != nil {
			t.Fatal(err)
		}
		if o.Object["status"] == nil || !strings.HasPrefix(o.GetAPIVersion(), gatewayGroup+"/") {
			continue
		}
		delete(o.Object, "spec")
		resource := c.Dynamic().Resource(schema.GroupVersionResource{Group: gatewayGroup, Version: "v1", Resource: gatewayResources[o.GetKind()]}).Namespace(ns)
		if _, err := resource.ApplyStatus(t.Context(), o.GetName(), &o, metav1.ApplyOptions{FieldManager: "gallery-controller", Force: true}); err != nil {
			t.Fatalf("report the status of %s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}
