package fsm

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// failStop is a file system on which the first write that fails ends the machine. Pebble
// does so too, but by a panic deep inside, or not before the next write.
//
// Tables are left to Pebble: what they hold is in its log until they are written, and
// it tries again, after a pause that is made here because it makes none. Until there
// is room the machine goes on as far as memory lets it, and then waits.
//
// Until it is armed it does nothing: Open can still return an error.
type failStop struct {
	vfs.FS
	armed atomic.Bool
	fatal func(error)
	pause time.Duration
	done  chan struct{} // ends pauses
}

func (f *failStop) failed(what, name string, err error) error {
	if err == nil || !f.armed.Load() {
		return err
	}
	err = fmt.Errorf("%s the state: %w", what, err)
	if filepath.Ext(name) != ".sst" {
		f.fatal(err)
		return err
	}
	t := time.NewTimer(f.pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.done:
	}
	return err
}

func (f *failStop) file(name string, file vfs.File, err error) (vfs.File, error) {
	if err = f.failed("open", name, err); err != nil {
		return nil, err
	}
	return &failStopFile{file, name, f}, nil
}

// Create implements vfs.FS.
func (f *failStop) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return f.file(name, file, err)
}

// ReuseForWrite implements vfs.FS.
func (f *failStop) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(from, to, c)
	return f.file(to, file, err)
}

// OpenReadWrite implements vfs.FS.
func (f *failStop) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name, c, o...)
	return f.file(name, file, err)
}

// OpenDir implements vfs.FS.
func (f *failStop) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	return f.file(name, file, err)
}

// Rename implements vfs.FS.
func (f *failStop) Rename(from, to string) error {
	return f.failed("rename to", to, f.FS.Rename(from, to))
}

// Unwrap implements vfs.FS.
func (f *failStop) Unwrap() vfs.FS { return f.FS }

// failStopFile is a file that is written.
type failStopFile struct {
	vfs.File
	name string
	fs   *failStop
}

// Write implements vfs.File.
func (f *failStopFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.fs.failed("write", f.name, err)
}

// Sync implements vfs.File.
func (f *failStopFile) Sync() error { return f.fs.failed("sync", f.name, f.File.Sync()) }

// SyncData implements vfs.File.
func (f *failStopFile) SyncData() error { return f.fs.failed("sync", f.name, f.File.SyncData()) }

// SyncTo implements vfs.File.
func (f *failStopFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.fs.failed("sync", f.name, err)
}
