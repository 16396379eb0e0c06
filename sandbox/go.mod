module github.com/kubectl-msa/kubectl-msa/sandbox

go 1.26.0
