package snapshot

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// The types of extension kinds are those of k8s.io/apiextensions-apiserver and
// k8s.io/kube-aggregator, v1, without what nobody here asks about: above all
// the schemas, which make up nearly all of a CustomResourceDefinition.

// Condition is a condition of an extension kind.
type Condition struct {
	Type               string      `json:"type"`
	Status             string      `json:"status"`
	Reason             string      `json:"reason,omitempty"`
	Message            string      `json:"message,omitempty"`
	LastTransitionTime metav1.Time `json:"lastTransitionTime,omitempty"`
}

// ServiceReference names the Service that answers for an extension.
type ServiceReference struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Port      *int32 `json:"port,omitempty"`
}

// CustomResourceDefinition adds a kind to the API.
type CustomResourceDefinition struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              CustomResourceDefinitionSpec   `json:"spec"`
	Status            CustomResourceDefinitionStatus `json:"status,omitempty"`
}

// CustomResourceDefinitionSpec says which kind.
type CustomResourceDefinitionSpec struct {
	Group      string                            `json:"group"`
	Names      CustomResourceDefinitionNames     `json:"names"`
	Scope      string                            `json:"scope"`
	Versions   []CustomResourceDefinitionVersion `json:"versions"`
	Conversion *CustomResourceConversion         `json:"conversion,omitempty"`
}

// CustomResourceDefinitionNames are how the kind is called.
type CustomResourceDefinitionNames struct {
	Plural     string   `json:"plural"`
	Singular   string   `json:"singular,omitempty"`
	ShortNames []string `json:"shortNames,omitempty"`
	Kind       string   `json:"kind"`
}

// CustomResourceDefinitionVersion is one version of the kind.
type CustomResourceDefinitionVersion struct {
	Name       string `json:"name"`
	Served     bool   `json:"served"`
	Storage    bool   `json:"storage"`
	Deprecated bool   `json:"deprecated,omitempty"`
}

// CustomResourceConversion says who converts between versions.
type CustomResourceConversion struct {
	Strategy string             `json:"strategy"`
	Webhook  *WebhookConversion `json:"webhook,omitempty"`
}

// WebhookConversion is a conversion web hook, as far as it is a Service.
type WebhookConversion struct {
	ClientConfig *struct {
		Service *ServiceReference `json:"service,omitempty"`
	} `json:"clientConfig,omitempty"`
}

// CustomResourceDefinitionStatus says what became of it.
type CustomResourceDefinitionStatus struct {
	Conditions     []Condition                   `json:"conditions,omitempty"`
	AcceptedNames  CustomResourceDefinitionNames `json:"acceptedNames"`
	StoredVersions []string                      `json:"storedVersions,omitempty"`
}

// APIService registers a group and version with the API server.
type APIService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              APIServiceSpec   `json:"spec"`
	Status            APIServiceStatus `json:"status,omitempty"`
}

// APIServiceSpec says who answers; no Service means the API server itself.
type APIServiceSpec struct {
	Service               *ServiceReference `json:"service,omitempty"`
	Group                 string            `json:"group,omitempty"`
	Version               string            `json:"version,omitempty"`
	InsecureSkipTLSVerify bool              `json:"insecureSkipTLSVerify,omitempty"`
}

// APIServiceStatus says whether it answers.
type APIServiceStatus struct {
	Conditions []Condition `json:"conditions,omitempty"`
}

// HelmStorage is a Secret in which Helm keeps a revision of a release: its
// metadata alone, for the rest is the whole chart with its values.
type HelmStorage struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
}

type (
	// CustomResourceDefinitionList is a list of CustomResourceDefinitions.
	CustomResourceDefinitionList struct {
		metav1.TypeMeta `json:",inline"`
		metav1.ListMeta `json:"metadata"`
		Items           []CustomResourceDefinition `json:"items"`
	}
	// APIServiceList is a list of APIServices.
	APIServiceList struct {
		metav1.TypeMeta `json:",inline"`
		metav1.ListMeta `json:"metadata"`
		Items           []APIService `json:"items"`
	}
	// HelmStorageList is a list of what Helm keeps.
	HelmStorageList struct {
		metav1.TypeMeta `json:",inline"`
		metav1.ListMeta `json:"metadata"`
		Items           []HelmStorage `json:"items"`
	}
)

// DeepCopyObject makes CustomResourceDefinition a runtime.Object. What lies below
// the metadata is shared: nobody changes it once it is read.
func (c *CustomResourceDefinition) DeepCopyObject() runtime.Object {
	out := *c
	c.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return &out
}

// DeepCopyObject makes APIService a runtime.Object; see CustomResourceDefinition.
func (a *APIService) DeepCopyObject() runtime.Object {
	out := *a
	a.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return &out
}

// DeepCopyObject makes HelmStorage a runtime.Object.
func (h *HelmStorage) DeepCopyObject() runtime.Object {
	out := *h
	h.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return &out
}

// DeepCopyObject makes CustomResourceDefinitionList a runtime.Object.
func (l *CustomResourceDefinitionList) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = append([]CustomResourceDefinition(nil), l.Items...)
	return &out
}

// DeepCopyObject makes APIServiceList a runtime.Object.
func (l *APIServiceList) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = append([]APIService(nil), l.Items...)
	return &out
}

// DeepCopyObject makes HelmStorageList a runtime.Object.
func (l *HelmStorageList) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = append([]HelmStorage(nil), l.Items...)
	return &out
}
