package fingerprint_test

import (
	"context"
	"errors"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint"
)

func TestThisMachineHasTheAttributesThatConstraintsUse(t *testing.T) {
	n := &api.Node{}
	if err := fingerprint.Run(t.Context(), fingerprint.Default(fingerprint.Options{DataDir: t.TempDir(), NetworkInterface: "lo", Version: "1.2.3"}), n); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"cpu.arch", "cpu.frequency", "cpu.numcores", "cpu.reservablecores", "cpu.totalcompute", "cpu.usablecompute",
		"kernel.arch", "kernel.name", "kernel.version", "memory.totalbytes", "nomad.service_discovery", "nomad.version",
		"numa.node.count", "numa.node0.cores", "os.signals", "unique.hostname", "unique.network.ip-address",
		"unique.storage.bytestotal", "unique.storage.volume", "drover.version",
	} {
		if n.Attributes[name] == "" {
			t.Errorf("no attribute %s", name)
		}
	}
	r := n.Resources
	if r.Cpu.CpuShares <= 0 || r.Memory.MemoryMB <= 0 || r.Disk.DiskMB <= 0 || len(r.Networks) == 0 || len(r.NodeNetworks) == 0 {
		t.Errorf("resources: %+v", r)
	}
}

type broken struct{}

func (broken) Name() string { return "broken" }

var errBroken = errors.New("it broke")

func (broken) Run(context.Context) (func(*api.Node), error) { return nil, errBroken }

func TestOneThatFailsIsNamedAndTheOthersCount(t *testing.T) {
	n := &api.Node{}
	fixed := fingerprint.Fixed{Attributes: map[string]string{"a": "1"}, Resources: api.NodeResources{Memory: api.NodeMemoryResources{MemoryMB: 7}}}
	err := fingerprint.Run(t.Context(), []fingerprint.Fingerprinter{broken{}, fixed}, n)
	if !errors.Is(err, errBroken) {
		t.Errorf("error: %v", err)
	}
	if n.Attributes["a"] != "1" || n.Resources.Memory.MemoryMB != 7 {
		t.Errorf("node: %+v", n)
	}
}

func BenchmarkDefault(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		if err := fingerprint.Run(b.Context(), fingerprint.Default(fingerprint.Options{DataDir: dir}), &api.Node{}); err != nil {
			b.Fatal(err)
		}
	}
}
