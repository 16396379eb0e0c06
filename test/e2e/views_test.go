package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// What a rollout changed is told from the ReplicaSets that Kubernetes keeps, and
// lessons use the numbers of the object, in both languages.
func TestDiffAndLessons(t *testing.T) {
	t.Parallel()
	c := workshop.Open(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, fmt.Sprintf(workload, 2, `        args: [sleep, forever]
        env: [{name: LEVEL, value: info}, {name: PASSWORD, value: swordfish}]`))
	c.Kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=3m")
	says := func(args []string, want ...string) {
		t.Helper()
		got := workshop.Run(t, c.Kubeconfig(), append([]string{"inspect", "-n", ns}, args...)...)
		text := strings.Join(strings.Fields(got.Stdout), " ")
		for _, w := range want {
			if ok, err := regexp.MatchString(w, text); err != nil || !ok || got.Code != 0 {
				t.Errorf("%v: exit code %d, does not say %q:\n%s%s", args, got.Code, w, got.Stdout, got.Stderr)
			}
		}
	}
	says([]string{"deployment/web", "--diff"}, "deployment/web: no earlier revision is kept")
	says([]string{"deployment/web", "--diff", "--lang", "ko"}, "보관된 리비전이 없습니다")

	c.Kubectl(t, "-n", ns, "set", "env", "deployment/web", "LEVEL=debug")
	c.Kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=3m")
	changed := `template\.spec\.containers\[app\]\.env\[LEVEL\]\.value - info \+ debug$`
	says([]string{"deployment/web", "--diff"}, "^. deployment/web: 1 field changed from revision 1 to revision 2", "revision 2: web-", changed)
	says([]string{"deployment/web", "--diff", "--lang", "ko"}, `^. deployment/web: 필드 1개 변경\(리비전 1 → 2\)`, changed)
	says([]string{"deployment/web", "--learn"}, "Desired state: you asked for 2 pods", `there are 2 now`, "2 of 2 are ready now", "ownership by app=web")
	says([]string{"deployment/web", "--learn", "--lang", "ko"}, "원하는 상태: Pod 2개를 요청했고", "2개 중 2개가 준비되어", "app=web 기준으로")
	says([]string{"service/web", "--learn"}, "service/web", "8080")
	says([]string{"service/web", "--learn", "--lang", "ko"}, "service/web", "8080")
}
