// Package storage finds out how large the file system is on which a node keeps the
// files of allocations.
package storage

import (
	"context"
	"io/fs"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/disk"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	System  fs.FS  // the root directory of the machine
	Dir     string // where the files of allocations are
	TotalMB int    // replaces what is found out, in MiB, if it is not 0

	last int64 // the size that was found, in bytes
}

// wavers is the part of its size by which a file system may grow or shrink unnoticed: on
// some the size is what is used and what is free of a pool that others use too.
const wavers = 0.01

// Name implements fingerprint.Fingerprinter.
func (*Fingerprint) Name() string { return "storage" }

const mib = 1 << 20

// Run implements fingerprint.Fingerprinter.
func (f *Fingerprint) Run(context.Context) (func(*api.Node), error) {
	usage, err := disk.Of(f.Dir)
	if err != nil {
		return nil, err
	}
	total := f.steady(int64(usage.Size))
	if f.TotalMB > 0 {
		total = int64(f.TotalMB) * mib
	}
	volume, err := f.volume()
	if err != nil {
		return nil, err
	}
	return func(n *api.Node) {
		n.Attributes["unique.storage.volume"] = volume
		n.Attributes["unique.storage.bytestotal"] = strconv.FormatInt(total, 10)
		n.Resources.Disk.DiskMB = total / mib
	}, nil
}

// steady returns the size that was found before, if it is about the same now.
func (f *Fingerprint) steady(total int64) int64 {
	if math.Abs(float64(total-f.last)) > wavers*float64(f.last) {
		f.last = total
	}
	return f.last
}

// volume returns what is mounted where the directory is: /dev/vda.
func (f *Fingerprint) volume() (string, error) {
	dir, err := filepath.EvalSymlinks(f.Dir)
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "linux" {
		return filepath.VolumeName(dir), nil
	}
	b, err := fs.ReadFile(f.System, "proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	var volume, longest string
	for line := range strings.Lines(string(b)) {
		mount, rest, ok := strings.Cut(line, " - ")
		fields, tail := strings.Fields(mount), strings.Fields(rest)
		if !ok || len(fields) < 5 || len(tail) < 2 {
			continue
		}
		point := unescape(fields[4])
		if len(point) >= len(longest) && within(dir, point) { // later mounts cover earlier ones
			volume, longest = tail[1], point
		}
	}
	return volume, nil
}

func within(dir, point string) bool {
	return point == "/" || dir == point || strings.HasPrefix(dir, point+"/")
}

// unescape undoes the octal escapes of blanks and such in mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
