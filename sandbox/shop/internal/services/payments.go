package services

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/app"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/paymentrpc"
)

// payments takes money from those who know the token in TOKEN_FILE.
type payments struct {
	app.Kit
	token string
}

func newPayments(kit app.Kit, r *env.Reader) (app.Service, error) {
	path := r.String("TOKEN_FILE", "/etc/shop/secret/payments-token")
	token, err := os.ReadFile(path)
	if err != nil {
		return app.Service{}, fmt.Errorf("token: %w", err)
	}
	p := &payments{Kit: kit, token: strings.TrimSpace(string(token))}
	if p.token == "" {
		return app.Service{}, fmt.Errorf("token: %s is empty", path)
	}
	return app.Service{GRPC: func(s *grpc.Server) { paymentrpc.Register(s, p) }}, nil
}

func (p *payments) Charge(ctx context.Context, in *structpb.Struct) (*structpb.Struct, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	given := strings.TrimPrefix(first(md, "authorization"), "Bearer ")
	if subtle.ConstantTimeCompare([]byte(given), []byte(p.token)) != 1 {
		return nil, status.Error(codes.Unauthenticated, "the token is not the one in the shop's Secret")
	}
	if cents := in.GetFields()["cents"].GetNumberValue(); cents <= 0 {
		return nil, status.Errorf(codes.InvalidArgument, "cents: %v is no amount to charge", cents)
	}
	return structpb.NewStruct(map[string]any{"payment": "pay-" + rand.Text()})
}
