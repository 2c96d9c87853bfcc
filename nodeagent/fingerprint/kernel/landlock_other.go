//go:build !linux

package kernel

// landlockVersion is 0: only Linux has it.
func landlockVersion() int { return 0 }
