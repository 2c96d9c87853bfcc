package cni_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint"
	"github.com/droverhq/drover/nodeagent/fingerprint/cni"
)

func TestPluginsTellTheirVersionsAndConfigurationsTheirNetworks(t *testing.T) {
	first, second, configs := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	says := func(text string) string { return "#!/bin/sh\nprintf '" + text + "' >&2\n" }
	write(filepath.Join(first, "bridge"), says(`CNI bridge plugin v1.6.2\n`), 0o755)
	write(filepath.Join(first, "portmap"), says(`CNI portmap plugin version unknown\nCNI protocol versions supported: 0.1.0, 0.4.0, 1.0.0\n`), 0o755)
	write(filepath.Join(first, "silent"), says(`hello`), 0o755)
	write(filepath.Join(first, "README"), "CNI x plugin v1.0.0", 0o644)
	write(filepath.Join(second, "bridge"), says(`CNI bridge plugin v0.1.0\n`), 0o755)
	write(filepath.Join(configs, "a.conflist"), `{"cniVersion": "1.0.0", "name": "mynet", "plugins": [{"type": "bridge"}]}`, 0o644)
	n := &api.Node{}
	f := &cni.Fingerprint{Able: true, PluginPath: []string{first, filepath.Join(first, "none"), second}, ConfigDir: configs}
	if err := fingerprint.Run(t.Context(), []fingerprint.Fingerprinter{f}, n); err != nil {
		t.Fatal(err)
	}
	if len(n.Attributes) != 2 || n.Attributes["plugins.cni.version.bridge"] != "v1.6.2" || n.Attributes["plugins.cni.version.portmap"] != "1.0.0" {
		t.Errorf("attributes %v", n.Attributes)
	}
	if len(n.Resources.Networks) != 1 || n.Resources.Networks[0].Mode != "cni/mynet" || n.Resources.NodeNetworks[0].Mode != "cni/mynet" {
		t.Errorf("networks %+v", n.Resources.Networks)
	}

	// What is put in place later is found, and only what is new is asked.
	write(filepath.Join(first, "portmap"), "#!/bin/sh\necho CNI portmap plugin v2.0.0\n", 0o755)
	write(filepath.Join(first, "vlan"), says(`CNI vlan plugin v1.6.2\n`), 0o755)
	write(filepath.Join(configs, "b.conflist"), `{"cniVersion": "1.0.0", "name": "other", "plugins": [{"type": "bridge"}]}`, 0o644)
	if err := os.Remove(filepath.Join(first, "bridge")); err != nil {
		t.Fatal(err)
	}
	n = &api.Node{}
	if err := fingerprint.Run(t.Context(), []fingerprint.Fingerprinter{f}, n); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"plugins.cni.version.bridge": "v0.1.0", "plugins.cni.version.portmap": "v2.0.0", "plugins.cni.version.vlan": "v1.6.2"}
	if !maps.Equal(n.Attributes, want) || len(n.Resources.Networks) != 2 {
		t.Errorf("attributes %v, networks %+v", n.Attributes, n.Resources.Networks)
	}
}
