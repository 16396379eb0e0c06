package inspect

import "github.com/kubectl-msa/kubectl-msa/pkg/rule"

func unschedulableRules() []rule.Rule { return nil }
