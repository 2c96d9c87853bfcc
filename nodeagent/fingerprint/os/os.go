// Package os finds out which distribution a node runs and which signals its tasks
// can be sent.
package os

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/droverhq/drover/api"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	System fs.FS // the root directory of the machine
}

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "os" }

// signals are those that a task can be sent, in the order of their numbers.
const signals = "SIGNULL,SIGHUP,SIGINT,SIGQUIT,SIGILL,SIGTRAP,SIGABRT,SIGIOT,SIGBUS,SIGFPE,SIGKILL,SIGUSR1,SIGSEGV,SIGUSR2,SIGPIPE,SIGALRM,SIGTERM," +
	"SIGCONT,SIGSTOP,SIGTSTP,SIGTTIN,SIGTTOU,SIGXCPU,SIGXFSZ,SIGPROF,SIGWINCH,SIGIO,SIGSYS"

// Run implements fingerprint.Fingerprinter.
func (f Fingerprint) Run(context.Context) (func(*api.Node), error) {
	release, err := f.release()
	if err != nil {
		return nil, err
	}
	name, version := release["ID"], release["VERSION_ID"]
	if name == "debian" { // os-release leaves out the minor version
		b, err := fs.ReadFile(f.System, "etc/debian_version")
		if s := strings.TrimSpace(string(b)); err == nil && s != "" {
			version = s
		}
	}
	return func(n *api.Node) {
		n.Attributes["os.signals"] = signals
		if name != "" {
			n.Attributes["os.name"] = name
		}
		if version != "" {
			n.Attributes["os.version"] = version
		}
	}, nil
}

// release reads os-release(5).
func (f Fingerprint) release() (map[string]string, error) {
	out := map[string]string{}
	b, err := fs.ReadFile(f.System, "etc/os-release")
	if errors.Is(err, fs.ErrNotExist) {
		b, err = fs.ReadFile(f.System, "usr/lib/os-release")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[key] = strings.Trim(value, `"'`)
		}
	}
	return out, nil
}
