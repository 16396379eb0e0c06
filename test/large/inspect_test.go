package large_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// inspected is what is read of a report here.
type inspected struct {
	Requests   int
	Findings   []struct{ Rule, Title string }
	NotChecked []any
	Objects    []struct {
		Object struct{ Kind, Name string }
		Health string
	}
}

func inspectReport(t *testing.T, out []byte) inspected {
	t.Helper()
	var r inspected
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(r.Findings) > 0 || len(r.NotChecked) > 0 {
		t.Errorf("all is well, and yet: %+v, not checked %v", r.Findings, r.NotChecked)
	}
	for _, o := range r.Objects {
		if o.Health != "healthy" {
			t.Errorf("%s %s is %s", o.Object.Kind, o.Object.Name, o.Health)
		}
	}
	return r
}

// TestInspectAWorkloadOfALargeNamespace: what is asked about one Deployment does
// not follow what else there is, and its pods are asked for alone.
func TestInspectAWorkloadOfALargeNamespace(t *testing.T) {
	s := newSelecting(t, shop(t, workloads, replicas))
	out, took := run(t, s.tool, "inspect", "deployment/web-7", "-n", "shop", "-o", "json", "--timeout", "10m")
	r := inspectReport(t, out)
	if s.received > 10 || r.Requests != s.received {
		t.Errorf("%d requests, %d by the report's own count; want at most 10", s.received, r.Requests)
	}
	for _, uri := range s.asked {
		if strings.Contains(uri, "/pods?") && !strings.Contains(uri, "labelSelector=app%3Dweb-7") {
			t.Errorf("all pods are listed: %s", uri)
		}
	}
	t.Logf("%d requests, %s of CPU, %d MiB", s.received, took.CPU, took.Peak>>20)
}

// TestInspectALargeNamespace: 10,000 pods in one namespace, each list once, and
// at most 80 MiB on top of what any command takes.
func TestInspectALargeNamespace(t *testing.T) {
	s := newSelecting(t, shop(t, workloads, replicas))
	out, took := run(t, s.tool, "inspect", "-n", "shop", "-o", "json", "--timeout", "10m")
	r := inspectReport(t, out)
	if len(r.Objects) != 2*workloads { // each Deployment and its Service; pods are told of with their owner
		t.Errorf("%d objects, want %d", len(r.Objects), 2*workloads)
	}
	once := map[string]int{}
	for _, uri := range s.asked {
		if once[uri]++; once[uri] == 2 {
			t.Errorf("asked again: %s", uri)
		}
	}
	if len(s.asked) > 20 {
		t.Errorf("%d requests besides further pages: %s", len(s.asked), strings.Join(s.asked, " "))
	}
	_, idle := run(t, s.tool, "--help")
	t.Logf("%d requests besides pages, %s of CPU, %d MiB of memory at most, %d MiB of that the program itself", len(s.asked), took.CPU, took.Peak>>20, idle.Peak>>20)
	if limit := 80 << 20; took.Peak-idle.Peak > limit {
		t.Errorf("%d MiB of memory on top of an idle process, want at most 80", (took.Peak-idle.Peak)>>20)
	}
}
