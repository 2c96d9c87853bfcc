// Package bridge finds out whether a node can give allocations networks on a bridge.
package bridge

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	System  fs.FS // the root directory of the machine
	Able    bool  // the agent may make networks at all: it is root, on Linux
	Hairpin bool
}

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "bridge" }

// Run implements fingerprint.Fingerprinter. That the kernel knows bridges is enough to
// offer the network: the plugins that it takes as well are attributes of their own, and
// placement says which of them a node lacks.
func (f Fingerprint) Run(context.Context) (func(*api.Node), error) {
	if !f.Able {
		return nil, nil
	}
	known, err := f.kernelKnows()
	if !known {
		return nil, err
	}
	return func(n *api.Node) {
		n.Attributes["nomad.bridge.hairpin_mode"] = strconv.FormatBool(f.Hairpin)
		n.Resources.Networks = append(n.Resources.Networks, &api.NodeNetworkInfo{Mode: "bridge"})
		n.Resources.NodeNetworks = append(n.Resources.NodeNetworks, &api.NodeNetworkResource{Mode: "bridge"})
	}, nil
}

// kernelKnows reports whether the kernel has bridges, or a module for them.
func (f Fingerprint) kernelKnows() (bool, error) {
	if _, err := fs.Stat(f.System, "sys/module/bridge"); err == nil {
		return true, nil
	}
	release, err := fs.ReadFile(f.System, "proc/sys/kernel/osrelease")
	if err != nil {
		return false, err
	}
	for _, list := range []string{"modules.builtin", "modules.dep"} {
		file, err := f.System.Open(path.Join("lib/modules", strings.TrimSpace(string(release)), list))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		found := listsBridge(file)
		if err := file.Close(); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

func listsBridge(file fs.File) bool {
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, _, _ := strings.Cut(lines.Text(), ":")
		if strings.HasPrefix(path.Base(name), "bridge.ko") {
			return true
		}
	}
	return false
}
