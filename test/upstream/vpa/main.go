// Command vpa is the Vertical Pod Autoscaler's recommender, asked what it makes
// of samples. It reads cases from its standard input, and writes an answer to each.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"
)

// Point is one sample: seconds since the epoch, and cores or bytes.
type Point [2]float64

func (p Point) at() time.Time { return time.Unix(int64(p[0]), 0) }

// Pod is what was seen of the container in one pod, in order. Killed says that it
// was ended for its memory at the time of its last sample.
type Pod struct {
	CPU    []Point `json:"cpu"`
	Memory []Point `json:"memory"`
	Killed bool    `json:"killed"`
}

// Case is one container of a pod template with so many containers.
type Case struct {
	Containers int   `json:"containers"`
	Request    int64 `json:"request"`
	Pods       []Pod `json:"pods"`
}

// Answer gives amounts in thousandths of a core and bytes.
type Answer struct {
	Target model.Resources `json:"target"`
	Lower  model.Resources `json:"lower"`
	Upper  model.Resources `json:"upper"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	cases, answers := json.NewDecoder(in), json.NewEncoder(out)
	recommender := logic.CreatePodResourceRecommender(defaults())
	for {
		var one Case
		if err := cases.Decode(&one); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a case: %w", err)
		}
		state, err := observe(one)
		if err != nil {
			return err
		}
		all := model.ContainerNameToAggregateStateMap{"app": state}
		for i := 1; i < one.Containers; i++ {
			all[fmt.Sprintf("other-%d", i)] = model.NewAggregateContainerState()
		}
		got := recommender.GetRecommendedPodResources(all)["app"]
		if err := answers.Encode(Answer{Target: got.Target, Lower: got.LowerBound, Upper: got.UpperBound}); err != nil {
			return fmt.Errorf("write an answer: %w", err)
		}
	}
}

// defaults are those of the recommender's flags (pkg/recommender/config/config.go,
// which would bring the whole client for Kubernetes with it).
func defaults() logic.RecommendationConfig {
	return logic.RecommendationConfig{
		SafetyMarginFraction: 0.15, PodMinCPUMillicores: 25, PodMinMemoryMb: 250,
		TargetCPUPercentile: 0.9, LowerBoundCPUPercentile: 0.5, UpperBoundCPUPercentile: 0.95, ConfidenceIntervalCPU: 24 * time.Hour,
		TargetMemoryPercentile: 0.9, LowerBoundMemoryPercentile: 0.5, UpperBoundMemoryPercentile: 0.95, ConfidenceIntervalMemory: 24 * time.Hour,
	}
}

// observe feeds the samples as the recommender does with a history: each pod's
// container by itself, all into one state.
func observe(c Case) (*model.AggregateContainerState, error) {
	state := model.NewAggregateContainerState()
	for _, pod := range c.Pods {
		container := model.NewContainerState(model.Resources{model.ResourceMemory: model.ResourceAmount(c.Request)}, state)
		for _, p := range pod.CPU {
			container.AddSample(&model.ContainerUsageSample{MeasureStart: p.at(), Usage: model.CPUAmountFromCores(p[1]), Resource: model.ResourceCPU})
		}
		for _, p := range pod.Memory {
			container.AddSample(&model.ContainerUsageSample{MeasureStart: p.at(), Usage: model.MemoryAmountFromBytes(p[1]), Resource: model.ResourceMemory})
		}
		if n := len(pod.Memory); pod.Killed && n > 0 {
			if err := container.RecordOOM(pod.Memory[n-1].at(), model.ResourceAmount(c.Request)); err != nil {
				return nil, fmt.Errorf("record a kill: %w", err)
			}
		}
	}
	return state, nil
}
