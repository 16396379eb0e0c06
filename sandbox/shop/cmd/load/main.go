// Command load sends HTTP requests at a fixed rate and counts how they end.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/fault"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/load"
)

func main() {
	err := load.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	code := 1
	var exit *fault.Exit
	if errors.As(err, &exit) {
		code, err = exit.Code, errors.New(exit.Message)
	}
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(code)
}
