package nodeagent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
)

func TestAnAllocationFailsWhoseNetworkCannotBeMade(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		o.Network.ConfigDir = t.TempDir()
		a := start(t, o)
		defer a.stop(t)
		<-a.Ready()
		j := service(nil)
		j.TaskGroups[0].Networks = []*api.NetworkResource{{Mode: "cni/nowhere"}}
		id := c.run(j)
		time.Sleep(time.Minute)
		s := c.expect(id, api.AllocClientFailed)
		events := s.TaskStates["t"].Events
		if last := events[len(events)-1]; last.Type != api.EventSetupFailure || !strings.Contains(last.SetupError, `no configuration of CNI network "nowhere" in `+o.Network.ConfigDir) {
			t.Errorf("told: %s", describe(s))
		}
		if len(d.Running()) > 0 {
			t.Error("its task runs")
		}
		if left, err := os.ReadDir(filepath.Join(o.DataDir, "client", "networks")); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}
