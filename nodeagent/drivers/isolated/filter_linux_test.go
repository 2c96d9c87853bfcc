package isolated

import (
	"encoding/binary"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// call is what the kernel tells a filter of a system call.
type call struct {
	arch *arch.Info
	name string
	nr   int // if there is no name
	args [6]uint64
}

// decide runs a filter as the kernel does. The machine of package bpf reads packets,
// whose words have the high byte first.
func decide(t *testing.T, filter []byte, c call) uint32 {
	t.Helper()
	var program []bpf.RawInstruction
	for len(filter) > 0 {
		program = append(program, bpf.RawInstruction{
			Op: binary.NativeEndian.Uint16(filter), Jt: filter[2], Jf: filter[3], K: binary.NativeEndian.Uint32(filter[4:]),
		})
		filter = filter[8:]
	}
	instructions, known := bpf.Disassemble(program)
	if !known {
		t.Fatal("the filter has instructions that are none")
	}
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		t.Fatal(err)
	}
	if c.name != "" {
		c.nr = c.arch.SyscallNames[c.name]
	}
	data := binary.BigEndian.AppendUint32(nil, uint32(c.nr))
	data = binary.BigEndian.AppendUint32(data, uint32(c.arch.ID))
	data = append(data, make([]byte, 8)...) // the instruction pointer
	for _, arg := range c.args {
		data = binary.BigEndian.AppendUint32(data, uint32(arg)) // the low half first
		data = binary.BigEndian.AppendUint32(data, uint32(arg>>32))
	}
	result, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(result)
}

func TestTheFilterLetsThroughWhatProgramsNeedAndNoMore(t *testing.T) {
	own, err := arch.GetInfo("")
	if err != nil || own != arch.X86_64 {
		t.Skipf("not run: the calls of this test are those of amd64: %v", err)
	}
	standard, err := parseCaps(DefaultCaps())
	if err != nil {
		t.Fatal(err)
	}
	admin, err := parseCaps([]string{"sys_admin"})
	if err != nil {
		t.Fatal(err)
	}
	const (
		newNamespace = unix.CLONE_NEWNS
		thread       = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD
		vsock        = 40 // also the number of a call that is let through
	)
	var (
		allow = uint32(unix.SECCOMP_RET_ALLOW)
		perm  = refuse(unix.EPERM)
		nosys = refuse(unix.ENOSYS)
	)
	for name, c := range map[string]struct {
		caps capSet
		call call
		want uint32
	}{
		"read":                        {standard, call{arch: own, name: "read"}, allow},
		"execve":                      {standard, call{arch: own, name: "execve"}, allow},
		"mount":                       {standard, call{arch: own, name: "mount"}, perm},
		"mount of an administrator":   {standard | admin, call{arch: own, name: "mount"}, allow},
		"keyctl":                      {standard | admin, call{arch: own, name: "keyctl"}, perm},
		"unshare":                     {standard, call{arch: own, name: "unshare"}, perm},
		"kexec_load":                  {standard, call{arch: own, name: "kexec_load"}, perm},
		"init_module":                 {standard, call{arch: own, name: "init_module"}, perm},
		"bpf":                         {standard, call{arch: own, name: "bpf"}, perm},
		"a thread":                    {standard, call{arch: own, name: "clone", args: [6]uint64{thread}}, allow},
		"a namespace":                 {standard, call{arch: own, name: "clone", args: [6]uint64{newNamespace | thread}}, perm},
		"a namespace, administrator":  {standard | admin, call{arch: own, name: "clone", args: [6]uint64{newNamespace}}, allow},
		"clone3":                      {standard, call{arch: own, name: "clone3"}, nosys},
		"a socket of IP":              {standard, call{arch: own, name: "socket", args: [6]uint64{unix.AF_INET}}, allow},
		"a socket of virtual sockets": {standard, call{arch: own, name: "socket", args: [6]uint64{vsock}}, perm},
		"a socket of no family":       {standard, call{arch: own, name: "socket", args: [6]uint64{1<<32 | unix.AF_INET}}, perm},
		"a plain personality":         {standard, call{arch: own, name: "personality", args: [6]uint64{0}}, allow},
		"an odd personality":          {standard, call{arch: own, name: "personality", args: [6]uint64{0x0400000}}, perm},
		"what is not known yet":       {standard, call{arch: own, nr: 9999}, nosys},
		"x32":                         {standard, call{arch: own, nr: 0x40000000}, nosys},
		"read of 32 bits":             {standard, call{arch: arch.I386, name: "read"}, allow},
		"mount of 32 bits":            {standard, call{arch: arch.I386, name: "mount"}, perm},
		"another machine":             {standard, call{arch: arch.AARCH64, name: "read"}, perm},
	} {
		filter, err := filterFor(c.caps)
		if err != nil {
			t.Fatal(err)
		}
		if got := decide(t, filter, c.call); got != c.want {
			t.Errorf("%s: %#x, want %#x", name, got, c.want)
		}
		const most = 4096 // instructions, the kernel's
		if len(filter)/8 > most {
			t.Errorf("%s: %d instructions", name, len(filter)/8)
		}
	}
}
