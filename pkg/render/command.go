package render

import "strings"

// plugin is how this tool is called as a plugin of kubectl, which takes flags
// behind a plugin's name only.
const plugin = "kubectl msa "

// Command is a command to be copied, so that it goes to the same cluster:
// connection are the flags that lead there. A command of another program stays as it is.
func Command(command, connection string) string {
	switch {
	case connection == "":
		return command
	case strings.HasPrefix(command, plugin):
		before, after, separated := strings.Cut(command, " -- ")
		if separated {
			return before + " " + connection + " -- " + after
		}
		return command + " " + connection
	case strings.HasPrefix(command, "kubectl "):
		return "kubectl " + connection + strings.TrimPrefix(command, "kubectl")
	}
	return command
}
