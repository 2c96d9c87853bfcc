package nodeagent_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	chatty := shell(api.JobTypeService, `head -c 20m /dev/zero; exec sleep 1000`)
	chatty.TaskGroups[0].EphemeralDisk = greedy.TaskGroups[0].EphemeralDisk
	stays, talks, goes := c.run(modest), c.run(chatty), c.run(greedy)
	s := c.awaitStatus(t, goes, api.AllocClientFailed)
	if got := eventTypes(s.TaskStates["t"]); !slices.Contains(got, "Disk Resources Exceeded") || !s.TaskStates["t"].Failed {
		t.Errorf("reported %s", describe(s))
	}
	for _, id := range []string{stays, talks} {
		if s := c.awaitStatus(t, id, api.AllocClientRunning); s.TaskStates["t"].Failed {
			t.Errorf("reported %s", describe(s))
		}
		c.stop(id)
		c.awaitStatus(t, id, api.AllocClientComplete)
	}
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

func TestASuccessorFindsTheFilesOfTheOneBefore(t *testing.T) {
	c := newCluster(t)
	a := start(t, realOptions(t.TempDir(), c.serveTCP(t)))
	defer a.stop(t)
	<-a.Ready()
	j := shell(api.JobTypeBatch, `cat local/log $NOMAD_ALLOC_DIR/data/log; echo $NOMAD_META_v | tee -a local/log >> $NOMAD_ALLOC_DIR/data/log`)
	j.TaskGroups[0].EphemeralDisk = &api.EphemeralDisk{Sticky: new(true), SizeMB: new(100)}
	j.TaskGroups[0].Tasks[0].Meta = map[string]string{"v": "was here"}
	first, second := c.allocation(j), c.allocation(j)
	second.PreviousAllocation = first.ID
	c.want(first)
	c.want(second)
	c.awaitStatus(t, second.ID, api.AllocClientComplete)
	if got := c.ask(t, "/v1/client/fs/logs/"+second.ID+"?task=t&type=stdout&plain=true"); got != "was here\nwas here\n" {
		t.Errorf("found %q", got)
	}
}

func TestFilesAreHandedOverOverTheSessionOnly(t *testing.T) {
	c := newCluster(t)
	a := start(t, realOptions(t.TempDir(), c.serveTCP(t)))
	defer a.stop(t)
	<-a.Ready()
	id := c.run(shell(api.JobTypeBatch, `echo precious > local/file`))
	c.awaitStatus(t, id, api.AllocClientComplete)
	path := "/v1/client/allocation/" + id + "/snapshot"
	if got := c.ask(t, path); !strings.Contains(got, "t/local/file") || !strings.Contains(got, "precious") {
		t.Errorf("handed over %q", got)
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusNotImplemented {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
