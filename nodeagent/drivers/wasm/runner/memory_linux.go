package runner

import (
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// linear is the memory of a module: all addresses that it may come to have, of which
// the kernel gives memory to those that are used.
type linear struct {
	all    []byte
	usable uint64 // from the beginning
}

func reserve(_, most uint64) experimental.LinearMemory {
	if most == 0 {
		return &linear{}
	}
	all, err := unix.Mmap(-1, 0, int(most), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return &linear{} // can't grow
	}
	return &linear{all: all}
}

// Reallocate makes the memory of a size; nil: it can't be.
func (m *linear) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		return nil
	}
	page := uint64(unix.Getpagesize())
	usable := min((size+page-1)/page*page, uint64(len(m.all)))
	if usable > m.usable {
		if unix.Mprotect(m.all[m.usable:usable], unix.PROT_READ|unix.PROT_WRITE) != nil {
			return nil
		}
		m.usable = usable
	}
	return m.all[:size:size]
}

// Free gives the memory back.
func (m *linear) Free() {
	if m.all != nil {
		_ = unix.Munmap(m.all)
		m.all, m.usable = nil, 0
	}
}

// Preparing a module may take this much.
const (
	prepareBytes   = 4 << 30
	prepareSeconds = 300
)

// boundPreparation bounds what this process may use: modules come from those who write
// jobs.
func boundPreparation() error {
	if err := unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: prepareSeconds, Max: prepareSeconds}); err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: prepareBytes, Max: prepareBytes})
}
