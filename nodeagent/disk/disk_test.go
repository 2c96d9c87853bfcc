package disk_test

import (
	"path/filepath"
	"testing"

	"github.com/droverhq/drover/nodeagent/disk"
)

func TestSharesAreThoseOfDf(t *testing.T) {
	u := disk.Usage{Size: 100, Used: 60, Available: 20, Inodes: 10, FreeInodes: 1}
	if u.UsedPercent() != 75 || u.InodesUsedPercent() != 90 {
		t.Errorf("%v %% and %v %% of inodes", u.UsedPercent(), u.InodesUsedPercent())
	}
	if none := (disk.Usage{}); none.UsedPercent() != 0 || none.InodesUsedPercent() != 0 {
		t.Error("nothing is not empty")
	}
}

func TestThisFileSystem(t *testing.T) {
	dir := t.TempDir()
	u, err := disk.Of(dir)
	if err != nil || u.Size == 0 || u.Used > u.Size || u.Available > u.Size {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := disk.Of(filepath.Join(dir, "none")); err == nil {
		t.Error("nowhere is of some size")
	}
}
