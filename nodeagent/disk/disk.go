// Package disk tells how large file systems are and how full.
package disk

// Usage is that of a file system. Sizes are bytes.
type Usage struct {
	Size, Used uint64
	Available  uint64 // to programs that are not root's
	// Inodes and FreeInodes are 0 where there is no such number.
	Inodes, FreeInodes uint64
}

// UsedPercent is what df says.
func (u Usage) UsedPercent() float64 {
	if u.Used+u.Available == 0 {
		return 0
	}
	return 100 * float64(u.Used) / float64(u.Used+u.Available)
}

// InodesUsedPercent is 0 where a file system has no bound of its inodes.
func (u Usage) InodesUsedPercent() float64 {
	if u.Inodes == 0 {
		return 0
	}
	return 100 * float64(u.Inodes-u.FreeInodes) / float64(u.Inodes)
}
