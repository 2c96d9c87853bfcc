package nodeagent_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/droverhq/drover/api"
)

func eventTypes(s *api.TaskState) []string {
	var types []string
	for _, e := range s.Events {
		types = append(types, e.Type)
	}
	return types
}

func TestAnAllocationThatOutgrowsItsDiskFails(t *testing.T) {
	c := newCluster(t)
	a := start(t, realOptions(t.TempDir(), c.serveTCP(t)))
	defer a.stop(t)
	<-a.Ready()
	script := `head -c 20m /dev/zero > local/big; exec sleep 1000`
	modest, greedy := shell(api.JobTypeService, script), shell(api.JobTypeService, script)
	modest.TaskGroups[0].EphemeralDisk = &api.EphemeralDisk{SizeMB: new(50)}
	greedy.TaskGroups[0].EphemeralDisk = &api.EphemeralDisk{SizeMB: new(10)}
	stays, goes := c.run(modest), c.run(greedy)
	s := c.awaitStatus(t, goes, api.AllocClientFailed)
	if got := eventTypes(s.TaskStates["t"]); !slices.Contains(got, "Disk Resources Exceeded") || !s.TaskStates["t"].Failed {
		t.Errorf("reported %s", describe(s))
	}
	if s := c.awaitStatus(t, stays, api.AllocClientRunning); s.TaskStates["t"].Failed {
		t.Errorf("reported %s", describe(s))
	}
	c.stop(stays)
	c.awaitStatus(t, stays, api.AllocClientComplete)
}

func TestAnAllocationMayBeLeftToTakeWhatItLikes(t *testing.T) {
	c := newCluster(t)
	o := realOptions(t.TempDir(), c.serveTCP(t))
	o.Disk.Unbound = true
	a := start(t, o)
	defer a.stop(t)
	<-a.Ready()
	j := shell(api.JobTypeBatch, `head -c 20m /dev/zero > local/big; exec sleep 2`)
	j.TaskGroups[0].EphemeralDisk = &api.EphemeralDisk{SizeMB: new(10)}
	id := c.run(j)
	c.awaitStatus(t, id, api.AllocClientComplete)
	if info, err := os.Stat(filepath.Join(o.DataDir, "client/alloc", id, "t/local/big")); err != nil || info.Size() != 20<<20 {
		t.Errorf("%v, %v", info, err)
	}
}
