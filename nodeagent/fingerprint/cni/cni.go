// Package cni finds out which CNI plugins and networks a node has.
package cni

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/network"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	Able       bool     // the agent may make networks at all: it is root, on Linux
	PluginPath []string // folders of plugins; of two with one name the first counts
	ConfigDir  string   // of networks

	versions map[string]answer // by path
}

// answer is what a plugin said of its version; the program is asked again when it is
// another.
type answer struct {
	size    int64
	changed time.Time
	version string
}

const (
	versionPatience  = 5 * time.Second // for one plugin to say its version
	parallelVersions = 4
)

// Name implements fingerprint.Fingerprinter.
func (*Fingerprint) Name() string { return "CNI" }

// Run implements fingerprint.Fingerprinter. It has each plugin tell its version, which
// no file does.
func (f *Fingerprint) Run(ctx context.Context) (func(*api.Node), error) {
	if !f.Able {
		return nil, nil
	}
	names, wrong := network.Configured(f.ConfigDir)
	paths, err := f.plugins()
	answers := make([]answer, len(paths))
	var group errgroup.Group
	group.SetLimit(parallelVersions)
	for i, path := range paths {
		group.Go(func() (err error) {
			answers[i], err = f.ask(ctx, path)
			return err
		})
	}
	gone := group.Wait()
	f.versions = make(map[string]answer, len(paths))
	for i, path := range paths {
		f.versions[path] = answers[i]
	}
	return func(n *api.Node) {
		for i, path := range paths {
			if version := answers[i].version; version != "" {
				n.Attributes["plugins.cni.version."+filepath.Base(path)] = version
			}
		}
		for _, name := range names {
			mode := network.ModeCNI + name
			n.Resources.Networks = append(n.Resources.Networks, &api.NodeNetworkInfo{Mode: mode})
			n.Resources.NodeNetworks = append(n.Resources.NodeNetworks, &api.NodeNetworkResource{Mode: mode})
		}
	}, errors.Join(gone, wrong, err)
}

// plugins returns the programs in the folders.
func (f *Fingerprint) plugins() ([]string, error) {
	var paths []string
	var wrong []error
	seen := map[string]bool{}
	for _, dir := range f.PluginPath {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			wrong = append(wrong, err)
		}
		for _, e := range entries {
			info, err := os.Stat(filepath.Join(dir, e.Name()))
			if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !seen[e.Name()] {
				seen[e.Name()] = true
				paths = append(paths, filepath.Join(dir, e.Name()))
			}
		}
	}
	return paths, errors.Join(wrong...)
}

// ask returns a plugin's version, and asks for it only if the program is another than
// before. It reads f.versions, which nobody writes meanwhile.
func (f *Fingerprint) ask(ctx context.Context, path string) (answer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return answer{}, err
	}
	known := f.versions[path]
	if known.size == info.Size() && known.changed.Equal(info.ModTime()) {
		return known, nil
	}
	version, err := versionOf(ctx, path)
	if err != nil {
		return answer{size: unanswered}, nil
	}
	return answer{size: info.Size(), changed: info.ModTime(), version: version}, nil
}

// unanswered is no size of a file: the program is asked again.
const unanswered = -1

// versionOf asks a plugin for its version; "" if it does not say one. It errs if the plugin
// did not answer in time.
func versionOf(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", nil // it knows no such argument
	}
	return parseVersion(string(out)), nil
}

var (
	ownVersion = regexp.MustCompile(`^CNI \S+ plugin (?:version )?(v?\d+\.\d+\.\d\S*)`)
	protocols  = regexp.MustCompile(`(?m)^CNI protocol versions supported: .*?(\d+\.\d+\.\d+)\s*$`)
)

// parseVersion reads what plugins print: "CNI bridge plugin v1.6.2", and in the next line the
// protocols that they speak. Those of distributions often do not know their version; then
// it is that of the newest protocol, which no older plugin speaks.
func parseVersion(text string) string {
	for _, pattern := range []*regexp.Regexp{ownVersion, protocols} {
		if found := pattern.FindStringSubmatch(strings.TrimSpace(text)); found != nil {
			return found[1]
		}
	}
	return ""
}
