// Package addons holds the objects that every sandbox is born with: cluster
// DNS, the metrics API and, when asked for, fake nodes.
package addons

import (
	"bytes"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
)

//go:embed files
var files embed.FS

// Object is one object and the URL path that it has in the API.
type Object struct {
	Path string
	Body []byte
}

// Objects are what a sandbox with a real node gets, in the order in which to
// apply them. ca is the cluster's authority, PEM.
func Objects(s plan.Spec, ca []byte) ([]Object, error) {
	values := map[string]any{
		"DNSIP": plan.DNSIP, "NodeIP": plan.NodeIP, "NodeName": plan.NodeName, "MetricsPort": plan.MetricsPort,
		"Image": s.CoreDNSImage(), "CA": base64.StdEncoding.EncodeToString(ca),
	}
	var objects []Object
	for _, name := range []string{"files/dns.yaml", "files/metrics.yaml"} {
		t, err := template.New("").Option("missingkey=error").ParseFS(files, name)
		if err != nil {
			return nil, fmt.Errorf("addons: %w", err)
		}
		var out bytes.Buffer
		if err := t.ExecuteTemplate(&out, strings.TrimPrefix(name, "files/"), values); err != nil {
			return nil, fmt.Errorf("addons: %w", err)
		}
		for _, doc := range strings.Split(out.String(), "\n---\n") {
			path, err := apiPath(doc)
			if err != nil {
				return nil, fmt.Errorf("addons: %s: %w", name, err)
			}
			objects = append(objects, Object{Path: path, Body: []byte(doc)})
		}
	}
	return objects, nil
}

// apiPath reads an object's place in the API from its text. It serves the
// files of this package, where these fields stand on lines of a fixed form.
func apiPath(doc string) (string, error) {
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(doc)
		if m == nil {
			return ""
		}
		return m[1]
	}
	version, kind := find(`(?m)^apiVersion: (\S+)$`), find(`(?m)^kind: (\S+)$`)
	name := find(`(?m)^(?:metadata: \{|  )name: "?([a-z0-9:.-]+)`)
	namespace := find(`(?m)^(?:metadata: \{.*|  )namespace: ([a-z-]+)`)
	if version == "" || kind == "" || name == "" {
		return "", errors.New("an object without apiVersion, kind or name")
	}
	resource := strings.ToLower(kind) + "s"
	prefix := "/apis/" + version
	if version == "v1" {
		prefix = "/api/v1"
	}
	if namespace != "" {
		prefix += "/namespaces/" + namespace
	}
	return prefix + "/" + resource + "/" + name, nil
}
