package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// boutique reads the manifests of a real public application, which are not part
// of this project.
func boutique(t *testing.T) (path, text string) {
	t.Helper()
	path = filepath.Join(workshop.Root(t), "..", "shared", "corpus", "online-boutique.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the corpus of public manifests is not beside this project: %v", err)
	}
	return path, string(data)
}

// The file alone, without a cluster: explained, and nothing alleged of what no file can show.
func TestOnlineBoutiqueFromItsFile(t *testing.T) {
	path, text := boutique(t)
	got := workshop.Run(t, filepath.Join(t.TempDir(), "none"), "inspect", "-f", path, "-o", "json", "--fail-on", "warning")
	if got.Code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", got.Code, got.Stderr, got.Stdout)
	}
	if n := strings.Count(text, "kind: Deployment"); n != 12 || strings.Count(got.Stdout, `"kind": "Deployment"`) < n {
		t.Errorf("%d Deployments in the file, %d in the report", n, strings.Count(got.Stdout, `"kind": "Deployment"`))
	}
}

// The same in the cluster, with the shop's image in the place of each image and
// without the probes that only the real programs answer: every workload comes
// up, and nothing is found.
func TestOnlineBoutiqueInTheCluster(t *testing.T) {
	_, text := boutique(t)
	c := workshop.Open(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, standIns(t, text))
	c.WaitFor(t, "the boutique to be well", patience, func(context.Context) (bool, string, error) {
		r, err := workshop.Inspect(t, c.Kubeconfig(), "-n", ns)
		if err != nil {
			return false, "", err
		}
		well := len(r.Objects) >= 12 && len(r.Findings) == 0
		for _, o := range r.Objects {
			well = well && o.Health == "healthy"
		}
		return well, workshop.Summary(r), nil
	})
}

// standIns gives every container the shop's image: init containers end at once,
// the others run; probes and requests made for the real programs are left out.
func standIns(t *testing.T, text string) string {
	t.Helper()
	var out []string
	for _, document := range strings.Split(text, "\n---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		if object == nil {
			continue
		}
		spec, found, _ := unstructured.NestedMap(object, "spec", "template", "spec")
		if found {
			standIn(spec["initContainers"], "echo", "done")
			standIn(spec["containers"], "sleep", "forever")
			if err := unstructured.SetNestedMap(object, spec, "spec", "template", "spec"); err != nil {
				t.Fatal(err)
			}
		}
		data, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(data))
	}
	return strings.Join(out, "---\n")
}

func standIn(containers any, args ...any) {
	list, _ := containers.([]any)
	for _, c := range list {
		c := c.(map[string]any)
		for _, field := range []string{"command", "readinessProbe", "livenessProbe", "startupProbe", "resources"} {
			delete(c, field)
		}
		c["image"], c["args"] = "shop/tools:v1", args
	}
}
