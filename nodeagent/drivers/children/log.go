package children

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/logs"
)

// log writes the output of a task into files that are rotated.
type log struct {
	to driver.LogFile

	mu    sync.Mutex // guards the rest
	file  *os.File
	index int64
	size  int64
}

func newLog(to driver.LogFile) *log { return &log{to: to, index: last(to)} }

// last returns the index of the newest file that is there, or 0.
func last(to driver.LogFile) int64 {
	var newest int64
	entries, err := os.ReadDir(to.Dir)
	if err != nil {
		return 0 // writing will say why
	}
	for _, e := range entries {
		if i, ok := logs.Index(e.Name(), to.Prefix); ok {
			newest = max(newest, i)
		}
	}
	return newest
}

// Write implements io.Writer. A task goes on when its output can't be written.
func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := b; len(rest) > 0 && !l.to.Disabled; {
		if l.open() != nil {
			break
		}
		n := l.portion(rest)
		written, err := l.file.Write(rest[:n])
		l.size += int64(written)
		if err != nil {
			break
		}
		rest = rest[n:]
		if l.to.MaxBytes > 0 && l.size >= l.to.MaxBytes && l.rotate() != nil {
			break
		}
	}
	return len(b), nil
}

// portion returns how much of what is to be written goes into this file: whole lines, as
// many as there is room for. One that has begun is ended, however long it is.
func (l *log) portion(b []byte) int {
	room := l.to.MaxBytes - l.size
	if l.to.MaxBytes <= 0 || int64(len(b)) <= room {
		return len(b)
	}
	if end := bytes.LastIndexByte(b[:room], '\n'); end >= 0 {
		l.size = l.to.MaxBytes // it is full
		return end + 1
	}
	if end := bytes.IndexByte(b, '\n'); end >= 0 {
		return end + 1
	}
	return len(b)
}

func (l *log) open() error {
	if l.file != nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(l.to.Dir, logs.Name(l.to.Prefix, l.index)), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	if l.to.MaxBytes > 0 && l.size >= l.to.MaxBytes {
		if err := l.rotate(); err != nil {
			return err
		}
		return l.open()
	}
	return nil
}

// rotate goes on to the next file, and removes the one that is too many.
func (l *log) rotate() error {
	err := l.file.Close()
	l.file, l.size = nil, 0
	l.index++
	if old := l.index - int64(max(l.to.MaxFiles, 1)); old >= 0 {
		if gone := os.Remove(filepath.Join(l.to.Dir, logs.Name(l.to.Prefix, old))); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

func (l *log) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
