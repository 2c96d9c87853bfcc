package qemu

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
)

// Options say how machines are run.
type Options struct {
	Plugin   Plugin
	Isolated isolated.Options // Plugin has no effect: it is that of Plugin
}

// Plugin is the config block of the driver in the agent's configuration.
type Plugin struct {
	// ImagePaths are directories of the node whose images may be used, besides those in
	// the task's own directories.
	ImagePaths []string
	// AllowedArgs are the options of the emulator that tasks may give; nil: any.
	AllowedArgs []string
	Isolation   isolated.Plugin
}

// ParsePlugin reads the config block of the driver in the agent's configuration.
func ParsePlugin(values map[string]any) (Plugin, error) {
	own := map[string]any{}
	rest := maps.Clone(values)
	for _, key := range []string{"image_paths", "args_allowlist"} {
		if value, set := rest[key]; set {
			own[key] = value
			delete(rest, key)
		}
	}
	isolation, err := isolated.ParsePlugin(Name, rest)
	if err != nil {
		return Plugin{}, err
	}
	b := block.New(fmt.Sprintf("plugin %q", Name), own)
	p := Plugin{ImagePaths: b.Texts("image_paths"), AllowedArgs: b.Texts("args_allowlist"), Isolation: isolation}
	for i, path := range p.ImagePaths {
		if !filepath.IsAbs(path) {
			b.Wrong(fmt.Sprintf("image_paths[%d]", i), fmt.Sprintf("%q is not an absolute path", path))
		}
	}
	return p, b.Err()
}

// shared reports whether an image is in one of the node's directories of images.
func (p Plugin) shared(image string) bool {
	for _, dir := range p.ImagePaths {
		if rest, in := strings.CutPrefix(filepath.Clean(image), filepath.Clean(dir)); in && strings.HasPrefix(rest, "/") {
			return true
		}
	}
	return false
}
