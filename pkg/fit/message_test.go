package fit

import "testing"

func TestParseMessage(t *testing.T) {
	cases := []struct {
		message string
		all     int
		want    []Said
	}{
		{
			"0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
			3, []Said{{Insufficient, 1, "Insufficient cpu", "cpu"}, {Tainted, 2, "node(s) had untolerated taint(s)", ""}},
		},
		{ // until v1.34 the taint was named
			"0/2 nodes are available: 1 node(s) had untolerated taint {dedicated: gpus}, 1 Too many pods. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
			2, []Said{{Tainted, 1, "node(s) had untolerated taint {dedicated: gpus}", "dedicated: gpus"}, {Insufficient, 1, "Too many pods", "pods"}},
		},
		{
			"0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, 1 Insufficient example.com/gpu.",
			1, []Said{{Tainted, 1, "node(s) had untolerated taint {node.kubernetes.io/not-ready: }", "node.kubernetes.io/not-ready:"}, {Insufficient, 1, "Insufficient example.com/gpu", "example.com/gpu"}},
		},
		{
			`0/4 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.`,
			4, []Said{{ClaimMissing, 0, `persistentvolumeclaim "data" not found`, ""}},
		},
		{
			"0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
			4, []Said{{ClaimUnbound, 0, "pod has unbound immediate PersistentVolumeClaims", ""}},
		},
		{
			"0/5 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label), 2 node(s) didn't match pod topology spread constraints, 1 node(s) didn't satisfy existing pods anti-affinity rules, 1 node(s) didn't match pod anti-affinity rules.",
			5, []Said{
				{NoTopologyLabel, 1, "node(s) didn't match pod topology spread constraints (missing required label)", ""},
				{Skewed, 2, "node(s) didn't match pod topology spread constraints", ""},
				{KeptAway, 1, "node(s) didn't satisfy existing pods anti-affinity rules", ""},
				{AntiAffinity, 1, "node(s) didn't match pod anti-affinity rules", ""},
			},
		},
		{
			"0/2 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity], 1 my plugin says no.",
			2, []Said{{NotSelected, 1, "node(s) didn't satisfy plugin(s) [NodeAffinity]", ""}, {"", 1, "my plugin says no", ""}},
		},
		{"no nodes available to schedule pods", 0, nil},
		{"0/0 nodes are available: .", 0, nil},
		{"", -1, nil},
		{"waiting for ephemeral volume controller", -1, []Said{{"", 0, "waiting for ephemeral volume controller", ""}}},
	}
	for _, c := range cases {
		said, all := ParseMessage(c.message)
		same(t, c.message, c.want, said)
		if all != c.all {
			t.Errorf("%q: %d nodes, want %d", c.message, all, c.all)
		}
	}
}

// Whatever the arithmetic finds must be understood when the scheduler says it.
func TestEveryReasonIsUnderstood(t *testing.T) {
	claim := &ClaimIssue{Claim: "data", Volume: "pv"}
	all := []Refusal{
		{Reason: Cordoned}, {Reason: OtherNode}, {Reason: Tainted}, {Reason: NotSelected}, {Reason: PortTaken},
		{Reason: Insufficient, Shortage: &Shortage{Resource: "cpu"}}, {Reason: Skewed}, {Reason: NoTopologyLabel},
		{Reason: AffinityUnmet}, {Reason: AntiAffinity}, {Reason: KeptAway},
		{Reason: ClaimMissing, Claim: claim}, {Reason: ClaimUnbound, Claim: claim}, {Reason: ClaimLost, Claim: claim},
		{Reason: ClaimDeleting, Claim: claim}, {Reason: ClaimInUse, Claim: claim}, {Reason: VolumeMissing, Claim: claim},
		{Reason: VolumeElsewhere, Claim: claim},
	}
	for _, r := range all {
		said, _ := ParseMessage("0/1 nodes are available: 1 " + r.words() + ".")
		if len(said) != 1 || said[0].Reason != r.Reason {
			t.Errorf("%s is said as %q and understood as %v", r.Reason, r.words(), said)
		}
	}
}

func TestCheapest(t *testing.T) {
	said, _ := ParseMessage("0/3 nodes are available: 1 Insufficient cpu, 1 my plugin says no, 1 node(s) had untolerated taint(s).")
	if s, ok := Cheapest(said); !ok || s.Detail != "cpu" {
		t.Errorf("got %v %v, want the missing CPU", s, ok)
	}
	if _, ok := Cheapest([]Said{{Words: "my plugin says no"}}); ok {
		t.Error("words that are not known have no reason")
	}
}
