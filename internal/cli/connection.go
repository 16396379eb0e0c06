package cli

import (
	"regexp"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

// connection are the flags that lead to the cluster as they were typed, for
// commands that people copy. A token is nothing to be printed.
func (g *globalFlags) connection() string {
	var words []string
	add := func(flag string, value *string) {
		if value != nil && *value != "" {
			words = append(words, flag, quoted(*value))
		}
	}
	add("--kubeconfig", g.config.KubeConfig)
	add("--context", g.config.Context)
	add("--cluster", g.config.ClusterName)
	add("--user", g.config.AuthInfoName)
	add("--server", g.config.APIServer)
	add("--as", g.config.Impersonate)
	add("--as-uid", g.config.ImpersonateUID)
	if groups := g.config.ImpersonateGroup; groups != nil {
		for _, group := range *groups {
			add("--as-group", &group)
		}
	}
	return strings.Join(words, " ")
}

// copied gives a sentence whose commands in quotes lead to this cluster.
func (a *app) copied(sentence string) string {
	c := a.global.connection()
	if c == "" {
		return sentence
	}
	return regexp.MustCompile(`"kubectl [^"]+"`).ReplaceAllStringFunc(sentence, func(in string) string {
		return `"` + render.Command(strings.Trim(in, `"`), c) + `"`
	})
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
