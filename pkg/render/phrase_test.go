package render

import (
	"regexp"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

func TestWhatADriverSaysIsReadInKorean(t *testing.T) {
	texts, err := loadMessages()
	if err != nil {
		t.Fatal(err)
	}
	english, korean := newPage(texts, Options{Lang: lang.English}), newPage(texts, Options{Lang: lang.Korean})
	for said, want := range map[string]string{
		"2 of 3 new Pods are ready":               "새 Pod 3개 중 2개가 준비되었습니다",
		"1 of 1 old Pod ready":                    "이전 Pod 1개 중 1개가 준비되었습니다",
		"1 new Pod still to end":                  "새 Pod 1개가 아직 종료되지 않았습니다",
		"service/web shows 1 of 2 ready new Pods": "service/web 엔드포인트에 준비된 새 Pod 2개 중 1개만 있습니다",
		"service/web has 1 ready endpoint of neither version, which a pin would cut off": "service/web에 두 버전 어느 쪽도 아닌 준비된 엔드포인트 1개가 있어, 한 버전으로 고정하면 끊깁니다",
		"the command was not found (exit 127): sh: 1: smoke: not found":                  "명령을 찾을 수 없습니다(exit 127): sh: 1: smoke: not found",
		"gate command=./smoke.sh 5 old":                                                  "게이트 command=./smoke.sh 5 old 응답을 기다립니다",
		"the rollback is incomplete: 2 of 3 old Pods are available":                      "롤백이 끝나지 않았습니다: 이전 Pod 3개 중 2개가 사용 가능합니다",
		"/spec/template of deployment/web was changed by \"argocd\" at noon":             `deployment/web 오브젝트의 /spec/template 필드를 다른 곳에서 바꾸었습니다: "argocd" at noon`,
		"the strategy as it was":                                                         "업데이트 전략을 원래대로 되돌립니다",
		"what the team's own gate said":                                                  "what the team's own gate said",
	} {
		if got := korean.inWords(said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
		if got := english.inWords(said); got != said {
			t.Errorf("%q in English: %q", said, got)
		}
	}
}

// What stands in a translation was captured, and no phrase hides behind one before it.
func TestEachPhraseIsReached(t *testing.T) {
	phrases, err := loadPhrases()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]string{"n": "1", "m": "2", "name": "web", "version": "new", "rest": ": said", "object": "deployment/web"}
	for i, one := range phrases {
		for _, name := range placeholder.FindAllStringSubmatch(one.ko, -1) {
			if one.match.SubexpIndex(name[1]) < 0 {
				t.Errorf("%q has no {%s}", one.ko, name[1])
			}
		}
		sample := regexp.MustCompile(`\(\?P<(\w+)>[^)]*\)`).ReplaceAllStringFunc(one.match.String(), func(group string) string {
			return samples[regexp.MustCompile(`<(\w+)>`).FindStringSubmatch(group)[1]]
		})
		sample = regexp.MustCompile(`\((\w+ )\)\?|\w\?|[\^$\\]`).ReplaceAllString(sample, "")
		first := -1
		for j, other := range phrases {
			if other.match.MatchString(sample) {
				first = j
				break
			}
		}
		if first != i {
			t.Errorf("%q is met by phrase %d, not %d", sample, first, i)
		}
	}
}
