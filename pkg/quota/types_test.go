package quota

import (
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
)

type (
	schedulingClass = schedulingv1.PriorityClass
	runtimeClass    = nodev1.RuntimeClass
	storageClass    = storagev1.StorageClass
)
