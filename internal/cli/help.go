package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// dress gives a command and those below it their help: examples first, all of
// it in the reader's language. A flag's text has the id "flag.NAME", or
// "COMMAND.flag.NAME" where a command, or a group of commands, means something
// of its own by it: "rollout.plan.flag.NAME", "rollout.flag.NAME".
func (a *app) dress(cmd *cobra.Command) {
	prefixes := []string{""}
	for path := strings.Fields(cmd.CommandPath())[len(strings.Fields(cmd.Root().CommandPath())):]; len(path) > 0; path = path[:len(path)-1] {
		prefixes = append(prefixes, strings.Join(path, ".")+".")
	}
	slices.SortFunc(prefixes, func(x, y string) int { return len(y) - len(x) })
	describe := func(f *pflag.Flag) {
		for _, prefix := range prefixes {
			id := prefix + "flag." + f.Name
			if _, ok := a.texts[id]; ok {
				f.Usage = a.t(id)
				return
			}
		}
	}
	cmd.Flags().VisitAll(describe)
	cmd.PersistentFlags().VisitAll(describe)
	cmd.SetHelpFunc(func(c *cobra.Command, _ []string) { a.help(c.OutOrStdout(), c) })
	for _, sub := range cmd.Commands() {
		a.dress(sub)
	}
}

func (a *app) help(w io.Writer, cmd *cobra.Command) {
	var b strings.Builder
	b.WriteString(cmd.Short + "\n")
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\n%s\n%s\n", a.t("help.examples"), indent(strings.ReplaceAll(cmd.Example, "kubectl msa", cmd.Root().DisplayName())))
	}
	if cmd.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", cmd.Long)
	}
	fmt.Fprintf(&b, "\n%s\n  %s\n", a.t("help.usage"), usageLine(a, cmd))
	if subs := available(cmd); len(subs) > 0 {
		fmt.Fprintf(&b, "\n%s\n", a.t("help.commands"))
		for _, sub := range subs {
			fmt.Fprintf(&b, "  %-12s %s\n", sub.Name(), sub.Short)
		}
	}
	if own := a.flags(cmd.LocalNonPersistentFlags(), func(string) bool { return true }); own != "" {
		fmt.Fprintf(&b, "\n%s\n%s", a.t("help.flags"), own)
	}
	// A flag of the command's own hides the global one of the same name.
	global := func(name string) bool { return common(name) && cmd.LocalNonPersistentFlags().Lookup(name) == nil }
	fmt.Fprintf(&b, "\n%s\n%s", a.t("help.global"), a.flags(cmd.Root().PersistentFlags(), global))
	fmt.Fprintf(&b, "\n%s\n", a.t("help.more", "options", cmd.Root().DisplayName()+" options"))
	_, _ = io.WriteString(w, b.String())
}

func usageLine(a *app, cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " " + a.t("help.command-word") + " " + a.t("help.flags-word")
	}
	line := strings.TrimPrefix(cmd.Use, cmd.Name())
	parent := ""
	if cmd.HasParent() {
		parent = cmd.Parent().CommandPath() + " "
	}
	return parent + cmd.Name() + line + " " + a.t("help.flags-word")
}

func available(cmd *cobra.Command) []*cobra.Command {
	var subs []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			subs = append(subs, sub)
		}
	}
	return subs
}

// flags lays out flags, one a line; names are ASCII, so that bytes are columns.
func (a *app) flags(fs *pflag.FlagSet, wanted func(name string) bool) string {
	var heads, texts []string
	width := 0
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || !wanted(f.Name) {
			return
		}
		head := "      --" + f.Name
		if f.Shorthand != "" {
			head = "  -" + f.Shorthand + ", --" + f.Name
		}
		if word := flagWord(f); word != "" {
			head += " " + word
		}
		text := f.Usage
		if d := f.DefValue; d != "" && d != "false" && d != "[]" && d != "0" && d != "0s" && f.Name != "lang" {
			text += a.t("help.default", "value", defaultOf(f))
		}
		heads, texts = append(heads, head), append(texts, text)
		if n := len([]rune(head)); n > width && n <= 40 {
			width = n
		}
	})
	var b strings.Builder
	for i := range heads {
		fmt.Fprintf(&b, "%-*s   %s\n", width, heads[i], texts[i])
	}
	return b.String()
}

// defaultOf is a flag's default as one would type it: 1m, not 1m0s.
func defaultOf(f *pflag.Flag) string {
	if whole, ok := strings.CutSuffix(f.DefValue, "m0s"); ok && f.Value.Type() == "duration" {
		return whole + "m"
	}
	return f.DefValue
}

// flagWord stands for the value of a flag, in its help and where it is missing.
func flagWord(f *pflag.Flag) string {
	if word := wordOf(f.Name); word != "" {
		return word
	}
	switch f.Value.Type() {
	case "bool", "count":
		return ""
	case "string", "stringArray", "stringSlice":
		return "TEXT"
	case "float32", "int", "int64":
		return "N"
	case "duration":
		return "TIME"
	}
	return f.Value.Type()
}

// wordOf is the word for a flag of which its name says more than its type.
func wordOf(flag string) string {
	switch flag {
	case "filename", "save-snapshot", "snapshot", "kubeconfig", "certificate-authority", "client-certificate", "client-key", "soft":
		return fileWord
	case "namespace", "context", "cluster", "user", "container", "as", "as-group", "tls-server-name":
		return "NAME"
	case "request-timeout", "pause":
		return "TIME"
	case "server", "proxy-url", "prometheus":
		return "URL"
	case "image":
		return "CONTAINER=IMAGE"
	case "helper-image":
		return "IMAGE"
	case "set-env":
		return "NAME=VALUE"
	case "gate":
		return "KIND=VALUE"
	case "steps":
		return "LIST"
	case "patch":
		return "PATCH"
	case "service", "preview":
		return "SERVICE"
	case "group-by":
		return "LABEL"
	case "selector":
		return "SELECTOR"
	case "set":
		return "PROBE.FIELD=N"
	case "from", "to":
		return "TYPE/NAME"
	case "port":
		return "PORT"
	case "drain", "like":
		return "NODE"
	}
	return ""
}

// fileWord is the word for a value that names a file.
const fileWord = "FILE"

func indent(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = "  " + l
		}
	}
	return strings.Join(lines, "\n")
}
