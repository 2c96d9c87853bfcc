package bridge_test

import (
	"testing"
	"testing/fstest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint"
	"github.com/droverhq/drover/nodeagent/fingerprint/bridge"
)

func TestABridgeIsOfferedWhereTheKernelKnowsIt(t *testing.T) {
	release := &fstest.MapFile{Data: []byte("6.1.0\n")}
	for name, c := range map[string]struct {
		system fstest.MapFS
		able   bool
		want   bool
	}{
		"loaded":   {fstest.MapFS{"sys/module/bridge/refcnt": {}}, true, true},
		"built in": {fstest.MapFS{"proc/sys/kernel/osrelease": release, "lib/modules/6.1.0/modules.builtin": {Data: []byte("kernel/net/llc/llc.ko\nkernel/net/bridge/bridge.ko\n")}}, true, true},
		"a module": {fstest.MapFS{"proc/sys/kernel/osrelease": release, "lib/modules/6.1.0/modules.dep": {Data: []byte("kernel/net/bridge/bridge.ko.xz: kernel/net/llc/llc.ko.xz\n")}}, true, true},
		"none":     {fstest.MapFS{"proc/sys/kernel/osrelease": release, "lib/modules/6.1.0/modules.dep": {Data: []byte("kernel/net/x.ko: kernel/net/bridge/bridge.ko\n")}}, true, false},
		"not root": {fstest.MapFS{"sys/module/bridge/refcnt": {}}, false, false},
	} {
		n := &api.Node{}
		if err := fingerprint.Run(t.Context(), []fingerprint.Fingerprinter{bridge.Fingerprint{System: c.system, Able: c.able, Hairpin: true}}, n); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		offered := len(n.Resources.Networks) == 1 && n.Resources.Networks[0].Mode == "bridge" && n.Resources.NodeNetworks[0].Mode == "bridge"
		if offered != c.want || (n.Attributes["nomad.bridge.hairpin_mode"] == "true") != c.want {
			t.Errorf("%s: %+v %v", name, n.Resources.Networks, n.Attributes)
		}
	}
}
