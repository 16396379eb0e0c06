package quota

import (
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/test/quota/random"
)

// dice draws namespaces and objects.
type dice struct{ *rand.Rand }

func (d dice) in(percent int) bool                             { return random.Dice(d).In(percent) }
func (d dice) pod(name string) *corev1.Pod                     { return random.Dice(d).Pod(name) }
func (d dice) claim(name string) *corev1.PersistentVolumeClaim { return random.Dice(d).Claim(name) }
func (d dice) service(name string) *corev1.Service             { return random.Dice(d).Service(name) }
func (d dice) limitRange(name string) *corev1.LimitRange       { return random.Dice(d).LimitRange(name) }
func (d dice) quota(name string) *corev1.ResourceQuota         { return random.Dice(d).Quota(name) }

func one[T any](d dice, of ...T) T { return random.One(random.Dice(d), of...) }

// The classes that every world has, and what they are called.
const (
	lowClass     = random.LowClass
	highClass    = random.HighClass
	heavyRuntime = random.HeavyRuntime
	lightRuntime = random.LightRuntime
)
