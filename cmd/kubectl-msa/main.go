// Command kubectl-msa is the kubectl plugin "kubectl msa".
package main

import (
	"context"
	"os"

	"github.com/kubectl-msa/kubectl-msa/internal/cli"
	"github.com/kubectl-msa/kubectl-msa/internal/term"
)

func main() {
	ctx, stop := term.Interruptible(context.Background())
	code := cli.Run(ctx, cli.System(), os.Args)
	stop()
	os.Exit(code)
}
