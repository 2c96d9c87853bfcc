package artifact

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// makeDirs makes a directory in root with those above it, following no link out of it.
// Those that it makes belong to the owner, if there is one.
func makeDirs(root *os.Root, name string, owner *Owner) error {
	done := "."
	for part := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		done = path.Join(done, part)
		err := root.Mkdir(done, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil && owner != nil {
			err = root.Lchown(done, owner.UID, owner.GID)
		}
		if err != nil {
			return err
		}
	}
	info, err := root.Stat(name)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
	}
	return err
}

// inspect looks through what was fetched for what nobody should fetch: links that lead
// out of it, and what is neither file nor directory.
func inspect(root *os.Root, top string) error {
	return fs.WalkDir(root.FS(), top, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		within, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		switch kind := e.Type(); {
		case kind.IsDir() || kind.IsRegular():
			return nil
		case kind&fs.ModeSymlink == 0:
			return hopeless(within + " in it is a device, a socket or a pipe")
		}
		target, err := root.Readlink(name)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(within), target)) {
			return hopeless("the link " + within + " in it leads out of it, to " + target)
		}
		return nil
	})
}

// move puts what is at one place into another: directories into those that are there,
// everything else in place of what is there.
func move(root *os.Root, from, to string) error {
	return fs.WalkDir(root.FS(), from, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		place := filepath.Join(to, rel)
		there, err := root.Stat(place)
		if e.IsDir() && err == nil && there.IsDir() {
			return nil
		}
		if err := root.RemoveAll(place); err != nil {
			return err
		}
		err = root.Rename(name, place)
		switch {
		case errors.Is(err, syscall.EXDEV):
			return copyOne(root, name, place, e)
		case err == nil && e.IsDir():
			return fs.SkipDir
		}
		return err
	})
}

// copyOne copies a file, a link, or a directory without what is in it, with its owner.
func copyOne(root *os.Root, from, to string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	switch {
	case e.IsDir():
		err = root.Mkdir(to, info.Mode().Perm())
	case e.Type()&fs.ModeSymlink != 0:
		var target string
		if target, err = root.Readlink(from); err == nil {
			err = root.Symlink(target, to)
		}
	default:
		err = copyFile(root, from, to, info.Mode().Perm())
	}
	if err != nil {
		return err
	}
	return keepOwner(root, to, info)
}

func copyFile(root *os.Root, from, to string, mode fs.FileMode) (err error) {
	in, err := root.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// chown gives a place with all that is in it to somebody, following no links.
func chown(root *os.Root, place string, owner Owner) error {
	return fs.WalkDir(root.FS(), place, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(name, owner.UID, owner.GID)
	})
}
