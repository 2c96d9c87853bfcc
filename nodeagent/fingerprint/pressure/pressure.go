// Package pressure finds out what a node is short of: room for the files of allocations,
// or memory.
package pressure

import (
	"context"
	"errors"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/disk"
)

// Attribute names, with commas between, what the node is short of; it is not there if
// that is nothing. It is unique, as it changes with what runs: nodes that differ by it
// alone are of one class.
const Attribute = "unique.drover.pressure"

// Names of what a node can be short of.
const (
	Disk   = "disk"
	Inodes = "inodes"
	Memory = "memory"
)

const (
	// memoryLow is of how much of the memory less is available to new work when a node
	// is short of it, in percent.
	memoryLow = 5
	// relief is by how much it must get better, in percent, until it is over.
	relief = 5
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	Dir string // where the files of allocations are
	// DiskUsage and InodeUsage are how full, in percent, the file system is when a node
	// is short of it.
	DiskUsage, InodeUsage float64
	// Memory returns how much there is and how much of it is available, in bytes.
	Memory func() (total, available uint64, err error)

	short map[string]bool
}

// Name implements fingerprint.Fingerprinter.
func (*Fingerprint) Name() string { return "pressure" }

// Run implements fingerprint.Fingerprinter.
func (f *Fingerprint) Run(context.Context) (func(*api.Node), error) {
	u, diskErr := disk.Of(f.Dir)
	total, available, memoryErr := f.Memory()
	if err := errors.Join(diskErr, memoryErr); err != nil {
		return nil, err
	}
	if f.short == nil {
		f.short = map[string]bool{}
	}
	f.judge(Disk, u.UsedPercent(), f.DiskUsage)
	f.judge(Inodes, u.InodesUsedPercent(), f.InodeUsage)
	f.judge(Memory, 100-100*float64(available)/float64(max(total, 1)), 100-memoryLow)
	var names []string
	for _, name := range []string{Disk, Inodes, Memory} {
		if f.short[name] {
			names = append(names, name)
		}
	}
	return func(n *api.Node) {
		if len(names) > 0 {
			n.Attributes[Attribute] = strings.Join(names, ",")
		}
	}, nil
}

// judge decides whether the node is short of something by how much of it is used.
func (f *Fingerprint) judge(name string, used, bound float64) {
	if f.short[name] {
		bound -= relief
	}
	f.short[name] = used > bound
}
