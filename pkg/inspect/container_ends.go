package inspect

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// terminatedEvidence quotes how an instance ended, with what its pod's restarts
// count up to and how long it had run.
func terminatedEvidence(pod string, c container, t *corev1.ContainerStateTerminated) finding.Evidence {
	path := c.statusPath() + ".lastState.terminated"
	if c.status.State.Terminated != nil {
		path = c.statusPath() + ".state.terminated"
	}
	value := fmt.Sprintf("exitCode %d, reason %s, restartCount %d", t.ExitCode, t.Reason, c.status.RestartCount)
	if ran := t.FinishedAt.Sub(t.StartedAt.Time); !t.StartedAt.IsZero() && t.StartedAt.Unix() > 0 && ran >= 0 {
		value += fmt.Sprintf(", ran %s", ran.Round(time.Second))
	}
	return finding.Evidence{Object: pod, Path: path, Value: value}
}

// crashFinding: the program ended by itself with an error, or could not be
// started for a reason no other rule names. Silent about init containers (see
// initFinding) and about ends that the kubelet or the kernel caused.
func crashFinding(e ended) *finding.Finding {
	if e.end.cause != crashed && e.end.cause != couldNotCreate || e.c.role == initial && e.end.cause == crashed {
		return nil
	}
	f := e.finding()
	code := int32(0)
	if e.end.terminated != nil {
		code = e.end.terminated.ExitCode
	}
	sigkill := e.end.cause == crashed && code == 137
	sigterm := e.end.cause == crashed && code == 143
	f.Args["sigterm"] = sigterm
	f.Args["created"] = e.end.cause != couldNotCreate
	f.Args["code"], f.Args["meaning"] = int(code), exitMeaning(code)
	f.Args["sigkill"], f.Args["unseen"] = sigkill, sigkill && e.end.unseen != ""
	f.Args["backoff"] = waitingFor(e.c, "CrashLoopBackOff")
	f.Args["restarts"] = e.c.restarts(e.pod, code)
	if e.end.detail != "" {
		f.Args["detail"] = firstLine(e.end.detail)
	} else {
		f.Args["detail"] = ""
	}
	switch {
	case (sigkill || sigterm) && e.end.unseen != "":
		f.Confidence = finding.Possible // a probe's kill leaves the same code; only the events tell
	case sigkill:
		f.Confidence = finding.Likely
	}
	return f
}

// oomFinding: the kernel killed the container at its memory limit. With no
// limit of its own it was the node (or a pod-level limit) that ran out.
func oomFinding(e ended) *finding.Finding {
	if e.end.cause != outOfMemory {
		return nil
	}
	f := e.finding()
	f.Args["limit"] = ""
	if limit, ok := e.c.spec.Resources.Limits[corev1.ResourceMemory]; ok {
		f.Args["limit"] = limit.String()
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.At.String(), Path: e.c.path() + ".resources.limits.memory", Value: limit.String()})
	}
	return f
}

// commandFinding: what the container should run is not there or not executable.
func commandFinding(e ended) *finding.Finding {
	if e.end.cause != badCommand {
		return nil
	}
	f := e.finding()
	f.Args["code"] = 0
	if e.end.terminated != nil {
		f.Args["code"] = int(e.end.terminated.ExitCode)
	}
	f.Args["command"] = commandOf(e.c)
	f.Args["detail"] = runtimeWords(e.end.detail)
	if e.end.detail == "" {
		f.Confidence = finding.Likely // only the shell's convention for 126 and 127
	} else {
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.At.String(), Path: e.c.statusPath() + ".message", Value: e.end.detail})
	}
	return f
}

// completedFinding: the program ended without an error although its pod wants
// it to run for ever.
func completedFinding(e ended) *finding.Finding {
	if e.end.cause != completed || e.c.role == initial || !e.c.restarts(e.pod, 0) {
		return nil
	}
	f := e.finding()
	f.Args["command"], f.Args["unseen"] = commandOf(e.c), false
	if e.end.unseen != "" && e.probeMayHaveKilled() {
		f.Confidence, f.Args["unseen"] = finding.Possible, true
	}
	return f
}

// probeMayHaveKilled says whether a probe had the time to end this instance. A
// program that handles SIGTERM then leaves any code, mostly 0.
func (e ended) probeMayHaveKilled() bool {
	ran := e.end.terminated.FinishedAt.Sub(e.end.terminated.StartedAt.Time)
	for _, p := range []*corev1.Probe{e.c.spec.LivenessProbe, e.c.spec.StartupProbe} {
		if p != nil && ran >= probeBudget(p) {
			return true
		}
	}
	return false
}

// livenessFinding: the kubelet killed the container because its liveness probe failed.
func livenessFinding(e ended) *finding.Finding {
	if e.end.cause != livenessKill {
		return nil
	}
	return e.probeFinding(e.c.spec.LivenessProbe, "Liveness")
}

// startupFinding: the kubelet killed the container because it did not start in the time allowed.
func startupFinding(e ended) *finding.Finding {
	if e.end.cause != startupKill {
		return nil
	}
	return e.probeFinding(e.c.spec.StartupProbe, "Startup")
}

func (e ended) probeFinding(p *corev1.Probe, kind string) *finding.Finding {
	f := e.finding()
	if e.end.assumed {
		f.Confidence = finding.Likely
	}
	f.Args["probe"], f.Args["budget"], f.Args["failure"] = describeProbe(p, e.c), int(probeBudget(p).Seconds()), ""
	if event := lastUnhealthy(e.s, e.pod, e.c, kind); event != nil {
		f.Args["failure"] = probeSaid(event)
		f.Evidence = append(f.Evidence, eventEvidence(event))
	}
	return f
}

// initFinding: an init container ended with an error, so the app containers never start.
func initFinding(e ended) *finding.Finding {
	if e.c.role != initial || e.end.cause != crashed {
		return nil
	}
	f := e.finding()
	code := e.end.terminated.ExitCode
	f.Args["code"], f.Args["meaning"] = int(code), exitMeaning(code)
	f.Args["restarts"] = e.c.restarts(e.pod, code)
	return f
}

// wrongBinaryFinding: the image was pulled, but its program is for another
// processor or is no program; the pull-time half of this rule is with the image rules.
func wrongBinaryFinding(e ended) *finding.Finding {
	if e.end.cause != wrongBinary {
		return nil
	}
	f := e.finding()
	f.Args["pulled"] = true
	return f
}
