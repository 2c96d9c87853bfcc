package allocdir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/logs"
)

// ReadFile returns the content of a file that a task may have put there, if it is one and
// has at most max bytes; else the error is logs.ErrNotRegular or api.ErrTooLarge.
func ReadFile(root *os.Root, name string, max int64) ([]byte, error) {
	f, err := logs.OpenRegular(root, name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(content)) > max {
		err = fmt.Errorf("%s: %w", name, api.ErrTooLarge)
	}
	return content, errors.Join(err, f.Close())
}

// WriteFile puts a file into a place, as a whole or not at all, whatever a task may have
// put there: what is there, but for a directory, is replaced and never written to. adorn,
// which may be nil, sees to its mode and owner before it is in its place.
func WriteFile(root *os.Root, name string, content []byte, adorn func(name string) error) error {
	fresh := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	if err := root.RemoveAll(fresh); err != nil {
		return err
	}
	f, err := root.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil && adorn != nil {
		err = adorn(fresh)
	}
	if err == nil {
		err = root.Rename(fresh, name)
	}
	return err
}
