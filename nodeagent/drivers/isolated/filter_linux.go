package isolated

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// filterFor returns the seccomp filter of tasks with the capabilities: the default
// profile of container engines, as a list of struct sock_filter.
func filterFor(caps capSet) ([]byte, error) {
	spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: caps.names("CAP_")}}}
	profile, err := seccomp.GetDefaultProfile(spec)
	if err != nil {
		return nil, fmt.Errorf("seccomp profile: %w", err)
	}
	own, err := arch.GetInfo("")
	if err != nil {
		return nil, fmt.Errorf("seccomp profile: %w", err)
	}
	p := program{load(offsetArch)}
	list := []*arch.Info{own}
	if own == arch.X86_64 {
		list = append(list, arch.I386)
	}
	for _, a := range list {
		section, err := assemble(profile, a)
		if err != nil {
			return nil, fmt.Errorf("seccomp profile: %w", err)
		}
		p = append(p, jump(unix.BPF_JEQ, uint32(a.ID), 1, 0), unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(section))})
		p = append(p, section...)
	}
	return append(p, ret(refuse(unix.EPERM))).encode(), nil
}

// program is a filter: the kernel runs it with a struct seccomp_data for each system
// call, and it returns what becomes of the call.
type program []unix.SockFilter

// Where things are in struct seccomp_data.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16 // 8 bytes each; the low half first where bytes are ordered so
)

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(condition uint16, k uint32, whenTrue, whenFalse uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | condition | unix.BPF_K, Jt: whenTrue, Jf: whenFalse, K: k}
}

func ret(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

func refuse(errno unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(errno) }

func (p program) encode() []byte {
	var b []byte
	for _, i := range p {
		b = binary.NativeEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return b
}

// assemble returns what decides calls of one architecture.
func assemble(profile *specs.LinuxSeccomp, a *arch.Info) (program, error) {
	p := program{load(offsetNumber)}
	if a == arch.X86_64 { // the numbers of x32 begin here
		p = append(p, jump(unix.BPF_JGE, uint32(arch.X32.SeccompMask), 0, 1), ret(refuse(unix.ENOSYS)))
	}
	// Programs try calls newer than the profile, and do without those that are not there.
	newest := 0
	for _, number := range a.SyscallNames {
		newest = max(newest, number)
	}
	p = append(p, jump(unix.BPF_JGT, uint32(newest), 0, 1), ret(refuse(unix.ENOSYS)))
	for _, rule := range profile.Syscalls {
		action, err := actionOf(&rule)
		if err != nil {
			return nil, err
		}
		tests, err := conditions(rule.Args)
		if err != nil {
			return nil, err
		}
		for _, name := range rule.Names {
			if number, ok := a.SyscallNames[name]; ok {
				p = append(p, ruleFor(uint32(number), tests, action)...)
			}
		}
	}
	action, err := actionOf(&specs.LinuxSyscall{Action: profile.DefaultAction, ErrnoRet: profile.DefaultErrnoRet})
	return append(p, ret(action)), err
}

func actionOf(rule *specs.LinuxSyscall) (uint32, error) {
	switch rule.Action {
	case specs.ActAllow:
		return unix.SECCOMP_RET_ALLOW, nil
	case specs.ActErrno:
		if rule.ErrnoRet != nil {
			return refuse(unix.Errno(*rule.ErrnoRet)), nil
		}
		return refuse(unix.EPERM), nil
	default:
		return 0, fmt.Errorf("action %s is not known", rule.Action)
	}
}

// Jumps of conditions, until it is known how far away they lead: to the next
// condition, or out of the rule.
const (
	toNext = math.MaxUint8 - 1
	toFail = math.MaxUint8
)

// ruleFor decides a call with the number for which all tests hold. The number is
// loaded before and after it.
func ruleFor(number uint32, tests []program, action uint32) program {
	p := program{jump(unix.BPF_JEQ, number, 0, toFail)}
	for _, test := range tests {
		next := len(p) + len(test)
		for _, i := range test {
			if i.Jt == toNext {
				i.Jt = uint8(next - len(p) - 1)
			}
			if i.Jf == toNext {
				i.Jf = uint8(next - len(p) - 1)
			}
			p = append(p, i)
		}
	}
	p = append(p, ret(action))
	if len(tests) > 0 {
		p = append(p, load(offsetNumber))
	}
	for i := range p {
		end := len(p) - 1 - i
		if len(tests) > 0 {
			end-- // the number is to be loaded again
		}
		if p[i].Jt == toFail {
			p[i].Jt = uint8(end)
		}
		if p[i].Jf == toFail {
			p[i].Jf = uint8(end)
		}
	}
	return p
}

// conditions returns a test for each argument: it goes on at its end when it holds.
func conditions(args []specs.LinuxSeccompArg) ([]program, error) {
	var tests []program
	for _, arg := range args {
		low := uint32(offsetArgs + 8*arg.Index)
		loadHigh, loadLow := load(low+4), load(low)
		if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
			loadHigh, loadLow = loadLow, loadHigh
		}
		high, value := uint32(arg.Value>>32), uint32(arg.Value)
		switch arg.Op {
		case specs.OpEqualTo:
			tests = append(tests, program{
				loadHigh, jump(unix.BPF_JEQ, high, 0, toFail),
				loadLow, jump(unix.BPF_JEQ, value, 0, toFail),
			})
		case specs.OpNotEqual:
			tests = append(tests, program{
				loadHigh, jump(unix.BPF_JEQ, high, 0, toNext),
				loadLow, jump(unix.BPF_JEQ, value, toFail, 0),
			})
		case specs.OpLessThan:
			tests = append(tests, program{
				loadHigh, jump(unix.BPF_JGT, high, toFail, 0), jump(unix.BPF_JEQ, high, 0, toNext),
				loadLow, jump(unix.BPF_JGE, value, toFail, 0),
			})
		case specs.OpMaskedEqual:
			and := func(k uint32) unix.SockFilter {
				return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: k}
			}
			tests = append(tests, program{
				loadHigh, and(high), jump(unix.BPF_JEQ, uint32(arg.ValueTwo>>32), 0, toFail),
				loadLow, and(value), jump(unix.BPF_JEQ, uint32(arg.ValueTwo), 0, toFail),
			})
		default:
			return nil, fmt.Errorf("condition %s is not known", arg.Op)
		}
	}
	return slices.Clip(tests), nil
}
