package large_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// shop makes Deployments in one namespace, each with a Service, a ReplicaSet and
// its pods, all well, and events about some of them.
func shop(t testing.TB, workloads, replicas int) []runtime.Object {
	t.Helper()
	var out []runtime.Object
	born := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	yes, n, surge := true, int32(replicas), int32(1)
	for i := range workloads {
		name := fmt.Sprintf("web-%d", i)
		set := map[string]string{"app": name, "app.kubernetes.io/part-of": "shop"}
		hashed := map[string]string{"app": name, "app.kubernetes.io/part-of": "shop", "pod-template-hash": "5d9c7f"}
		about := func(kind string) metav1.ObjectMeta {
			return metav1.ObjectMeta{Name: name, Namespace: "shop", UID: uid(kind + name), Labels: set, CreationTimestamp: born, Generation: 1}
		}
		owned := func(kind, owner, id string) []metav1.OwnerReference {
			return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: owner, UID: uid(id), Controller: &yes}}
		}
		template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: set}, Spec: podSpec()}
		d := &appsv1.Deployment{ObjectMeta: about("d"), Spec: appsv1.DeploymentSpec{Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}, Template: template}}
		d.Annotations = map[string]string{"deployment.kubernetes.io/revision": "1"}
		d.Status = appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n, Conditions: []appsv1.DeploymentCondition{{Type: "Available", Status: "True"}, {Type: "Progressing", Status: "True", Reason: "NewReplicaSetAvailable"}}}
		rs := &appsv1.ReplicaSet{ObjectMeta: about("r"), Spec: appsv1.ReplicaSetSpec{Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: hashed}, Template: template}}
		rs.Name, rs.Labels, rs.OwnerReferences, rs.Annotations = name+"-5d9c7f", hashed, owned("Deployment", name, "d"+name), d.Annotations
		rs.Status = appsv1.ReplicaSetStatus{ObservedGeneration: 1, Replicas: n, FullyLabeledReplicas: n, ReadyReplicas: n, AvailableReplicas: n}
		svc := &corev1.Service{ObjectMeta: about("s"), Spec: corev1.ServiceSpec{Type: "ClusterIP", ClusterIP: "10.96.0.1", Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}
		slice := &discoveryv1.EndpointSlice{ObjectMeta: about("e"), AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Port: &surge}}}
		slice.Labels = map[string]string{discoveryv1.LabelServiceName: name}
		out = append(out, d, rs, svc, slice)
		for k := range replicas {
			pod := &corev1.Pod{ObjectMeta: about("p"), Spec: podSpec()}
			pod.Name, pod.Labels, pod.OwnerReferences = fmt.Sprintf("%s-5d9c7f-%05d", name, k), hashed, owned("ReplicaSet", rs.Name, "r"+name)
			pod.UID = uid(pod.Name)
			pod.Spec.NodeName = fmt.Sprintf("node-%d", k)
			pod.Status = runningOn(i*replicas+k, born)
			managed(pod)
			token := fmt.Sprintf("kube-api-access-%05d", k) // each pod's own name
			pod.Spec.Volumes[0].Name, pod.Spec.Containers[0].VolumeMounts[0].Name = token, token
			out = append(out, pod)
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{pod.Status.PodIP}, Conditions: discoveryv1.EndpointConditions{Ready: &yes}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: pod.Name, UID: pod.UID}})
		}
	}
	slices.SortStableFunc(out, func(a, b runtime.Object) int { return strings.Compare(nameOf(a), nameOf(b)) }) // as etcd has them
	return out
}

func uid(of string) types.UID { return types.UID(fmt.Sprintf("%-36.36s", of)) }

func podSpec() corev1.PodSpec {
	room := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
	}
	probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http"), Scheme: corev1.URISchemeHTTP}}, TimeoutSeconds: 1, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3}
	seconds := int64(300)
	return corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst, SchedulerName: "default-scheduler", ServiceAccountName: "default",
		Containers: []corev1.Container{{
			Name: "app", Image: "registry.example.com/shop/web:v1", ImagePullPolicy: corev1.PullIfNotPresent, TerminationMessagePath: "/dev/termination-log",
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80, Protocol: corev1.ProtocolTCP}}, ReadinessProbe: probe, LivenessProbe: probe,
			Resources: corev1.ResourceRequirements{Requests: room("100m", "128Mi"), Limits: room("1", "256Mi")},
		}},
		Tolerations: []corev1.Toleration{
			{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
			{Key: "node.kubernetes.io/unreachable", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
		},
	}
}

func runningOn(n int, born metav1.Time) corev1.PodStatus {
	yes := true
	ip := fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)
	return corev1.PodStatus{
		Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}, HostIP: "192.0.2.1", StartTime: &born,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Ready: true, Started: &yes, Image: "registry.example.com/shop/web:v1", ImageID: "registry.example.com/shop/web@sha256:" + strings.Repeat("0123456789abcdef", 4),
			ContainerID: "containerd://" + fmt.Sprintf("%064d", n), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: born}},
		}},
	}
}
