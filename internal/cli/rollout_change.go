package cli

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// everyContainer stands for all containers, as in "kubectl set image".
const everyContainer = "*"

// parseImages reads CONTAINER=IMAGE.
func parseImages(typed []string) (map[string]string, error) {
	var images map[string]string
	for _, t := range typed {
		container, image, ok := strings.Cut(t, "=")
		if !ok || image == "" || container == "" || strings.ContainsAny(image, " \t\n") {
			return nil, usage("rollout.error.image", "typed", t)
		}
		if container != everyContainer && !isContainer(container) {
			return nil, usage("rollout.error.container", "flag", "--image", "container", container)
		}
		if before, twice := images[container]; twice && before != image {
			return nil, usage("rollout.error.image-twice", "container", container, "first", before, "second", image)
		}
		if images == nil {
			images = map[string]string{}
		}
		images[container] = image
	}
	return images, nil
}

// parseEnv reads [CONTAINER:]NAME=VALUE and [CONTAINER:]NAME-.
func parseEnv(typed []string) ([]rollout.EnvEdit, error) {
	var all []rollout.EnvEdit
	for _, t := range typed {
		e, err := parseVariable(t)
		if err != nil {
			return nil, err
		}
		repeated := false
		for _, before := range all {
			if before.Container != e.Container || before.Name != e.Name {
				continue
			}
			if before != e {
				return nil, usage("rollout.error.env-twice", "name", e.Name)
			}
			repeated = true
		}
		if !repeated {
			all = append(all, e)
		}
	}
	return all, nil
}

func parseVariable(typed string) (rollout.EnvEdit, error) {
	name, value, set := strings.Cut(typed, "=")
	e := rollout.EnvEdit{Name: name, Value: value}
	if !set {
		if e.Name, e.Remove = strings.CutSuffix(name, "-"); !e.Remove {
			return e, usage("rollout.error.env", "typed", typed)
		}
	}
	// A variable's name may hold a colon too; what is in front of one is a container only if it can be one.
	if container, rest, ok := strings.Cut(e.Name, ":"); ok && isContainer(container) {
		e.Container, e.Name = container, rest
	}
	if len(validation.IsRelaxedEnvVarName(e.Name)) > 0 {
		return e, usage("rollout.error.env", "typed", typed)
	}
	return e, nil
}

func isContainer(name string) bool { return len(validation.IsDNS1123Label(name)) == 0 }

// parsePatch reads a patch in JSON or YAML as JSON.
func parsePatch(typed string) (json.RawMessage, error) {
	if typed == "" {
		return nil, nil
	}
	raw, err := yaml.YAMLToJSONStrict([]byte(typed))
	if err != nil {
		return nil, usage("rollout.error.patch", "why", err.Error())
	}
	var patch map[string]any
	if err := json.Unmarshal(raw, &patch); err != nil || len(patch) == 0 {
		return nil, usage("rollout.error.patch", "why", "")
	}
	return raw, nil
}
