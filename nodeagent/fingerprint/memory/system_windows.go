package memory

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// hasProc says that /proc/meminfo tells.
const hasProc = false

// memoryStatus is MEMORYSTATUSEX.
type memoryStatus struct {
	length, load                                                          uint32
	total, available, totalPage, availablePage, totalVirtual, freeVirtual uint64
	freeExtended                                                          uint64
}

// systemMemory asks GlobalMemoryStatusEx.
func systemMemory() (total, available uint64, err error) {
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	s := memoryStatus{length: uint32(unsafe.Sizeof(memoryStatus{}))}
	if ok, _, err := call.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return 0, 0, err
	}
	return s.total, s.available, nil
}
