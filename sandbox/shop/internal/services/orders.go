package services

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/app"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/paymentrpc"
)

// Order is a cart that was paid for.
type Order struct {
	ID      string `json:"id"`
	User    string `json:"user"`
	Cents   int    `json:"cents"`
	Payment string `json:"payment"`
}

// orders turns carts into paid orders and keeps them until a worker asks.
type orders struct {
	app.Kit
	client        *app.Client
	catalog, cart string
	payments      *grpc.ClientConn
	token         string
	queue         chan Order
}

func newOrders(kit app.Kit, r *env.Reader) (app.Service, error) {
	o := &orders{
		Kit:     kit,
		client:  app.NewClient(),
		catalog: r.String("CATALOG_URL", "http://catalog:8080"),
		cart:    r.String("CART_URL", "http://cart:8080"),
		token:   r.Required("PAYMENTS_TOKEN"),
		queue:   make(chan Order, 1000),
	}
	var err error
	o.payments, err = grpc.NewClient(r.String("PAYMENTS_ADDR", "payments:9090"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(paymentrpc.RetryPolicy()))
	if err != nil {
		return app.Service{}, fmt.Errorf("payments: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{user}", o.place)
	mux.HandleFunc("POST /queue/next", o.next)
	return app.Service{HTTP: mux}, nil
}

func (o *orders) place(w http.ResponseWriter, r *http.Request) {
	var bought Cart
	user := r.PathValue("user")
	fromCart, err := o.client.Call(r.Context(), http.MethodGet, o.cart+"/cart/"+url.PathEscape(user), &bought)
	if err != nil {
		o.FailCall(w, err)
		return
	}
	calls := []app.Answer{fromCart}
	// A price can change between cart and order; the last item is asked again.
	if n := len(bought.Items); n > 0 {
		fromCatalog, err := o.client.Call(r.Context(), http.MethodGet, o.catalog+"/products/"+url.PathEscape(bought.Items[n-1].ID), new(Product))
		if err != nil {
			o.FailCall(w, err, calls...)
			return
		}
		calls = append(calls, fromCatalog)
	}
	order := Order{ID: rand.Text(), User: user, Cents: bought.Cents}
	fromPayments, err := o.charge(r.Context(), &order)
	if err != nil {
		o.Log.Error("payment failed", "order", order.ID, "error", err)
		o.Fail(w, http.StatusBadGateway, "payments: "+err.Error(), calls...)
		return
	}
	select {
	case o.queue <- order:
	default:
		o.Log.Warn("queue full: no worker will see this order", "order", order.ID)
	}
	o.Reply(w, order, append(calls, fromPayments)...)
}

func (o *orders) charge(ctx context.Context, order *Order) (app.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+o.token)
	in, err := structpb.NewStruct(map[string]any{"order": order.ID, "cents": order.Cents})
	if err != nil {
		return app.Answer{}, err
	}
	var who metadata.MD
	out, err := paymentrpc.Charge(ctx, o.payments, in, grpc.Header(&who))
	if err != nil {
		return app.Answer{}, fmt.Errorf("%s: %s", status.Code(err), status.Convert(err).Message())
	}
	order.Payment = out.GetFields()["payment"].GetStringValue()
	return app.Answer{Identity: app.Identity{
		Service: first(who, "x-shop-service"), Version: first(who, "x-shop-version"), Pod: first(who, "x-shop-pod"),
	}}, nil
}

func first(md metadata.MD, key string) string {
	if v := md.Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// batch is how many orders a worker takes at a time.
const batch = 10

// next hands out up to batch orders, each once.
func (o *orders) next(w http.ResponseWriter, _ *http.Request) {
	taken := []Order{}
	for len(taken) < batch {
		select {
		case order := <-o.queue:
			taken = append(taken, order)
			continue
		default:
		}
		break
	}
	o.Reply(w, taken)
}
