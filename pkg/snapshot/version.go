package snapshot

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ServerVersionKind is the kind of ServerVersion, of which there is one.
const ServerVersionKind = "ServerVersion"

// ServerVersionName is what the one ServerVersion is called.
const ServerVersionName = "version"

// ServerVersion is what the API server says at /version.
type ServerVersion struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	// GitVersion is as in "v1.36.3".
	GitVersion string `json:"gitVersion"`
}

// NewServerVersion makes one.
func NewServerVersion(gitVersion string) *ServerVersion {
	return &ServerVersion{ObjectMeta: metav1.ObjectMeta{Name: ServerVersionName}, GitVersion: gitVersion}
}

// ServerVersionNeed asks for it.
func ServerVersionNeed() Need { return Need{Kind: ServerVersionKind, Name: ServerVersionName} }

// DeepCopyObject makes ServerVersion a runtime.Object.
func (v *ServerVersion) DeepCopyObject() runtime.Object {
	out := *v
	v.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return &out
}
