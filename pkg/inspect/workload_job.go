package inspect

import (
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func jobRules() []rule.Rule {
	return []rule.Rule{
		{ID: "workload/job-failed", Reads: []snapshot.Kind{"Job"}, Check: checkJob(false)},
		{ID: "workload/job-deadline", Reads: []snapshot.Kind{"Job"}, Check: checkJob(true)},
		{ID: "workload/cronjob-suspended", Reads: []snapshot.Kind{"CronJob"}, Check: checkCronSuspended},
		{ID: "workload/cronjob-missed", Reads: []snapshot.Kind{"CronJob", eventKind}, Needs: cronNeeds, Check: checkCronMissed},
	}
}

// checkJob: the Job controller has given the Job up. Out of time is a cause of
// its own; everything else follows from how its pods ended.
func checkJob(deadline bool) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		var out []finding.Finding
		for _, job := range rule.Members[*batchv1.Job](s, sc) {
			for _, c := range job.Status.Conditions {
				if c.Type != batchv1.JobFailed || c.Status != corev1.ConditionTrue || (c.Reason == batchv1.JobReasonDeadlineExceeded) != deadline {
					continue
				}
				out = append(out, jobFinding(job, c))
			}
		}
		return out
	}
}

func jobFinding(job *batchv1.Job, c batchv1.JobCondition) finding.Finding {
	f := finding.Finding{Object: rule.RefTo(job), Args: map[string]any{
		"name": job.Name, "namespace": job.Namespace, "reason": c.Reason, "said": c.Message, "failed": int(job.Status.Failed),
		"limit": 6, "seconds": 0,
	}}
	if job.Spec.BackoffLimit != nil {
		f.Args["limit"] = int(*job.Spec.BackoffLimit)
	}
	if d := job.Spec.ActiveDeadlineSeconds; d != nil {
		f.Args["seconds"] = int(*d)
	}
	f.Evidence = append(f.Evidence, seen(job, "status.conditions[Failed]", words(c.Reason, c.Message)), seen(job, "status.failed", strconv.Itoa(int(job.Status.Failed))))
	return f
}

// checkCronSuspended is a note: suspending is somebody's wish.
func checkCronSuspended(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, cron := range rule.Members[*batchv1.CronJob](s, sc) {
		if cron.Spec.Suspend == nil || !*cron.Spec.Suspend {
			continue
		}
		last := ""
		if t := cron.Status.LastScheduleTime; t != nil {
			last = t.UTC().Format(time.RFC3339)
		}
		out = append(out, finding.Finding{
			Object: rule.RefTo(cron), Args: map[string]any{"name": cron.Name, "namespace": cron.Namespace, "schedule": cron.Spec.Schedule, "last": last, "stored": !cron.CreationTimestamp.IsZero()},
			Evidence: []finding.Evidence{seen(cron, "spec.suspend", "true")},
		})
	}
	return out
}

func cronNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	if len(rule.Members[*batchv1.CronJob](s, sc)) == 0 {
		return snapshot.Needs{}
	}
	return eventNeeds(sc)
}

// checkCronMissed goes by what the CronJob controller says that it could not do
// (cronjob_controllerv2.go), and by a deadline that is shorter than its round.
func checkCronMissed(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, cron := range rule.Members[*batchv1.CronJob](s, sc) {
		if cron.Spec.Suspend != nil && *cron.Spec.Suspend {
			continue
		}
		events, _ := eventsAbout(s, cron)
		for _, e := range events {
			why := missedWhy(e.Reason)
			if why == "" || s.TakenAt.Sub(rule.LastSeen(e)) > time.Hour || ranSince(cron, e) {
				continue
			}
			f := finding.Finding{Object: rule.RefTo(cron), Args: map[string]any{
				"name": cron.Name, "namespace": cron.Namespace, "schedule": cron.Spec.Schedule, "why": why, "said": firstLine(e.Message),
				"policy": string(cron.Spec.ConcurrencyPolicy),
				// the controller's cron library answers so for 30 February
				"never": why == "schedule" && strings.Contains(e.Message, "time difference between two schedules is less than 1 second"),
			}}
			if why == "active" {
				f.Severity = finding.Warning
			}
			f.Evidence = append(f.Evidence, eventEvidence(e))
			out = append(out, f)
			break
		}
	}
	return out
}

func missedWhy(reason string) string {
	switch reason {
	case "MissSchedule", "TooManyMissedTimes":
		return "late"
	case "JobAlreadyActive":
		return "active"
	case "UnparseableSchedule", "InvalidSchedule":
		return "schedule"
	case "UnknownTimeZone":
		return "zone"
	}
	return ""
}

// ranSince: it has run again after the complaint, so that it is over.
func ranSince(cron *batchv1.CronJob, e *corev1.Event) bool {
	t := cron.Status.LastScheduleTime
	return t != nil && t.After(rule.LastSeen(e))
}
