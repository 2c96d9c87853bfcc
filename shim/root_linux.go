package shim

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// makeRoot makes the task's root in this thread's namespace of mounts, which nobody
// else uses yet, and enters it. Nothing of the node is left in the namespace but what
// was mounted.
//
// Places in the root, which is the task's own directory, may be links that an earlier
// run of the task has made: they are looked up from a descriptor of the root and links
// are not followed.
func makeRoot(iso *Isolation) error {
	r := &root{iso: iso, fd: -1}
	if err := r.openSources(); err != nil {
		return err
	}
	// From here on nothing that happens is seen by the node.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return failed("part from the mounts of the node", err)
	}
	for _, step := range []func() error{r.mountScratch, r.mountSelf, r.mountKernel, r.mountSources, r.protect, r.enter} {
		if err := step(); err != nil {
			return failed("make the task's root", err)
		}
	}
	return nil
}

type root struct {
	iso      *Isolation
	fd       int   // the root
	trees    []int // of the mounts, by their index; absent: there is none
	overlays []int // trees that are to become read-only
	empty    int   // a directory without anything in it, to hide others with
	null     int   // a device, to hide files with
}

const absent = -1

// ownAttr are those of all mounts.
const ownAttr = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV

// openSources takes copies of the trees that are to be mounted, as long as they have
// to do with the mounts of the node.
func (r *root) openSources() (err error) {
	if r.fd, err = openTree(r.iso.Root, MountOwn); err != nil {
		return failed("open "+r.iso.Root, err)
	}
	r.trees = make([]int, len(r.iso.Mounts))
	for i, m := range r.iso.Mounts {
		r.trees[i] = absent
		if m.How&(MountHidden|MountOverlay) != 0 {
			continue
		}
		r.trees[i], err = openTree(m.Source, m.How)
		if errors.Is(err, unix.ENOENT) && m.How&MountOptional != 0 {
			r.trees[i], err = absent, nil
		}
		if err != nil {
			return failed("open "+m.Source, err)
		}
	}
	return nil
}

// openTree copies the tree of mounts at a path.
func openTree(source string, how MountFlags) (int, error) {
	flags := unix.O_PATH | unix.O_CLOEXEC
	if how&MountOwn != 0 {
		flags |= unix.O_NOFOLLOW | unix.O_DIRECTORY
	}
	fd, err := unix.Open(source, flags, 0)
	if err != nil {
		return absent, err
	}
	defer unix.Close(fd)
	tree, err := unix.OpenTree(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return absent, err
	}
	attr := unix.MountAttr{Attr_set: ownAttr}
	if how&MountReadOnly != 0 {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if how&MountDevice != 0 {
		attr.Attr_set &^= unix.MOUNT_ATTR_NODEV
	}
	switch {
	case how&MountShared != 0: // as it is
	case how&MountFollows != 0:
		attr.Propagation = unix.MS_SLAVE
	default:
		attr.Propagation = unix.MS_PRIVATE
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		return absent, errors.Join(err, unix.Close(tree))
	}
	return tree, nil
}

// mountScratch mounts a small file system for what overlays and hidden places need. It
// goes with the mounts that use it.
func (r *root) mountScratch() (err error) {
	err = unix.Mount("tmpfs", r.iso.Scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,mode=0755")
	if err != nil {
		return err
	}
	empty := path.Join(r.iso.Scratch, "empty")
	if err := unix.Mkdir(empty, 0o555); err != nil {
		return err
	}
	r.empty, err = unix.Open(empty, unix.O_PATH|unix.O_CLOEXEC, 0)
	return err
}

// mountSelf makes the root a mount.
func (r *root) mountSelf() error {
	return unix.MoveMount(r.fd, "", unix.AT_FDCWD, r.iso.Root, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// mountSources mounts what the task is to find, each where it belongs.
func (r *root) mountSources() error {
	for i, m := range r.iso.Mounts {
		var err error
		switch {
		case m.How&MountHidden != 0:
			err = r.hide(m.Target)
		case m.How&MountOverlay != 0:
			r.trees[i], err = r.overlay(m.Source, strconv.Itoa(i))
			if errors.Is(err, unix.ENOENT) && m.How&MountOptional != 0 {
				continue
			}
			if err == nil && m.How&MountReadOnly != 0 {
				r.overlays = append(r.overlays, r.trees[i])
			}
			fallthrough
		default:
			if err == nil && r.trees[i] != absent {
				err = r.attach(r.trees[i], m.Target)
			}
		}
		if err != nil {
			return failed("mount "+m.Source+" at "+m.Target, err)
		}
	}
	return nil
}

// overlay makes a tree that shows a directory of the node, in which places for mounts
// can be made.
func (r *root) overlay(source, name string) (int, error) {
	if err := unix.Access(source, unix.F_OK); err != nil {
		return absent, err
	}
	above := path.Join(r.iso.Scratch, name)
	upper, work := path.Join(above, "upper"), path.Join(above, "work")
	for _, dir := range []string{above, upper, work} {
		if err := unix.Mkdir(dir, 0o755); err != nil {
			return absent, err
		}
	}
	// In the list of lower directories a colon stands between two.
	lower := strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`).Replace(source)
	return makeFS("overlay", ownAttr, "lowerdir", lower, "upperdir", upper, "workdir", work)
}

// makeFS makes a file system that is not mounted anywhere yet. The options are names
// and values in turn.
func makeFS(kind string, attr int, options ...string) (int, error) {
	fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return absent, failed("make a file system "+kind, err)
	}
	defer unix.Close(fs)
	for i := 0; i+1 < len(options); i += 2 {
		if options[i+1] == "" {
			err = unix.FsconfigSetFlag(fs, options[i])
		} else {
			err = unix.FsconfigSetString(fs, options[i], options[i+1])
		}
		if err != nil {
			return absent, failed(kind+": "+options[i], err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return absent, failed("make a file system "+kind, err)
	}
	tree, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attr)
	return tree, failed("make a file system "+kind, err)
}

// attach mounts a tree in the root.
func (r *root) attach(tree int, target string) error {
	var st unix.Stat_t
	if err := unix.Fstat(tree, &st); err != nil {
		return err
	}
	place, err := r.place(target, st.Mode&unix.S_IFMT == unix.S_IFDIR)
	if err != nil {
		return err
	}
	defer unix.Close(place)
	return unix.MoveMount(tree, "", place, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// look opens a place in the root; a link is unix.ELOOP.
func (r *root) look(dir int, name string) (int, error) {
	return unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// place opens a place for a mount, and makes it if it is not there. A link in its own
// place makes way for it.
func (r *root) place(target string, isDir bool) (int, error) {
	name := strings.TrimPrefix(path.Clean("/"+target), "/")
	if name == "" {
		return absent, errors.New("it can't be the root itself")
	}
	parent, last := path.Split(name)
	dir, err := r.directory(path.Clean(parent))
	if err != nil {
		return absent, err
	}
	defer unix.Close(dir)
	fd, err := r.look(dir, last)
	if errors.Is(err, unix.ELOOP) {
		if err := unix.Unlinkat(dir, last, 0); err != nil {
			return absent, err
		}
		err = unix.ENOENT
	}
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	if isDir {
		err = unix.Mkdirat(dir, last, 0o755)
	} else {
		err = unix.Mknodat(dir, last, unix.S_IFREG|0o644, 0)
	}
	if err != nil {
		return absent, err
	}
	return r.look(dir, last)
}

// directory opens a directory below the root, and makes it if it is not there.
func (r *root) directory(name string) (int, error) {
	dir, err := unix.FcntlInt(uintptr(r.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil || name == "." {
		return dir, err
	}
	for part := range strings.SplitSeq(name, "/") {
		next, err := r.look(dir, part)
		if errors.Is(err, unix.ENOENT) {
			if err = unix.Mkdirat(dir, part, 0o755); err == nil {
				next, err = r.look(dir, part)
			}
		}
		if err := errors.Join(err, unix.Close(dir)); err != nil {
			return absent, failed(name, err)
		}
		dir = next
	}
	return dir, nil
}

// hide makes what is at a place, if there is anything, empty.
func (r *root) hide(target string) error {
	place, err := r.look(r.fd, strings.TrimPrefix(path.Clean("/"+target), "/"))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil // what a link leads to is hidden where it is, if it is to be
	}
	if err != nil {
		return err
	}
	defer unix.Close(place)
	var st unix.Stat_t
	if err := unix.Fstat(place, &st); err != nil {
		return err
	}
	cover := r.null
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		cover = r.empty
	}
	tree, err := unix.OpenTree(cover, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return err
	}
	return unix.MoveMount(tree, "", place, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// protect makes the overlays read-only, now that all places in them are made.
func (r *root) protect() error {
	for _, tree := range r.overlays {
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return err
		}
	}
	return nil
}

// enter makes the root this process's, and that of the keeper of the namespaces.
func (r *root) enter() error {
	if err := unix.Fchdir(r.fd); err != nil {
		return err
	}
	if r.iso.NoPivotRoot {
		err := unix.Mount(".", "/", "", unix.MS_MOVE, "")
		if err == nil {
			err = unix.Chroot(".")
		}
		return errors.Join(err, unix.Chdir("/"))
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return failed("pivot (no_pivot_root = true does without)", err)
	}
	// The old root is mounted over the new one, as they were given by one name.
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	return unix.Chdir("/")
}
