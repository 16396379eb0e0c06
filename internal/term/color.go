package term

import "strings"

// Color is a value of --color.
type Color string

// Auto colours a terminal and nothing else.
const (
	Auto   Color = "auto"
	Always Color = "always"
	Never  Color = "never"
)

// Use decides for one stream, once: the flag, else NO_COLOR (no-color.org: any
// non-empty value), else CLICOLOR_FORCE (bixense.com/clicolors: anything but
// "0"), else whether it is a terminal that can show colour.
func (c Color) Use(tty bool, getenv func(string) string) bool {
	switch c {
	case Always:
		return true
	case Never:
		return false
	case Auto:
	}
	if getenv("NO_COLOR") != "" {
		return false
	}
	if force := getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true
	}
	return tty && getenv("TERM") != "dumb"
}

// ASCII says that the locale is one that cannot show more than ASCII: POSIX
// precedence, and only where a locale is set that names no UTF-8.
func ASCII(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToLower(strings.ReplaceAll(v, "-", ""))
			return !strings.Contains(v, "utf8")
		}
	}
	return false
}
