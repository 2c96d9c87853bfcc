package allocdir

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/droverhq/drover/api"
)

const (
	// incoming is where a parcel is unpacked, below Root: another allocation's files as
	// long as not all of them have come.
	incoming = ".incoming"
	// parcelEnd is the name of the last entry of a parcel. No path in one is like it.
	parcelEnd = "end"
	// parcelEntries bounds how many files and directories a parcel may have.
	parcelEntries = 1 << 20
	// entryBytes is what each counts beside its contents.
	entryBytes = 4096
)

// Send writes what a successor on another node may take over (see Inherit) as a tar
// archive: files, directories and links, with their modes and the numbers of their owners.
// Files with several links are sent as several files, those with holes without.
func (d Dir) Send(w io.Writer, tasks []string) error {
	root, err := os.OpenRoot(d.Root)
	if err != nil {
		return fmt.Errorf("send files of an allocation: %w", err)
	}
	p := &packer{root: root, out: tar.NewWriter(w)}
	for _, dir := range heirlooms(tasks) {
		info, lerr := root.Lstat(dir)
		if err != nil || lerr != nil || !info.IsDir() {
			continue
		}
		err = fs.WalkDir(root.FS(), dir, p.add)
	}
	if err == nil {
		err = p.out.WriteHeader(&tar.Header{Name: parcelEnd, Typeflag: tar.TypeReg})
	}
	if err == nil {
		err = p.out.Close()
	}
	if err = errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("send files of an allocation: %w", err)
	}
	return nil
}

type packer struct {
	root *os.Root
	out  *tar.Writer
}

func (p *packer) add(path string, e fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	switch e.Type() {
	case 0:
		return p.file(path)
	case fs.ModeSymlink:
		target, err := p.root.Readlink(path)
		if err != nil {
			return err
		}
		return p.header(path, e, target)
	case fs.ModeDir:
		return p.header(path, e, "")
	}
	return nil // pipes and sockets are of no use without who is at the other end
}

func (p *packer) header(path string, e fs.DirEntry, target string) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	return p.write(path, info, target)
}

func (p *packer) write(path string, info fs.FileInfo, target string) error {
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name, h.Uname, h.Gname, h.Format = path, "", "", tar.FormatPAX
	return p.out.WriteHeader(h)
}

func (p *packer) file(path string) error {
	f, err := p.root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may be a pipe by now
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file any more", path)
	}
	if err == nil {
		err = p.write(path, info, "")
	}
	if err == nil {
		_, err = io.CopyN(p.out, f, info.Size())
	}
	return errors.Join(err, f.Close())
}

// Receive takes over what Send of another allocation has written, all of it or, after an
// error, nothing. At most limit bytes are taken, else the error is api.ErrTooLarge.
func (d Dir) Receive(r io.Reader, tasks []string, limit int64) error {
	stage := Dir{filepath.Join(d.Root, incoming)}
	err := errors.Join(d.Build(), os.RemoveAll(stage.Root))
	if err == nil {
		err = os.Mkdir(stage.Root, modePrivate)
	}
	if err == nil {
		err = stage.unpack(r, heirlooms(tasks), limit)
	}
	if err == nil {
		err = d.Inherit(stage, tasks)
	}
	if err = errors.Join(err, os.RemoveAll(stage.Root)); err != nil {
		return fmt.Errorf("receive files of an allocation: %w", err)
	}
	return nil
}

func (d Dir) unpack(r io.Reader, dirs []string, limit int64) error {
	root, err := os.OpenRoot(d.Root)
	if err != nil {
		return err
	}
	u := &unpacker{root: root, in: tar.NewReader(r), dirs: dirs, left: limit}
	return errors.Join(u.run(), root.Close())
}

type unpacker struct {
	root *os.Root
	in   *tar.Reader
	dirs []string // that are taken
	left int64    // bytes
	made []*tar.Header
}

func (u *unpacker) run() error {
	for range parcelEntries {
		h, err := u.in.Next()
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if h.Name == parcelEnd {
			return u.finish()
		}
		if u.left -= h.Size + entryBytes; h.Size < 0 || u.left < 0 {
			return fmt.Errorf("more than the ephemeral_disk may hold: %w", api.ErrTooLarge)
		}
		if err := u.entry(h); err != nil {
			return err
		}
	}
	return fmt.Errorf("more than %d files: %w", parcelEntries, api.ErrTooLarge)
}

func (u *unpacker) entry(h *tar.Header) error {
	name := filepath.Clean(h.Name)
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%q leads out of the allocation", h.Name)
	}
	if !slices.ContainsFunc(u.dirs, func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }) {
		return nil
	}
	h.Name = name
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.root.MkdirAll(name, modeRoot); err != nil {
			return err
		}
		u.made = append(u.made, h)
		return nil
	case tar.TypeSymlink:
		if err := u.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		return u.own(h)
	case tar.TypeReg:
		return u.file(h)
	}
	return fmt.Errorf("%q is neither a file nor a directory nor a link", h.Name)
}

func (u *unpacker) file(h *tar.Header) error {
	f, err := u.root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, u.in)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return u.dress(h)
}

// finish gives directories their modes, which may forbid to write to them.
func (u *unpacker) finish() error {
	for _, h := range slices.Backward(u.made) {
		if err := u.dress(h); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) dress(h *tar.Header) error {
	if err := u.own(h); err != nil {
		return err
	}
	mode := h.FileInfo().Mode() & (fs.ModePerm | fs.ModeSticky) // and no rights of its owner's for others
	return errors.Join(u.root.Chmod(h.Name, mode), u.root.Chtimes(h.Name, h.ModTime, h.ModTime))
}

func (u *unpacker) own(h *tar.Header) error {
	if os.Geteuid() != 0 {
		return nil // nor could tasks run as somebody else
	}
	return u.root.Lchown(h.Name, h.Uid, h.Gid)
}
