package lang

import "testing"

func TestParticles(t *testing.T) {
	for source, want := range map[string]string{
		"orders이(가) 없습니다":                  "orders가 없습니다",
		"main이(가) 있고 web이(가) 없습니다":         "main이 있고 web이(가) 없습니다",
		`Secret "shop-db-0"을(를) 만드십시오`:     `Secret "shop-db-0"을 만드십시오`,
		"web-2을(를), web-3을(를)":             "web-2를, web-3을",
		"노드은(는) 많고 볼륨은(는) 적습니다":            "노드는 많고 볼륨은 적습니다",
		"node-1와(과) node-2와(과)":            "node-1과 node-2와",
		"channel(으)로, admin(으)로, 노드(으)로":   "channel로, admin으로, 노드로",
		"서울(으)로, 부산(으)로":                   "서울로, 부산으로",
		"프로브(liveness)이(가), 볼륨 (data)은(는)": "프로브(liveness)가, 볼륨 (data)은",
		"90%을(를) 넘었습니다":                    "90%를 넘었습니다",
		"<name>이(가)":                       "<name>이(가)",
		"ping이(가), string(으)로":             "ping이, string으로",
		"이(가)":                             "이(가)",
		"Pod가 없습니다(404)":                   "Pod가 없습니다(404)",
	} {
		if got := chooseParticles(source); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
	text := Text{En: `{{.name}}이(가)`, Ko: `{{.name}}이(가) 없습니다`}
	if got := text.Render(Korean, map[string]any{"name": "orders"}); got != "orders가 없습니다" {
		t.Error(got)
	}
	if got := text.Render(English, map[string]any{"name": "orders"}); got != "orders이(가)" {
		t.Errorf("no Korean, and yet %s", got)
	}
}
