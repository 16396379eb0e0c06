package snapshot

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"CATALOG_URL", "http://catalog:8080/v1?key=hunter2", "http://catalog:8080"},
		{"DATABASE_URL", "postgres://shop:hunter2@db.shop.svc:5432/orders", "postgres://db.shop.svc:5432"},
		{"PAYMENTS_ADDR", "payments:9090", "payments:9090"},
		{"x", "payments:9090", "payments:9090"},
		{"REDIS_HOST", "redis", "redis"},
		{"APP_NAME", "orders", ""},
		{"BROKERS", "kafka-0.kafka:9092,kafka-1.kafka:9092", "kafka-0.kafka:9092 kafka-1.kafka:9092"},
		{"app.conf", "upstream: http://cart:8080\nlevel: info\nsee example.com\n", "http://cart:8080"},
		{"app.conf", "db = orders-db.shop.svc.cluster.local", "orders-db.shop.svc.cluster.local"},
		{"VERSION", "1.2.3", ""}, {"TIME", "12:30", ""}, {"LISTEN_ADDR", "0.0.0.0:8080", ""}, {"LISTEN_ADDR", ":8080", ""},
		{"BASIC_AUTH", "admin:12345", ""}, {"password", "hunter:2000", ""}, {"note", "call alice:1234 now", ""},
		{"token", "http://a:80 hunter.svc:1234", "http://a:80"},
		{"", "--upstream=http://a:80", "http://a:80"},
	} {
		var got []string
		for _, a := range Addresses(c.name, c.value) {
			got = append(got, a.String())
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s=%s: %s", c.name, c.value, diff)
		}
	}
}

// What is kept of a ConfigMap holds no credentials, and is kept again as it is.
func TestDropValuesTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.SampledFrom([]string{"x", "DB_URL", "hosts", "app.conf", "token"}).Draw(rt, "key")
		value := rapid.StringMatching(`(http://|amqp://)?([a-z]{1,5}:s3cr3t-[a-z]{1,5}@)?[a-z.]{0,8}(:[0-9]{1,6})?(/s3cr3t)?[ ,\n]?([a-z]{1,4}(\.svc)?:[0-9]{2,4})?`).Draw(rt, "value")
		c := &corev1.ConfigMap{Data: map[string]string{key: value}}
		DropValues(c)
		once := c.Data[key]
		DropValues(c)
		if c.Data[key] != once {
			rt.Fatalf("%q becomes %q, then %q", value, once, c.Data[key])
		}
		if strings.Contains(once, "s3cr3t") {
			rt.Fatalf("%q leaks: %q", value, once)
		}
	})
}
