package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// pluginPatience is how long one plugin may take. It is far more than any does: what is
// killed half way leaves a mess.
const pluginPatience = 2 * time.Minute

// runPlugins implements invoke.Exec: it runs plugins to their end, whatever becomes of
// this process or of the wish for the network, with the lock of the allocation's record.
// It keeps the last result of an ADD beside the record: without it, plugins do not remove
// what they have made by it.
type runPlugins struct {
	version.PluginDecoder
	folder folder
	lock   *os.File
}

// plugins returns how the plugins of one allocation's network are run.
func (m *Manager) plugins(f folder, lock *os.File) *libcni.CNIConfig {
	return libcni.NewCNIConfigWithCacheDir(m.opts.PluginPath, string(f), &runPlugins{folder: f, lock: lock})
}

// FindInPath implements invoke.Exec.
func (*runPlugins) FindInPath(plugin string, paths []string) (string, error) {
	path, err := invoke.FindInPath(plugin, paths)
	if err != nil {
		return "", fmt.Errorf("CNI plugin %q is in none of %s: install the CNI plugins (on Debian: containernetworking-plugins), or set client.cni_path", plugin, strings.Join(paths, ", "))
	}
	return path, nil
}

// ExecPlugin implements invoke.Exec. A plugin is not begun when ctx is done, and is not
// cut short when it ends.
func (r *runPlugins) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pluginPatience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environ, bytes.NewReader(stdin), &stdout, &stderr
	cmd.ExtraFiles = []*os.File{r.lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is for the agent
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return nil, pluginError(err, stdout.Bytes(), stderr.Bytes())
	}
	if slices.Contains(environ, "CNI_COMMAND=ADD") {
		if err := r.folder.put(resultFile, stdout.Bytes(), 0o600); err != nil {
			return nil, fmt.Errorf("keep the result of a plugin: %w", err)
		}
	}
	return stdout.Bytes(), nil
}

// withResult tells the plugins of a list what the last ADD has said.
func (f folder) withResult(list *libcni.NetworkConfigList) error {
	raw, err := os.ReadFile(f.path(resultFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for i, plugin := range list.Plugins {
		list.Plugins[i], err = libcni.InjectConf(plugin, map[string]any{"prevResult": json.RawMessage(raw)})
		if err != nil {
			return err
		}
	}
	return nil
}

// pluginError returns what a plugin says is wrong.
func pluginError(err error, stdout, stderr []byte) error {
	var said types.Error
	if json.Unmarshal(stdout, &said) == nil && said.Msg != "" {
		return &said
	}
	if text := strings.TrimSpace(string(stderr)); text != "" {
		return errors.Join(errors.New(text), err)
	}
	return err
}
