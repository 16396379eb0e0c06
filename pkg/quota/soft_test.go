package quota

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func TestSoftLimits(t *testing.T) {
	soft, err := ParseSoftLimits([]byte(`{default: {"*": 80%, pods: 5}, namespaces: {shop: {pods: 50%}}}`))
	if err != nil {
		t.Fatal(err)
	}
	q := quotaOf(t, "q", "{pods: 10}", "{pods: 0}")
	q.Namespace = "shop"
	q.Annotations = map[string]string{SoftAnnotation: "limits.memory = 6Gi,\n requests.cpu=75%,"}
	limits, err := soft.softFor(snapshot.New(snapshot.FromCluster, noon), q)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[corev1.ResourceName]struct{ hard, want string }{
		"pods": {"10", "5"}, "limits.memory": {"8Gi", "6Gi"}, "requests.cpu": {"3", "2250m"}, "requests.memory": {"10Gi", "8Gi"}, "services": {"3", "2400m"},
	} {
		limit, ok := limits.find(name)
		if got := limit.of(resource.MustParse(c.hard)); !ok || got.Cmp(resource.MustParse(c.want)) != 0 {
			t.Errorf("%s of %s: %s, want %s", name, c.hard, got.String(), c.want)
		}
	}
	if _, ok := (Soft{}).find("pods"); ok {
		t.Error("a limit out of nothing")
	}
	big := Threshold{Percent: 50}.of(resource.MustParse("4Ei"))
	if big.Cmp(resource.MustParse("1Ei")) < 0 || big.Cmp(resource.MustParse("3Ei")) > 0 {
		t.Errorf("half of 4Ei is %s", big.String())
	}
}

func TestSoftLimitsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{`{default: {pods: 0%}}`, `{default: {pods: 101%}}`, `{default: {pods: "-1"}}`, `{default: {pods: many}}`, `{defaults: {}}`, `[]`} {
		if _, err := ParseSoftLimits([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "soft limit") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"pods", "pods=", "pods=x%"} {
		if _, err := parseSoft(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
	_, s := loadFixture(t, "testdata/audit/soft-annotation.yaml")
	s.OfKind("ResourceQuota", "shop")[0].SetAnnotations(map[string]string{SoftAnnotation: "cpu"})
	report, err := AuditOf(s, Query{Namespace: "shop"}, SoftLimits{}, View{}, ruletest.Catalogue(t), lang.English)
	if err != nil || len(report.NotChecked) != 1 || !strings.Contains(report.NotChecked[0].Why, "requests.cpu=80%") {
		t.Errorf("%v, %+v", err, report.NotChecked)
	}
}

func TestLevel(t *testing.T) {
	soft := resource.MustParse("5")
	for _, c := range []struct {
		used, hard string
		want       Level
		percent    int
	}{
		{"0", "10", LevelOK, 0}, {"4", "10", LevelOK, 40}, {"5", "10", LevelWarn, 50}, {"5001m", "10", LevelSoft, 50}, {"9", "10", LevelSoft, 90}, {"10", "10", LevelHard, 100},
		{"12", "10", LevelHard, 120}, {"0", "0", LevelOK, 0}, {"1", "0", LevelHard, 0},
	} {
		got, percent := level(resource.MustParse(c.used), resource.MustParse(c.hard), &soft)
		if got != c.want || percent != c.percent {
			t.Errorf("%s of %s: %s, %d%%; want %s, %d%%", c.used, c.hard, got, percent, c.want, c.percent)
		}
	}
}
