package e2e

import (
	"path/filepath"
	"testing"
)

// Nodes of drover's own agents run no storage plugins, so nothing that asks for one comes to
// them.
func TestWhoAsksForACSIVolumeWaitsForItsPlugin(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	job, err := filepath.Abs("testdata/database.nomad.hcl")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, a, "volume-missing-plan", 1, "job", "plan", job)

	sample := filepath.Join(t.TempDir(), "volume.hcl")
	a.Must(0, "volume", "init", sample)
	a.Must(1, "volume", "init", sample)
	golden(t, a, "volume-register", 0, "volume", "register", sample)
	golden(t, a, "volume-status", 0, "volume", "status")
	golden(t, a, "volume-status-one", 0, "volume", "status", "data")
	golden(t, a, "volume-plan", 1, "job", "plan", job)
	golden(t, a, "plugin-status", 0, "plugin", "status")
	golden(t, a, "plugin-status-missing", 1, "plugin", "status", "ebs")
	golden(t, a, "volume-deregister", 0, "volume", "deregister", "database")
	golden(t, a, "volume-deregister-again", 1, "volume", "deregister", "database")
	golden(t, a, "volume-status-none", 0, "volume", "status")
}
