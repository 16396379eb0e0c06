package snapshot

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func pod(namespace, name string, l map[string]string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: l}}
}

// The three answers, and that unknown never turns into absent.
func TestGetAnswersInThreeWays(t *testing.T) {
	whole := Need{Kind: "Pod", Namespace: "shop"}
	for name, c := range map[string]struct {
		source  Source
		reading *Reading
		want    State
	}{
		"not asked":                         {FromCluster, nil, Unknown},
		"listed, not in it":                 {FromCluster, &Reading{Need: whole}, Absent},
		"listed in all namespaces":          {FromCluster, &Reading{Need: Need{Kind: "Pod"}}, Absent},
		"listed elsewhere":                  {FromCluster, &Reading{Need: Need{Kind: "Pod", Namespace: "other"}}, Unknown},
		"listed with a selector":            {FromCluster, &Reading{Need: Need{Kind: "Pod", Namespace: "shop", Selector: "app=web"}}, Unknown},
		"listed with a field selector":      {FromCluster, &Reading{Need: Need{Kind: "Pod", Namespace: "shop", Fields: "status.phase=Running"}}, Unknown},
		"the list was cut":                  {FromCluster, &Reading{Need: whole, Partial: true}, Unknown},
		"the list was forbidden":            {FromCluster, &Reading{Need: whole, Why: "forbidden"}, Unknown},
		"another kind was listed":           {FromCluster, &Reading{Need: Need{Kind: "Service", Namespace: "shop"}}, Unknown},
		"the API server: not there":         {FromCluster, &Reading{Need: Need{Kind: "Pod", Namespace: "shop", Name: "a"}, NotFound: true}, Absent},
		"the API server: forbidden":         {FromCluster, &Reading{Need: Need{Kind: "Pod", Namespace: "shop", Name: "a"}, Why: "forbidden"}, Unknown},
		"not in the manifests":              {FromManifests, &Reading{Need: whole}, Unknown},
		"another pod was asked for by name": {FromCluster, &Reading{Need: Need{Kind: "Pod", Namespace: "shop", Name: "b"}, NotFound: true}, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(c.source, noon)
			if c.reading != nil {
				s.Record(*c.reading)
			}
			_, answer := Get[*corev1.Pod](s, "shop", "a")
			if answer.State != c.want {
				t.Errorf("got %v, want %v", answer, c.want)
			}
			if answer.State == Unknown && answer.Why == "" {
				t.Error("unknown without a reason")
			}
			s.Add(pod("shop", "a", nil))
			if _, answer := Get[*corev1.Pod](s, "shop", "a"); answer.State != Present {
				t.Errorf("what is held is present, got %v", answer)
			}
		})
	}
}

func TestListIsOrderedSelectedAndHonest(t *testing.T) {
	s := New(FromCluster, noon)
	for _, name := range []string{"c", "a", "b"} {
		s.Add(pod("shop", name, map[string]string{"app": name}))
	}
	s.Add(pod("other", "d", nil))
	s.Add(pod("shop", "a", map[string]string{"app": "new"}))
	got, answer := List[*corev1.Pod](s, "shop", nil)
	if len(got) != 3 || got[0].Name != "a" || got[0].Labels["app"] != "new" || got[2].Name != "c" || answer.State != Unknown {
		t.Errorf("got %d pods, answer %v", len(got), answer)
	}
	selector := labels.SelectorFromSet(labels.Set{"app": "b"})
	s.Record(Reading{Need: Need{Kind: "Pod", Namespace: "shop", Selector: "app=b"}})
	if got, answer = List[*corev1.Pod](s, "shop", selector); len(got) != 1 || answer.State != Present {
		t.Errorf("by selector: %d pods, answer %v", len(got), answer)
	}
	if _, answer = List[*corev1.Pod](s, "shop", nil); answer.State != Unknown {
		t.Errorf("a list by selector is no whole list: %v", answer)
	}
}

// Manifests are sent as they stand in the file; a second of the same name takes the place of the first.
func TestInOrder(t *testing.T) {
	for source, want := range map[Source]string{FromManifests: "c a b", FromCluster: "a b c"} {
		s := New(source, noon)
		for _, name := range []string{"c", "a", "c", "b"} {
			s.Add(pod("shop", name, nil))
		}
		var got []string
		for _, o := range s.InOrder() {
			got = append(got, o.GetName())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", source, got, want)
		}
	}
}

// A read is asked for once, however it ended, and not where a wider one was made.
func TestMissing(t *testing.T) {
	s := New(FromCluster, noon)
	narrow := Need{Kind: "Pod", Namespace: "shop", Selector: "app=web"}
	one := Need{Kind: "Secret", Namespace: "shop", Name: "db"}
	log := LogNeed{Namespace: "shop", Pod: "web", Container: "app"}
	want := Needs{Objects: []Need{narrow, one, narrow}, Logs: []LogNeed{log, log}}
	if m := s.Missing(want); len(m.Objects) != 2 || len(m.Logs) != 1 {
		t.Errorf("each once: %+v", m)
	}
	s.Record(Reading{Need: Need{Kind: "Pod", Namespace: "shop"}, Why: "forbidden"})
	s.Record(Reading{Need: one, Why: "timed out"})
	s.RecordLog(LogReading{Need: log, Why: "forbidden"})
	if m := s.Missing(want); !m.Empty() {
		t.Errorf("tried, in vain or not, is not missing: %+v", m)
	}
}

// Nothing of a Secret but key names and sizes is kept, wherever it may hide.
func TestSecretKeepsNoValue(t *testing.T) {
	const value = "correct-horse-battery"
	s := New(FromCluster, noon)
	s.Add(NewSecret(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db", Annotations: map[string]string{lastApplied: value, "note": "kept"}},
		Data:       map[string][]byte{"password": []byte(value)}, StringData: map[string]string{"token": value},
	}))
	kept, _ := Get[*Secret](s, "shop", "db")
	if kept.Keys["password"] != len(value) || kept.Keys["token"] != len(value) || kept.Annotations["note"] != "kept" {
		t.Errorf("got %+v", kept)
	}
	data, err := json.Marshal(kept)
	if err != nil || strings.Contains(string(data), value) {
		t.Errorf("%v: %s", err, data)
	}
}

func TestSanitizeReachesEveryString(t *testing.T) {
	const evil = "a\x1b[2Jb\u202ec\u0007"
	p := pod("shop", "web", map[string]string{"k": evil, evil: "v"})
	p.Annotations = map[string]string{"x": evil}
	p.Spec.Containers = []corev1.Container{{Args: []string{evil}, Env: []corev1.EnvVar{{Name: "E", Value: evil}}}}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Message: evil + "\nnext\tline"}}}}
	Sanitize(p)
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`\u001b`, "\u202e", `\u0007`} {
		if strings.Contains(string(data), bad) {
			t.Errorf("%s is left in %s", bad, data)
		}
	}
	if m := p.Status.ContainerStatuses[0].State.Waiting.Message; !strings.HasSuffix(m, "\nnext\tline") {
		t.Errorf("newline and tab stay: %q", m)
	}
}

func TestSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "in")
		out := Safe(in)
		for _, r := range out {
			if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q gives %q, which holds %U", in, out, r)
			}
		}
		if Safe(out) != out {
			t.Fatalf("not stable: %q", out)
		}
	})
	if Safe("한국어 ✓ naïve") != "한국어 ✓ naïve" {
		t.Error("ordinary text changes")
	}
}

func TestResolve(t *testing.T) {
	for typed, want := range map[string]Kind{
		"po": "Pod", "pods": "Pod", "Pod": "Pod", "deploy": "Deployment", "deployments.apps": "Deployment", "deployment.v1.apps": "Deployment",
		"svc": "Service", "rs": "ReplicaSet", "pods.apps": "", "deploymnet": "", "": "",
	} {
		if info, ok := Resolve(typed); info.Kind != want || ok != (want != "") {
			t.Errorf("Resolve(%q) = %q, %v", typed, info.Kind, ok)
		}
	}
}

func TestCertificates(t *testing.T) {
	for name, data := range map[string]string{"no PEM": "hello", "a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "rubbish": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		s := NewSecret(&corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": []byte(data)}})
		if s.Certificate == nil || s.Certificate.Invalid == "" {
			t.Errorf("%s: %+v", name, s.Certificate)
		}
	}
	if s := NewSecret(&corev1.Secret{Data: map[string][]byte{"tls.crt": []byte("x")}}); s.Certificate != nil {
		t.Error("only a TLS Secret promises a certificate")
	}
}

// Of many objects those that a selector asks for are found as if each was looked
// at, also after another one came in.
func TestListOfManyByLabels(t *testing.T) {
	s := New(FromCluster, time.Time{})
	add := func(i int) {
		set := map[string]string{"app": fmt.Sprint("a", i%7), "tier": fmt.Sprint("t", i%2)}
		if i%5 == 0 {
			delete(set, "app")
		}
		s.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p-%04d", i), Namespace: fmt.Sprint("ns", i%3), Labels: set}})
	}
	for i := range 300 {
		add(i)
	}
	for round := range 2 {
		for _, text := range []string{"app=a3", "app in (a3)", "app in (a3,a4)", "app!=a3", "!app", "tier=t1,app=a2", "app=none", "app,tier=t0"} {
			selector, err := labels.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, ns := range []string{"", "ns1"} {
				var want, got []string
				for _, o := range s.OfKind("Pod", ns) {
					if selector.Matches(labels.Set(o.GetLabels())) {
						want = append(want, o.GetName())
					}
				}
				found, _ := List[*corev1.Pod](s, ns, selector)
				for _, p := range found {
					got = append(got, p.Name)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("round %d, %s in %q: %s", round, text, ns, diff)
				}
			}
		}
		add(1003 + round)
	}
}
