package inspect

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	secretKind    snapshot.Kind = "Secret"
	configMapKind snapshot.Kind = "ConfigMap"
)

// use is how a pod takes in a ConfigMap or Secret. It decides who reads it and
// when: env and envFrom just before a container is created, volumes before anything of the pod starts.
type use string

const (
	useEnv       use = "env"
	useEnvFrom   use = "envFrom"
	useVolume    use = "volume"
	useProjected use = "projected"
)

// reference is one thing that a pod needs from a ConfigMap or Secret.
type reference struct {
	kind snapshot.Kind
	name string
	// key is empty where the whole object is taken.
	key string
	use use
	// container is the one that needs it; empty for a volume that none or several mount.
	container string
	volume    string
	// path is the field that refers.
	path     string
	optional bool
}

// mounted says whether the reference is part of a volume.
func (r reference) mounted() bool { return r.use == useVolume || r.use == useProjected }

// references lists all that a pod takes from ConfigMaps and Secrets, in the
// order in which it is written. Left out: credentials of storage drivers
// (they belong to the volume) and imagePullSecrets (without which a pull may well work).
func references(pod *corev1.Pod) []reference {
	var out []reference
	for _, c := range containers(pod) {
		for i, e := range c.spec.EnvFrom {
			r := reference{use: useEnvFrom, container: c.spec.Name}
			at := fmt.Sprintf("%s.envFrom[%d]", c.path(), i)
			switch {
			case e.SecretRef != nil:
				r.kind, r.name, r.path, r.optional = secretKind, e.SecretRef.Name, at+".secretRef", isTrue(e.SecretRef.Optional)
			case e.ConfigMapRef != nil:
				r.kind, r.name, r.path, r.optional = configMapKind, e.ConfigMapRef.Name, at+".configMapRef", isTrue(e.ConfigMapRef.Optional)
			}
			out = appendNamed(out, r)
		}
		for _, e := range c.spec.Env {
			if e.ValueFrom == nil {
				continue
			}
			r := reference{use: useEnv, container: c.spec.Name}
			at := fmt.Sprintf("%s.env[%s].valueFrom", c.path(), e.Name)
			switch {
			case e.ValueFrom.SecretKeyRef != nil:
				k := e.ValueFrom.SecretKeyRef
				r.kind, r.name, r.key, r.path, r.optional = secretKind, k.Name, k.Key, at+".secretKeyRef", isTrue(k.Optional)
			case e.ValueFrom.ConfigMapKeyRef != nil:
				k := e.ValueFrom.ConfigMapKeyRef
				r.kind, r.name, r.key, r.path, r.optional = configMapKind, k.Name, k.Key, at+".configMapKeyRef", isTrue(k.Optional)
			}
			out = appendNamed(out, r)
		}
	}
	for i := range pod.Spec.Volumes {
		out = append(out, volumeReferences(pod, &pod.Spec.Volumes[i])...)
	}
	return out
}

func volumeReferences(pod *corev1.Pod, v *corev1.Volume) []reference {
	base := reference{volume: v.Name, container: onlyMounter(pod, v.Name), use: useVolume}
	at := "spec.volumes[" + v.Name + "]"
	var out []reference
	add := func(kind snapshot.Kind, name, path string, items []corev1.KeyToPath, optional *bool) {
		r := base
		r.kind, r.name, r.path, r.optional = kind, name, path, isTrue(optional)
		if len(items) == 0 {
			out = appendNamed(out, r)
		}
		for _, item := range items {
			r.key, r.path = item.Key, path+".items["+item.Key+"]"
			out = appendNamed(out, r)
		}
	}
	switch {
	case v.Secret != nil:
		add(secretKind, v.Secret.SecretName, at+".secret", v.Secret.Items, v.Secret.Optional)
	case v.ConfigMap != nil:
		add(configMapKind, v.ConfigMap.Name, at+".configMap", v.ConfigMap.Items, v.ConfigMap.Optional)
	case v.Projected != nil:
		base.use = useProjected
		for i, source := range v.Projected.Sources {
			path := fmt.Sprintf("%s.projected.sources[%d]", at, i)
			switch {
			case source.Secret != nil:
				add(secretKind, source.Secret.Name, path+".secret", source.Secret.Items, source.Secret.Optional)
			case source.ConfigMap != nil:
				add(configMapKind, source.ConfigMap.Name, path+".configMap", source.ConfigMap.Items, source.ConfigMap.Optional)
			}
		}
	}
	return out
}

// onlyMounter names the container that mounts the volume, if it is just one.
func onlyMounter(pod *corev1.Pod, volume string) string {
	found := ""
	for _, c := range containers(pod) {
		for _, m := range c.spec.VolumeMounts {
			if m.Name != volume || found == c.spec.Name {
				continue
			}
			if found != "" {
				return ""
			}
			found = c.spec.Name
		}
	}
	return found
}

func appendNamed(list []reference, r reference) []reference {
	if r.name == "" {
		return list
	}
	return append(list, r)
}

func isTrue(b *bool) bool { return b != nil && *b }
