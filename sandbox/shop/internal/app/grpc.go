package app

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// intercept is the gRPC twin of measure and misbehave.
func (a *App) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if strings.HasPrefix(info.FullMethod, "/grpc.health.") {
		return next(ctx, req)
	}
	start := time.Now()
	who := metadata.Pairs("x-shop-service", a.cfg.Service, "x-shop-version", a.cfg.Version, "x-shop-pod", a.cfg.Pod)
	if err := grpc.SetHeader(ctx, who); err != nil {
		return nil, err
	}
	answer, err := a.misbehaveGRPC(ctx, req, next)
	a.metrics.grpc(info.FullMethod, status.Code(err).String(), time.Since(start))
	return answer, err
}

func (a *App) misbehaveGRPC(ctx context.Context, req any, next grpc.UnaryHandler) (any, error) {
	failed, err := a.cfg.Faults.Request(ctx)
	if err != nil {
		return nil, status.FromContextError(err).Err()
	}
	if failed != 0 {
		// Internal and not Unavailable: clients retry the latter.
		return nil, status.Error(codes.Internal, "error asked for by ERROR_RATE")
	}
	return next(ctx, req)
}
