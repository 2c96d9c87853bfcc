// Package memory finds out how much memory a node has.
package memory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	System  fs.FS // the root directory of the machine
	TotalMB int   // replaces what is found out, in MiB, if it is not 0
}

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "memory" }

var errMissing = errors.New("/proc/meminfo does not say")

const mib = 1 << 20

// Run implements fingerprint.Fingerprinter.
func (f Fingerprint) Run(context.Context) (func(*api.Node), error) {
	total := int64(f.TotalMB) * mib
	if total == 0 {
		var err error
		if total, err = f.total(); err != nil {
			return nil, err
		}
	}
	return func(n *api.Node) {
		n.Attributes["memory.totalbytes"] = strconv.FormatInt(total, 10)
		n.Resources.Memory.MemoryMB = total / mib
	}, nil
}

func (f Fingerprint) total() (int64, error) {
	if !hasProc {
		total, _, err := systemMemory()
		return int64(total), err
	}
	b, err := fs.ReadFile(f.System, "proc/meminfo")
	if err != nil {
		return 0, err
	}
	return field(b, "MemTotal")
}

// field returns a value of /proc/meminfo, in bytes.
func field(meminfo []byte, name string) (int64, error) {
	for line := range strings.Lines(string(meminfo)) {
		value, found := strings.CutPrefix(line, name+":")
		if !found {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read /proc/meminfo: %w", err)
		}
		return kb << 10, nil
	}
	return 0, fmt.Errorf("%w: %s", errMissing, name)
}

// Available returns how much memory there is and how much of it new work can have, in
// bytes.
func (f Fingerprint) Available() (total, available uint64, err error) {
	if !hasProc {
		return systemMemory()
	}
	b, err := fs.ReadFile(f.System, "proc/meminfo")
	if err != nil {
		return 0, 0, err
	}
	all, err := field(b, "MemTotal")
	if err != nil {
		return 0, 0, err
	}
	free, err := field(b, "MemAvailable")
	return uint64(max(all, 0)), uint64(max(free, 0)), err
}
