package services

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/app"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
)

const products = `[{"id":"tea","name":"Green tea","cents":900},{"id":"cup","name":"Cup","cents":1500}]`

// begin runs one service on loopback until the test ends.
func begin(t *testing.T, name string, vars map[string]string) *app.App {
	t.Helper()
	a, err := prepare(name, vars)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	return a
}

func prepare(name string, vars map[string]string) (*app.App, error) {
	base := map[string]string{
		"LISTEN_HOST": "127.0.0.1", "PORT": "0", "METRICS_PORT": "0", "SHUTDOWN_DELAY": "1ms",
		"SHOP_VERSION": "v1", "POD_NAME": name + "-1",
	}
	r := &env.Reader{Get: func(key string) string {
		if v, ok := vars[key]; ok {
			return v
		}
		return base[key]
	}}
	log := slog.New(slog.DiscardHandler)
	cfg, err := app.ReadConfig(name, 0, r)
	if err != nil {
		return nil, err
	}
	svc, err := New(name, app.Kit{Identity: cfg.Identity, Log: log}, r)
	if err != nil {
		return nil, err
	}
	return app.Listen(cfg, svc, log)
}

// shop is all services, each told where the others are.
type shop struct{ gateway, catalog, cart, orders, payments *app.App }

func open(t *testing.T, token string) shop {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{"products.json": products, "token": "right\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var s shop
	s.catalog = begin(t, "catalog", map[string]string{"PRODUCTS_FILE": filepath.Join(dir, "products.json")})
	s.payments = begin(t, "payments", map[string]string{"TOKEN_FILE": filepath.Join(dir, "token")})
	where := map[string]string{"CATALOG_URL": "http://" + s.catalog.Addr(), "PAYMENTS_ADDR": s.payments.Addr(), "PAYMENTS_TOKEN": token}
	s.cart = begin(t, "cart", where)
	where["CART_URL"] = "http://" + s.cart.Addr()
	s.orders = begin(t, "orders", where)
	where["ORDERS_URL"] = "http://" + s.orders.Addr()
	s.gateway = begin(t, "gateway", where)
	return s
}

func ask(t *testing.T, method, url string) (int, app.Answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer app.Answer
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return resp.StatusCode, answer, string(body)
}

func TestCheckoutGoesThroughTheShop(t *testing.T) {
	s := open(t, "right")
	status, answer, body := ask(t, http.MethodPost, "http://"+s.gateway.Addr()+"/checkout/kim")
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	var path []string
	for hops := answer.Calls; len(hops) > 0; hops = hops[len(hops)-1].Calls {
		for _, hop := range hops {
			path = append(path, hop.Service+" "+hop.Version+" "+hop.Pod)
		}
	}
	if got, want := strings.Join(path, ", "), "orders v1 orders-1, cart v1 cart-1, catalog v1 catalog-1, payments v1 payments-1"; got != want {
		t.Errorf("calls = %s, want %s", got, want)
	}
	if !strings.Contains(body, `"payment":"pay-`) {
		t.Errorf("no payment in %s", body)
	}
	for path, want := range map[string]string{"/products": `"name":"Green tea"`, "/cart/kim": `"user":"kim"`, "/": `"service":"gateway"`} {
		if status, _, body := ask(t, http.MethodGet, "http://"+s.gateway.Addr()+path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	status, _, body = ask(t, http.MethodGet, "http://"+s.catalog.Addr()+"/products/gold")
	if status != 404 || !strings.Contains(body, "gold") {
		t.Errorf("a product that is not there: %d %s", status, body)
	}
}

func TestAWrongTokenIsNamedAtTheEdge(t *testing.T) {
	s := open(t, "wrong")
	status, _, body := ask(t, http.MethodPost, "http://"+s.gateway.Addr()+"/checkout/kim")
	if status != 502 || !strings.Contains(body, "Unauthenticated") || strings.Contains(body, "right") {
		t.Errorf("%d %s", status, body)
	}
}

func TestAnUnreachableServiceIs502(t *testing.T) {
	a := begin(t, "gateway", map[string]string{"CATALOG_URL": "http://127.0.0.1:1"})
	if status, _, body := ask(t, http.MethodGet, "http://"+a.Addr()+"/products"); status != 502 || !strings.Contains(body, "refused") {
		t.Errorf("%d %s", status, body)
	}
}

func TestWorkerShipsAndShowsItsHealthInFiles(t *testing.T) {
	s := open(t, "right")
	for range 25 {
		ask(t, http.MethodPost, "http://"+s.gateway.Addr()+"/checkout/lee")
	}
	dir := t.TempDir()
	w := begin(t, "worker", map[string]string{"ORDERS_URL": "http://" + s.orders.Addr(), "HEALTH_DIR": dir, "POLL_INTERVAL": "10ms", "UNREADY": "always"})
	waitFor(t, "25 orders shipped", func() bool {
		resp, err := http.Get("http://" + w.MetricsAddr() + "/metrics")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return err == nil && strings.Contains(string(body), `shop_orders_shipped_total{service="worker",version="v1"} 25`)
	})
	if _, err := os.Stat(filepath.Join(dir, "heartbeat")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
		t.Error("an unready worker says that it is ready")
	}
}

func waitFor(t *testing.T, what string, seen func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !seen(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not seen in 10 s: %s", what)
		}
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for name, want := range map[string]string{
		"orders":   "PAYMENTS_TOKEN",
		"catalog":  "/nowhere/products.json",
		"payments": "/nowhere/token",
		"baker":    `"baker"`,
	} {
		_, err := prepare(name, map[string]string{"PRODUCTS_FILE": "/nowhere/products.json", "TOKEN_FILE": "/nowhere/token"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want one that names %s", name, err, want)
		}
	}
}

func TestACartIsTheSameForEveryReplica(t *testing.T) {
	var list []Product
	if err := json.Unmarshal([]byte(products), &list); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"kim", "lee", "", "박"} {
		a, b := fill(user, list), fill(user, list)
		sum := 0
		for _, item := range a.Items {
			sum += item.Cents
		}
		if len(a.Items) == 0 || a.Cents != sum || a.Cents != b.Cents {
			t.Errorf("%q: %+v, %+v", user, a, b)
		}
	}
	if empty := fill("kim", nil); len(empty.Items) != 0 || empty.Cents != 0 {
		t.Errorf("from no products: %+v", empty)
	}
}
