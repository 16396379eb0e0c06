package inspect

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Every topic is taught by some object, in both languages, with nothing left unfilled.
func TestEveryLesson(t *testing.T) {
	at := metav1.ObjectMeta{Name: "x", Namespace: "shop"}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}
	probed := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", ReadinessProbe: &corev1.Probe{},
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}},
	}}}}
	objects := []snapshot.Object{
		&appsv1.Deployment{ObjectMeta: at, Spec: appsv1.DeploymentSpec{Selector: selector, Template: probed}},
		&appsv1.StatefulSet{ObjectMeta: at, Spec: appsv1.StatefulSetSpec{Selector: selector}},
		&appsv1.DaemonSet{ObjectMeta: at, Spec: appsv1.DaemonSetSpec{Selector: selector}},
		&batchv1.Job{ObjectMeta: at}, &batchv1.CronJob{ObjectMeta: at}, &corev1.Pod{ObjectMeta: at},
		&corev1.Service{ObjectMeta: at, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "x"}}},
		&corev1.ConfigMap{ObjectMeta: at}, &snapshot.Secret{ObjectMeta: at}, &corev1.PersistentVolumeClaim{ObjectMeta: at},
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: at}, &policyv1.PodDisruptionBudget{ObjectMeta: at}, &networkingv1.Ingress{ObjectMeta: at},
		&networkingv1.NetworkPolicy{ObjectMeta: at}, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("110")}}}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x"}},
	}
	for _, l := range lang.All() {
		taught := map[Topic]bool{}
		for _, o := range objects {
			s := snapshot.New(snapshot.FromCluster, metav1.Now().Time)
			s.Add(o)
			q := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: string(snapshot.KindOf(o)), Namespace: o.GetNamespace(), Name: "x"}}}
			r, err := Learn(s, q, Options{Lang: l})
			if err != nil {
				t.Fatal(err)
			}
			for _, lesson := range r.Lessons {
				taught[lesson.Topic] = true
				if all := lesson.Title + lesson.Text + strings.Join(lesson.Commands, " "); strings.Contains(all, "render text") || strings.Contains(all, "learn-") || strings.Contains(all, "<no value>") {
					t.Errorf("%s %s: %s", l, lesson.Topic, all)
				}
				if lesson.Text == "" || len(lesson.Commands) == 0 {
					t.Errorf("%s %s teaches nothing", l, lesson.Topic)
				}
			}
		}
		for _, topic := range Topics() {
			if !taught[topic] {
				t.Errorf("%s: nothing teaches %s", l, topic)
			}
		}
	}
}

// The bounds of a rolling update, as the Deployment controller reckons them.
func TestRollingFacts(t *testing.T) {
	for _, c := range []struct {
		n                  int
		surge, unavailable string
		most, least        int
	}{
		{10, "25%", "25%", 13, 8}, {1, "25%", "25%", 2, 1}, {3, "0", "1", 3, 2}, {4, "0%", "10%", 4, 3}, {2, "1", "0", 3, 2},
	} {
		surge, unavailable := intstr.Parse(c.surge), intstr.Parse(c.unavailable)
		d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Strategy: appsv1.DeploymentStrategy{RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable}}}}
		args := map[string]any{}
		if !rollingFacts(d, c.n, args) || args["most"] != c.most || args["least"] != c.least {
			t.Errorf("%+v: %v", c, args)
		}
	}
}

// The autoscaler's arithmetic, as its controller does it.
func TestScalingFacts(t *testing.T) {
	goal, seen, least := int32(60), int32(90), int32(2)
	h := &autoscalingv2.HorizontalPodAutoscaler{Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		MinReplicas: &least, MaxReplicas: 8, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"},
		Metrics: []autoscalingv2.MetricSpec{{Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{AverageUtilization: &goal}}}},
	}}
	h.Status.CurrentReplicas = 3
	args := map[string]any{}
	if scalingFacts(h, args); args["goal"] != 60 || args["wanted"] != 0 {
		t.Errorf("nothing was measured: %v", args)
	}
	h.Status.CurrentMetrics = []autoscalingv2.MetricStatus{{Resource: &autoscalingv2.ResourceMetricStatus{Name: "cpu", Current: autoscalingv2.MetricValueStatus{AverageUtilization: &seen}}}}
	if scalingFacts(h, args); args["wanted"] != 5 || args["least"] != 2 || args["target"] != "deployment/web" {
		t.Errorf("3 pods at 90%% of a goal of 60%%: %v", args)
	}
}
