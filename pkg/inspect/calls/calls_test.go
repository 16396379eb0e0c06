package calls

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func drawn(namespace string, services ...string) *drawer {
	s := snapshot.New(snapshot.FromCluster, time.Time{})
	for i := 0; i+1 < len(services); i += 2 {
		s.Add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: services[i], Name: services[i+1]}})
	}
	d := &drawer{s: s, namespace: namespace, byID: map[string]int{}, same: map[string]string{}}
	d.services()
	return d
}

// Where names lead: the forms that the cluster's DNS answers to, and no others.
func TestCallee(t *testing.T) {
	d := drawn("", "shop", "orders", "pay", "orders", "shop", "db")
	for _, c := range []struct{ scheme, host, want string }{
		{"", "orders", "service/shop/orders"}, {"", "orders.pay", "service/pay/orders"}, {"http", "orders.pay.svc", "service/pay/orders"},
		{"http", "orders.pay.svc.cluster.local.", "service/pay/orders"}, {"", "ORDERS", "service/shop/orders"},
		{"", "db-0.db.shop.svc", "service/shop/db"}, {"", "db-0.db", "service/shop/db"},
		{"", "nothing", ""}, {"", "nothing.example.com", ""},
		{"https", "api.example.com", "outside/api.example.com"}, {"", "gone.shop.svc", "outside/gone.shop"}, {"http", "localhost", ""},
	} {
		got, ok := d.callee("shop", snapshot.Address{Scheme: c.scheme, Host: c.host})
		if got != c.want && (ok || c.want != "") {
			t.Errorf("%s://%s leads to %q, want %q", c.scheme, c.host, got, c.want)
		}
		if ok != (c.want != "") {
			t.Errorf("%s://%s: %v", c.scheme, c.host, ok)
		}
	}
}

// An Ingress is on the map with the Service that it names, though that is not there.
func TestRouteToAServiceThatIsNotThere(t *testing.T) {
	d := drawn("shop", "shop", "web")
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front"}}
	ingress.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "wbe", Port: networkingv1.ServiceBackendPort{Number: 80}}}
	d.s.Add(ingress)
	r, err := Draw(d.s, "shop", lang.English)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Calls) != 1 || r.Calls[0].To != "outside/wbe.shop" {
		t.Errorf("draws %v", r.Calls)
	}
}

func TestNoSuchNamespace(t *testing.T) {
	s := snapshot.New(snapshot.FromCluster, time.Time{})
	for {
		needs := Needs(s, "nowhere")
		if needs.Empty() {
			break
		}
		if len(s.Readings())+len(needs.Objects) > 20 {
			t.Fatal("more than twenty requests")
		}
		for _, n := range needs.Objects {
			s.Record(snapshot.Reading{Need: n, NotFound: n.Name != ""})
		}
	}
	var missing *rule.NotFoundError
	if _, err := Draw(s, "nowhere", lang.English); !errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
}
