package inspect

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// What no rule explains is not "in progress" where the cluster itself says that
// it cannot go on, and its words are shown.
func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		health Health
		says   string
	}{
		"refused":      {Unwell, "FailedCreate (17 times): Internal error occurred: resource quota"},
		"mount-fails":  {Unwell, "FailedMount (12 times): MountVolume.SetUp failed"},
		"mount-starts": {Progressing, "FailedMount: MountVolume.SetUp failed"},
		"old-warning":  {Progressing, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := loadFixture(t, filepath.Join("testdata", "warned", name+".yaml"))
			object := inspectFixture(t, f, s, lang.English).Objects[0]
			if object.Health != c.health {
				t.Errorf("health %s, want %s", object.Health, c.health)
			}
			said := ""
			if w := object.Warning; w != nil {
				said = strings.TrimPrefix(w.Path, "event ") + ": " + w.Value
			}
			if c.says == "" && said != "" || !strings.HasPrefix(said, c.says) {
				t.Errorf("says %q, want %q", said, c.says)
			}
		})
	}
}
