package shim

import (
	"errors"
	"strings"
)

// Spec is what a shim is to run.
type Spec struct {
	// Path is the program, absolute; of a task with Isolation it may be a name, which is
	// looked for in /local, / and the PATH of Env, in the task's root.
	Path string
	Args []string // with the program's name as the first
	Env  []string // NAME=value; nothing is added
	Dir  string   // working directory
	// User is whose rights the task has; nil means those of the shim.
	User   *User
	Stdout Output
	Stderr Output
	// Cgroup is a directory in a cgroup2 file system to make and to run the task in;
	// the task runs without when it can't be made. Empty: none.
	Cgroup string
	// Cores are those that the task runs on, by their numbers; empty: any.
	Cores []uint16
	// Network is where a task that is not isolated runs, if not in the shim's own network.
	Network *Network
	// Groups are further control groups that the task runs in. Cgroup may be among them,
	// for its settings. What can't be made or set keeps the task from starting.
	Groups []Group
	// OOMScoreAdj is how much likelier the kernel kills the task when memory is short,
	// from -1000 to 1000; 0 leaves it as the shim's.
	OOMScoreAdj int
	// Isolation sets the task apart; nil: it runs as a process of the node.
	Isolation *Isolation
	// Beside is the task, with the same Isolation, in whose namespaces to run.
	Beside *Member
}

// Network is a network that a task runs in, and the files by which it finds names there.
type Network struct {
	Namespace string // path; empty: that of the shim
	Hosts     string // seen as /etc/hosts; empty: the machine's own
	Resolv    string // seen as /etc/resolv.conf; empty: the machine's own
}

// staged reports whether starting the program takes more than a fork can do.
func (s *Spec) staged() bool { return s.Isolation != nil || len(s.Groups) > 0 }

// extended reports whether the spec has what only shims since spec 3 can do.
func (s *Spec) extended() bool {
	return s.staged() || s.OOMScoreAdj != 0 || s.Beside != nil || s.Network != nil
}

// User is the rights of a task.
type User struct {
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary
}

// Output says where an output of the task goes: to Dir/Prefix.0, then .1 and so on.
type Output struct {
	Dir      string
	Prefix   string
	MaxFiles int   // that are kept; 0 means 10
	MaxBytes int64 // of one file; 0 means 10 MiB
	Disabled bool  // to nowhere
}

// specMagic opens an encoded Spec and names its version. One with cores, or with more,
// is of a later version, which only those are: a shim that could not pin its task, or
// not isolate it, must not run it.
const (
	specMagic         = "drover-shim spec 1\n"
	specMagicCores    = "drover-shim spec 2\n"
	specMagicExtended = "drover-shim spec 3\n"
)

// leastOOMScore is the lowest OOMScoreAdj; it is added, so that no number is negative.
const leastOOMScore = -1000

var errSpec = errors.New("not a task description of this version of drover-shim")

// Encode returns the bytes of DIR/spec.
func (s *Spec) Encode() []byte {
	b := []byte(specMagic)
	switch {
	case s.extended():
		b = []byte(specMagicExtended)
	case len(s.Cores) > 0:
		b = []byte(specMagicCores)
	}
	b = appendString(b, s.Path)
	b = appendStrings(b, s.Args)
	b = appendStrings(b, s.Env)
	b = appendString(b, s.Dir)
	b = appendUser(b, s.User)
	b = appendOutput(b, s.Stdout)
	b = appendOutput(b, s.Stderr)
	b = appendString(b, s.Cgroup)
	if len(s.Cores) > 0 || s.extended() {
		b = appendCores(b, s.Cores)
	}
	if s.extended() {
		b = appendGroups(b, s.Groups)
		b = appendNumber(b, uint64(max(s.OOMScoreAdj-leastOOMScore, 0)))
		b = appendIsolation(b, s.Isolation)
		b = appendMember(b, s.Beside)
		b = appendNetwork(b, s.Network)
	}
	return b
}

// DecodeSpec is the inverse of Encode.
func DecodeSpec(b []byte) (*Spec, error) {
	magic, body, _ := strings.Cut(string(b), "\n")
	plain, pinned, extended := magic+"\n" == specMagic, magic+"\n" == specMagicCores, magic+"\n" == specMagicExtended
	if !plain && !pinned && !extended {
		return nil, errSpec
	}
	r := specReader{rest: body}
	s := &Spec{
		Path:   r.string(),
		Args:   r.strings(),
		Env:    r.strings(),
		Dir:    r.string(),
		User:   r.user(),
		Stdout: r.output(),
		Stderr: r.output(),
		Cgroup: r.string(),
	}
	if pinned || extended {
		s.Cores = r.cores()
		r.bad = r.bad || pinned && len(s.Cores) == 0
	}
	if extended {
		s.Groups = r.groups()
		s.OOMScoreAdj = int(r.number(-2*leastOOMScore)) + leastOOMScore
		s.Isolation = r.isolation()
		s.Beside = r.member()
		s.Network = r.network()
		r.bad = r.bad || !s.extended()
	}
	if r.bad || r.rest != "" {
		return nil, errSpec
	}
	return s, nil
}

// appendNumber appends n, seven bits a byte, the lowest first; the last byte is below 0x80.
func appendNumber(b []byte, n uint64) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

func appendString(b []byte, s string) []byte {
	return append(appendNumber(b, uint64(len(s))), s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = appendNumber(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendUser(b []byte, u *User) []byte {
	if u == nil {
		return appendBool(b, false)
	}
	b = appendBool(b, true)
	b = appendNumber(b, uint64(u.UID))
	b = appendNumber(b, uint64(u.GID))
	b = appendNumber(b, uint64(len(u.Groups)))
	for _, g := range u.Groups {
		b = appendNumber(b, uint64(g))
	}
	return b
}

func appendOutput(b []byte, o Output) []byte {
	b = appendString(b, o.Dir)
	b = appendString(b, o.Prefix)
	b = appendNumber(b, uint64(max(o.MaxFiles, 0)))
	b = appendNumber(b, uint64(max(o.MaxBytes, 0)))
	return appendBool(b, o.Disabled)
}

func appendNetwork(b []byte, n *Network) []byte {
	b = appendBool(b, n != nil)
	if n == nil {
		return b
	}
	return appendStrings(b, []string{n.Namespace, n.Hosts, n.Resolv})
}

func appendCores(b []byte, cores []uint16) []byte {
	b = appendNumber(b, uint64(len(cores)))
	for _, id := range cores {
		b = appendNumber(b, uint64(id))
	}
	return b
}

// specReader takes an encoded Spec apart; bad is set at the first thing that does
// not fit, and everything after it reads as zero.
type specReader struct {
	rest string
	bad  bool
}

func (r *specReader) number(limit uint64) uint64 {
	const longest = 10 // bytes of 64 bits
	var n uint64
	for i := 0; i < min(len(r.rest), longest); i++ {
		n |= uint64(r.rest[i]&0x7f) << (7 * i)
		if r.rest[i] < 0x80 {
			r.rest = r.rest[i+1:]
			if n > limit {
				break
			}
			return n
		}
	}
	r.bad, r.rest = true, ""
	return 0
}

// length reads the length of something whose elements take a byte at least.
func (r *specReader) length() int { return int(r.number(uint64(len(r.rest)))) }

func (r *specReader) string() string {
	n := r.length()
	if n > len(r.rest) {
		r.bad, r.rest = true, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *specReader) strings() []string {
	n := r.length()
	if n == 0 {
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, r.string())
	}
	return list
}

func (r *specReader) bool() bool { return r.number(1) == 1 }

func (r *specReader) user() *User {
	if !r.bool() {
		return nil
	}
	const maxID = 1<<32 - 1
	u := &User{UID: uint32(r.number(maxID)), GID: uint32(r.number(maxID))}
	for range r.length() {
		u.Groups = append(u.Groups, uint32(r.number(maxID)))
	}
	return u
}

func (r *specReader) output() Output {
	return Output{
		Dir:      r.string(),
		Prefix:   r.string(),
		MaxFiles: int(r.number(1<<31 - 1)),
		MaxBytes: int64(r.number(1<<63 - 1)),
		Disabled: r.bool(),
	}
}

func (r *specReader) network() *Network {
	if !r.bool() {
		return nil
	}
	const texts = 3
	list := r.strings()
	if len(list) != texts {
		r.bad = true
		return nil
	}
	return &Network{Namespace: list[0], Hosts: list[1], Resolv: list[2]}
}

func (r *specReader) cores() []uint16 {
	const highest = 1<<16 - 1
	var list []uint16
	for range r.length() {
		list = append(list, uint16(r.number(highest)))
	}
	return list
}
