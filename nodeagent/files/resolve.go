package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/droverhq/drover/api"
)

const (
	sharedDir  = "alloc"   // of all tasks of an allocation
	logDir     = "logs"    // in sharedDir
	secretsDir = "secrets" // in the directory of each task
	maxLinks   = 40        // as the kernel has it
	maxPath    = 4096      // bytes; as the kernel has it
)

var errEscape = errors.New("path escapes the allocation's directory")

// resolve returns the name in root, without links, of what a path leads to. The path
// is relative to root, as are those of links but the absolute ones that lead into
// rootDir. The error is errEscape when it leads out of root, api.ErrDenied when it
// leads into the secrets of a task.
//
// A task may put another link in place between this and the use of the name: os.Root
// then still keeps it inside, and a task can only uncover its own secrets so.
func resolve(root *os.Root, rootDir, asked string) (string, error) {
	name, err := follow(root, rootDir, asked)
	if err != nil {
		const shown = 200 // bytes are enough to know it by
		return "", fmt.Errorf("path %q: %w", asked[:min(len(asked), shown)], err)
	}
	return name, nil
}

func follow(root *os.Root, rootDir, asked string) (string, error) {
	if strings.ContainsRune(asked, 0) || len(asked) > maxPath {
		return "", fs.ErrNotExist
	}
	todo := strings.Split(asked, "/")
	var done []string
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(done) == 0 {
				return "", errEscape
			}
			done = done[:len(done)-1]
			continue
		}
		done = append(done, part)
		if secret(done) {
			return "", fmt.Errorf("%w: the secrets of a task can't be read", api.ErrDenied)
		}
		target, err := linkAt(root, rootDir, path.Join(done...))
		if err != nil {
			return "", err
		}
		if target == nil {
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%w: too many links", fs.ErrNotExist)
		}
		done = done[:len(done)-1]
		if target.absolute {
			done = nil
		}
		todo = append(target.parts, todo...)
	}
	return path.Join(append([]string{"."}, done...)...), nil
}

// secret reports whether the name is the secrets directory of a task.
func secret(parts []string) bool {
	return len(parts) == 2 && parts[1] == secretsDir && parts[0] != sharedDir
}

// link is where a symbolic link leads: from the directory that it is in, or from root.
type link struct {
	parts    []string
	absolute bool
}

// linkAt returns where the link of the name leads; nil if it is no link.
func linkAt(root *os.Root, rootDir, name string) (*link, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, notFound(err)
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return nil, nil
	}
	target, err := root.Readlink(name)
	if err != nil {
		return nil, notFound(err)
	}
	if !filepath.IsAbs(target) {
		return &link{parts: strings.Split(filepath.ToSlash(target), "/")}, nil
	}
	inside, err := filepath.Rel(rootDir, target)
	if err != nil || !filepath.IsLocal(inside) {
		return nil, errEscape
	}
	return &link{parts: strings.Split(filepath.ToSlash(inside), "/"), absolute: true}, nil
}

// notFound makes one error of the ways in which a name may not be there.
func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
		return fs.ErrNotExist
	}
	return err
}
