// Package lang chooses the language of every sentence and renders sentences
// from catalogues that hold each one in English and in Korean.
package lang

import (
	"fmt"
	"strings"
)

// Lang is a language that users of the tool read.
type Lang string

// The languages every sentence exists in.
const (
	English Lang = "en"
	Korean  Lang = "ko"
)

// All lists the languages, the default first.
func All() []Lang { return []Lang{English, Korean} }

// Parse reads the value of --lang. The error names the allowed values.
func Parse(s string) (Lang, error) {
	switch l := Lang(strings.ToLower(strings.TrimSpace(s))); l {
	case English, Korean:
		return l, nil
	}
	return English, fmt.Errorf("unknown language %q: use en or ko", s)
}

// FromEnvironment chooses the language where --lang was not given: MSA_LANG,
// else the first set of LC_ALL, LC_MESSAGES and LANG (POSIX precedence), else
// English. An MSA_LANG that names no language is an error, a locale is not.
func FromEnvironment(getenv func(string) string) (Lang, error) {
	if v := getenv("MSA_LANG"); v != "" {
		l, err := Parse(v)
		if err != nil {
			return English, fmt.Errorf("MSA_LANG: %w", err)
		}
		return l, nil
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			if v == "ko" || strings.HasPrefix(v, "ko_") || strings.HasPrefix(v, "ko-") {
				return Korean, nil
			}
			return English, nil
		}
	}
	return English, nil
}
