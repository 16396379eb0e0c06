package inspect

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Lesson explains one concept by an object's own numbers.
type Lesson struct {
	Object finding.Ref `json:"object"`
	Topic  Topic       `json:"topic"`
	Title  string      `json:"title"`
	Text   string      `json:"text"`
	// Commands show it on this very object.
	Commands []string `json:"commands"`
}

// Topic is a concept that there is a lesson on.
type Topic string

// The topics, in the order in which they are best read.
const (
	TopicDesired     Topic = "desired-state"
	TopicStateful    Topic = "stateful"
	TopicDaemon      Topic = "daemon"
	TopicJob         Topic = "job"
	TopicCron        Topic = "cron"
	TopicPod         Topic = "pod"
	TopicRolling     Topic = "rolling-update"
	TopicSelector    Topic = "labels"
	TopicService     Topic = "service"
	TopicProbes      Topic = "probes"
	TopicNoProbes    Topic = "no-probes"
	TopicRequests    Topic = "requests"
	TopicNoRequests  Topic = "no-requests"
	TopicConfigMap   Topic = "configmap"
	TopicSecret      Topic = "secret"
	TopicVolumeClaim Topic = "claim"
	TopicScaling     Topic = "scaling"
	TopicBudget      Topic = "budget"
	TopicIngress     Topic = "ingress"
	TopicPolicy      Topic = "policy"
	TopicNode        Topic = "node"
	TopicNamespace   Topic = "namespace"
)

// Topics lists all of them.
func Topics() []Topic {
	return []Topic{
		TopicDesired, TopicStateful, TopicDaemon, TopicJob, TopicCron, TopicPod, TopicRolling, TopicSelector, TopicService,
		TopicProbes, TopicNoProbes, TopicRequests, TopicNoRequests, TopicConfigMap, TopicSecret, TopicVolumeClaim,
		TopicScaling, TopicBudget, TopicIngress, TopicPolicy, TopicNode, TopicNamespace,
	}
}

// LearnReport is what there is to learn from some objects.
type LearnReport struct {
	finding.Report
	Lessons []Lesson `json:"lessons"`
}

// Base gives the part that every report has.
func (r LearnReport) Base() finding.Report { return r.Report }

// Learn explains the concepts behind the targets. Its errors are those of Inspect.
func Learn(s *snapshot.Snapshot, q Query, o Options) (LearnReport, error) {
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return LearnReport{}, err
	}
	targets, _ := resolve(s, q)
	scope, _ := reach(s, targets)
	e, err := newViewer(s, scope, nil, o)
	if err != nil {
		return LearnReport{}, err
	}
	asked := finding.Scope{Context: s.Context, Namespace: namespaceOf(s, q, targets)}
	lessons := []Lesson{}
	for _, t := range scope.Targets {
		asked.Targets = append(asked.Targets, t.String())
		if found, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name); a.State == snapshot.Present {
			lessons = append(lessons, e.lessons(found)...)
		}
	}
	return LearnReport{Report: finding.NewReport("inspect", s.TakenAt, asked, nil, unchecked(s, q, e.unread), s.Requests), Lessons: lessons}, nil
}

// lessons are those that an object is an example of.
func (e explainer) lessons(o snapshot.Object) []Lesson {
	args := map[string]any{"name": o.GetName(), "namespace": o.GetNamespace()}
	var topics []Topic
	switch v := o.(type) {
	case *corev1.Service:
		topics = append(topics, e.serviceFacts(v, args)...)
	case *corev1.ConfigMap:
		args["n"], args["keys"] = len(v.Data)+len(v.BinaryData), strings.Join(keysInOrder(v.Data), ", ")
		topics = append(topics, TopicConfigMap)
	case *snapshot.Secret:
		args["n"], args["keys"], args["type"] = len(v.Keys), strings.Join(keysInOrder(v.Keys), ", "), string(v.Type)
		topics = append(topics, TopicSecret)
	case *corev1.PersistentVolumeClaim:
		claimFacts(v, args)
		topics = append(topics, TopicVolumeClaim)
	default:
		topics = append(e.workloadFacts(o, args), aroundFacts(o, args)...)
	}
	out := make([]Lesson, 0, len(topics))
	for _, t := range topics {
		l := Lesson{Object: rule.RefTo(o), Topic: t, Commands: []string{}}
		l.Title, l.Text = e.text("learn-"+string(t)+"-title", args), strings.TrimSpace(e.text("learn-"+string(t), args))
		for _, c := range strings.Split(strings.TrimSpace(e.text("learn-"+string(t)+"-see", args)), "\n") {
			if c != "" {
				l.Commands = append(l.Commands, c)
			}
		}
		out = append(out, l)
	}
	return out
}

// workloadFacts fills in the numbers of something with a pod template.
func (e explainer) workloadFacts(o snapshot.Object, args map[string]any) []Topic {
	pod := podLike(o)
	if pod == nil {
		return nil
	}
	args["kind"] = strings.ToLower(string(snapshot.KindOf(o)))
	var topics []Topic
	n := 1
	switch v := o.(type) {
	case *appsv1.Deployment:
		n = replicasOf(v.Spec.Replicas)
		args["ready"], args["sets"] = int(v.Status.ReadyReplicas), len(replicaSetsOf(e.s, v))
		topics = append(topics, TopicDesired)
		if rollingFacts(v, n, args) {
			topics = append(topics, TopicRolling)
		}
		topics = append(topics, TopicSelector)
	case *appsv1.ReplicaSet:
		n = replicasOf(v.Spec.Replicas)
	case *appsv1.StatefulSet:
		n = replicasOf(v.Spec.Replicas)
		args["last"], args["service"] = n-1, v.Spec.ServiceName
		topics = append(topics, TopicStateful)
	case *appsv1.DaemonSet:
		n = int(v.Status.DesiredNumberScheduled)
		args["ready"] = int(v.Status.NumberReady)
		topics = append(topics, TopicDaemon)
	case *batchv1.Job:
		jobFacts(v, args)
		topics = append(topics, TopicJob)
	case *batchv1.CronJob:
		cronFacts(v, args)
		topics = append(topics, TopicCron)
	case *corev1.Pod:
		args["node"], args["containers"], args["grace"] = v.Spec.NodeName, len(v.Spec.Containers), graceOf(v)
		topics = append(topics, TopicPod)
	}
	args["n"], args["selector"] = n, e.ownLabels(o)
	topics = append(topics, probeFacts(pod, args))
	return append(topics, requestFacts(pod, n, args))
}
