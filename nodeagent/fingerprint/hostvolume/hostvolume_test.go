package hostvolume_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint"
	"github.com/droverhq/drover/nodeagent/fingerprint/hostvolume"
)

func TestOnlyDirectoriesThatAreThereAreOffered(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n := &api.Node{}
	err := fingerprint.Run(t.Context(), []fingerprint.Fingerprinter{hostvolume.Fingerprint{Volumes: map[string]api.HostVolumeInfo{
		"data": {Path: dir}, "certs": {Path: dir, ReadOnly: true}, "gone": {Path: filepath.Join(dir, "gone")}, "file": {Path: file},
	}}}, n)
	if err == nil {
		t.Error("nothing is said of what is missing")
	}
	if len(n.HostVolumes) != 2 || *n.HostVolumes["data"] != (api.HostVolumeInfo{Path: dir}) || *n.HostVolumes["certs"] != (api.HostVolumeInfo{Path: dir, ReadOnly: true}) {
		t.Errorf("offered: %v", n.HostVolumes)
	}
}
