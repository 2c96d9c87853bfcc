package shim

// Isolation sets a task apart from the node: it has a root directory and namespaces
// of its own, and fewer rights than its user would have.
type Isolation struct {
	// HostPID and HostIPC leave the task in these namespaces of the node.
	HostPID bool
	HostIPC bool
	// NoPivotRoot makes the root by moving and chroot, for nodes that run from a RAM
	// disk, whose root can't be pivoted.
	NoPivotRoot bool
	NetNS       string // path of the network namespace; empty: the node's
	Hostname    string // empty: the node's
	// Root is the directory, the task's own, that becomes its /.
	Root string
	// Scratch is an empty directory of the task's state, for what is mounted only while
	// the root is made.
	Scratch string
	Mounts  []Mount // in this order
	// Caps are the capabilities that the task can have: bit n is capability n. A user
	// other than root has them from the start.
	Caps uint64
	// Filter is the seccomp filter, a list of struct sock_filter; empty: none.
	Filter []byte
}

// Mount is something that the task finds in its root.
type Mount struct {
	Source string // on the node
	Target string // in the root, absolute
	How    MountFlags
}

// MountFlags say how something is mounted. Devices, but for those of MountDevice, and
// set-user-ID programs have no effect below any mount.
type MountFlags uint32

// The flags.
const (
	MountReadOnly MountFlags = 1 << iota
	MountOptional            // leave it out when the node has no Source
	// MountOverlay lets there be places for further mounts below Target that Source
	// does not have.
	MountOverlay
	// MountHidden makes Target, if it is there, empty. There is no Source.
	MountHidden
	// MountOwn: Source belongs to tasks, which may have put a link in its place; a link
	// is an error.
	MountOwn
	MountFollows // mounts that the node makes later below Source are seen
	MountShared  // so they are, and those of the task are seen by the node
	MountDevice  // Source is a device, and Target a file in /dev; the task may use it as its mode allows
)

// Group is a control group that the task runs in.
type Group struct {
	Path     string
	Settings []Setting // written when it has been made
	// Found says that the group is somebody else's: it is not made, and stays.
	Found bool
}

// Setting is a file of a control group and what is to be written to it.
type Setting struct {
	File  string
	Value string
	// Optional says that the task runs also where the kernel has no such file.
	Optional bool
}

// Member is a running process: a process ID is only good with its start time.
type Member struct {
	PID   int
	Start uint64 // clock ticks since boot
}

func appendIsolation(b []byte, i *Isolation) []byte {
	b = appendBool(b, i != nil)
	if i == nil {
		return b
	}
	b = appendBool(b, i.HostPID)
	b = appendBool(b, i.HostIPC)
	b = appendBool(b, i.NoPivotRoot)
	b = appendStrings(b, []string{i.NetNS, i.Hostname, i.Root, i.Scratch})
	b = appendNumber(b, uint64(len(i.Mounts)))
	for _, m := range i.Mounts {
		b = appendString(b, m.Source)
		b = appendString(b, m.Target)
		b = appendNumber(b, uint64(m.How))
	}
	b = appendNumber(b, i.Caps)
	return appendString(b, string(i.Filter))
}

func (r *specReader) isolation() *Isolation {
	if !r.bool() {
		return nil
	}
	i := &Isolation{HostPID: r.bool(), HostIPC: r.bool(), NoPivotRoot: r.bool()}
	const texts = 4
	if list := r.strings(); len(list) == texts {
		i.NetNS, i.Hostname, i.Root, i.Scratch = list[0], list[1], list[2], list[3]
	} else {
		r.bad = true
	}
	for range r.length() {
		i.Mounts = append(i.Mounts, Mount{Source: r.string(), Target: r.string(), How: MountFlags(r.number(1<<32 - 1))})
	}
	i.Caps = r.number(1<<64 - 1)
	if filter := r.string(); filter != "" {
		i.Filter = []byte(filter)
	}
	return i
}

func appendGroups(b []byte, groups []Group) []byte {
	b = appendNumber(b, uint64(len(groups)))
	for _, g := range groups {
		b = appendString(b, g.Path)
		b = appendBool(b, g.Found)
		b = appendNumber(b, uint64(len(g.Settings)))
		for _, s := range g.Settings {
			b = appendString(b, s.File)
			b = appendString(b, s.Value)
			b = appendBool(b, s.Optional)
		}
	}
	return b
}

func (r *specReader) groups() []Group {
	var list []Group
	for range r.length() {
		g := Group{Path: r.string(), Found: r.bool()}
		for range r.length() {
			g.Settings = append(g.Settings, Setting{File: r.string(), Value: r.string(), Optional: r.bool()})
		}
		list = append(list, g)
	}
	return list
}

func appendMember(b []byte, m *Member) []byte {
	b = appendBool(b, m != nil)
	if m == nil {
		return b
	}
	return appendNumber(appendNumber(b, uint64(m.PID)), m.Start)
}

func (r *specReader) member() *Member {
	if !r.bool() {
		return nil
	}
	return &Member{PID: int(r.number(1<<31 - 1)), Start: r.number(1<<64 - 1)}
}
