package cli

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a command line that cannot be run; id is that of its text.
type usageError struct {
	id   string
	args map[string]any
}

func (e *usageError) Error() string { return fmt.Sprintf("%s %v", e.id, e.args) }

func usage(id string, args ...any) error {
	e := &usageError{id: id, args: map[string]any{}}
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			e.args[name] = args[i+1]
		}
	}
	return e
}

// configError is a kubeconfig that leads to no cluster.
type configError struct {
	id   string
	args map[string]any
}

func (e *configError) Error() string { return fmt.Sprintf("%s %v", e.id, e.args) }

// verdictError carries the exit code of a report that was written in full:
// there is nothing more to say.
type verdictError struct{ code int }

func (e *verdictError) Error() string { return "verdict " + strconv.Itoa(e.code) }

// refusedError is something that cannot be done as things stand, with the exit code that says so.
type refusedError struct {
	code int
	id   string
	args map[string]any
}

func (e *refusedError) Error() string { return fmt.Sprintf("%s %v", e.id, e.args) }

func refuse(code int, id string, args ...any) error {
	e := &refusedError{code: code, id: id, args: map[string]any{}}
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			e.args[name] = args[i+1]
		}
	}
	return e
}

// errTimedOut is the cause of a context that --timeout ended.
var errTimedOut = errors.New("timed out")

// flagError turns what the flag parser says into our own words.
func flagError(cmd *cobra.Command, err error) error {
	var (
		missing *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	help := cmd.CommandPath() + " --help"
	switch {
	case errors.As(err, &missing):
		name := "--" + missing.GetSpecifiedName()
		if missing.GetSpecifiedShortnames() != "" {
			name = "-" + missing.GetSpecifiedName()
		}
		return usage("error.unknown-flag", "flag", name, "near", nearestFlag(cmd, missing.GetSpecifiedName()), "help", help)
	case errors.As(err, &empty):
		return usage("error.flag-needs-value", "flag", flagName(empty.GetFlag()), "type", flagWord(empty.GetFlag()))
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		var allowed *allowedError
		if errors.As(err, &allowed) {
			return usage("error.flag-not-allowed", "flag", flagName(f), "value", invalid.GetValue(), "allowed", allowed.allowed)
		}
		return usage("error.flag-invalid", "flag", flagName(f), "value", invalid.GetValue(), "type", f.Value.Type(), "why", reason(f, err))
	}
	return usage("error.flag-syntax", "why", err.Error(), "help", help)
}

// reason is the cause where it says more than the flag's type does.
func reason(f *pflag.Flag, err error) string {
	switch f.Value.(type) {
	case *outputValue, *windowValue:
	default:
		return ""
	}
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err.Error()
}

func flagName(f *pflag.Flag) string {
	if f.Shorthand != "" {
		return "-" + f.Shorthand + "/--" + f.Name
	}
	return "--" + f.Name
}

func nearestFlag(cmd *cobra.Command, typed string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := nearest(typed, names); near != "" {
		return "--" + near
	}
	return ""
}
