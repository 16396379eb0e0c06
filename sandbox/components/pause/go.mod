module github.com/kubectl-msa/kubectl-msa/sandbox/components/pause

go 1.26.0
