package storage_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/storage"
)

func run(t *testing.T, f *storage.Fingerprint) *api.Node {
	t.Helper()
	apply, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := &api.Node{Attributes: map[string]string{}, Resources: &api.NodeResources{}}
	apply(n)
	return n
}

func TestTheVolumeIsThatOfTheInnermostMount(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	mounts := "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n" +
		"30 22 0:5 / " + filepath.Dir(dir) + " rw shared:1 - xfs /dev/vdb rw\n" +
		"31 22 0:6 / " + dir + "-other rw - xfs /dev/vdc rw\n" +
		"torn line\n"
	n := run(t, &storage.Fingerprint{System: fstest.MapFS{"proc/self/mountinfo": {Data: []byte(mounts)}}, Dir: dir, TotalMB: 5000})
	if got := n.Attributes["unique.storage.volume"]; got != "/dev/vdb" {
		t.Errorf("volume %s", got)
	}
	if n.Attributes["unique.storage.bytestotal"] != "5242880000" || n.Resources.Disk.DiskMB != 5000 {
		t.Errorf("got %v %+v", n.Attributes, n.Resources.Disk)
	}
}

func TestThisMachine(t *testing.T) {
	n := run(t, &storage.Fingerprint{System: os.DirFS("/"), Dir: t.TempDir()})
	if n.Attributes["unique.storage.volume"] == "" || n.Resources.Disk.DiskMB <= 0 {
		t.Errorf("got %v %+v", n.Attributes, n.Resources.Disk)
	}
}
