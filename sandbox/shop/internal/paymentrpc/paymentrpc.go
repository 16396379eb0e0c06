// Package paymentrpc is the gRPC contract between orders and payments. Its one
// message is google.protobuf.Struct, so that no code has to be generated.
package paymentrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	service = "shop.v1.Payments"
	charge  = "Charge"
)

// Server takes payments.
type Server interface {
	// Charge takes {order, cents} and answers {payment}.
	Charge(context.Context, *structpb.Struct) (*structpb.Struct, error)
}

// Register adds the service to a gRPC server.
func Register(to *grpc.Server, s Server) {
	to.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*Server)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: charge, Handler: handleCharge}},
	}, s)
}

func handleCharge(srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	in := new(structpb.Struct)
	if err := decode(in); err != nil {
		return nil, err
	}
	call := func(ctx context.Context, req any) (any, error) {
		return srv.(Server).Charge(ctx, req.(*structpb.Struct))
	}
	if intercept == nil {
		return call(ctx, in)
	}
	info := &grpc.UnaryServerInfo{Server: srv, FullMethod: "/" + service + "/" + charge}
	return intercept(ctx, in, info, call)
}

// Charge calls the service.
func Charge(ctx context.Context, conn grpc.ClientConnInterface, in *structpb.Struct, opts ...grpc.CallOption) (*structpb.Struct, error) {
	out := new(structpb.Struct)
	if err := conn.Invoke(ctx, "/"+service+"/"+charge, in, out, opts...); err != nil {
		return nil, err
	}
	return out, nil
}

// RetryPolicy is the service config of a client: a call that no server took
// (UNAVAILABLE) is tried again.
func RetryPolicy() string {
	return `{"methodConfig": [{"name": [{"service": "` + service + `"}], "retryPolicy": {
		"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "0.5s", "backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE"]}}]}`
}
