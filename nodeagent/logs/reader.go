package logs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// Event is what happened to a file beside growing. The texts are those of the API.
type Event string

// Events.
const (
	Truncated Event = "file truncated"
	Deleted   Event = "file deleted" // there is nothing more to come
)

// Piece is a part of a stream: Data, or an Event.
type Piece struct {
	File   string // name in its directory
	Offset int64  // in File, behind Data
	Data   []byte
	Event  Event
}

// Options say what to read.
type Options struct {
	// Offset is where to start, in bytes of the files that there are, counted from the
	// first byte or, with FromEnd, back from the last.
	Offset  int64
	FromEnd bool
	// Follow reads on as files grow and are added. Otherwise the stream ends where it
	// ended when it was opened.
	Follow bool
}

// Reader reads an output of a task through its rotated files. It must be closed, and
// is for one goroutine.
type Reader struct {
	dir    *os.Root
	prefix string
	file   *os.File
	index  int64
	offset int64
	sealed bool // a later file is there: this one does not grow any more
	bound  *bound
}

// bound is where a stream that is not followed ends.
type bound struct {
	index int64
	size  int64
}

// logFile is a file of an output.
type logFile struct {
	index int64
	size  int64
}

// Open opens an output, of which the directory has at least one file; otherwise the
// error is fs.ErrNotExist. The Reader uses dir until it is closed.
func Open(dir *os.Root, prefix string, o Options) (*Reader, error) {
	for {
		files, err := list(dir, prefix)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("output %s: %w", prefix, fs.ErrNotExist)
		}
		r := &Reader{dir: dir, prefix: prefix}
		if !o.Follow {
			last := files[len(files)-1]
			r.bound = &bound{last.index, last.size}
		}
		at, offset := locate(files, o.Offset, o.FromEnd)
		err = r.open(files[at].index, offset)
		if err == nil {
			return r, nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // else it was rotated away: look again
			return nil, err
		}
	}
}

// Next reads into p and returns a Piece whose Data is a part of p. io.EOF: there is
// nothing more, with Follow at present.
func (r *Reader) Next(p []byte) (Piece, error) {
	for {
		n, err := r.file.ReadAt(r.bounded(p), r.offset)
		if n > 0 {
			r.offset += int64(n)
			return Piece{File: r.name(), Offset: r.offset, Data: p[:n]}, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return Piece{}, err
		}
		if r.bound != nil && r.index >= r.bound.index {
			return Piece{}, io.EOF
		}
		if r.sealed {
			if err := r.advance(); err != nil {
				return Piece{}, err
			}
			continue
		}
		if piece, ok, err := r.restart(); ok || err != nil {
			return piece, err
		}
		// Once there is a later file this one is complete: read the rest of it, which may
		// have been written after the look at it above, then go on.
		if _, r.sealed, err = r.later(); err != nil {
			return Piece{}, err
		}
		if !r.sealed {
			return Piece{}, io.EOF
		}
	}
}

// Close closes the file that is being read.
func (r *Reader) Close() error { return r.file.Close() }

func (r *Reader) name() string { return Name(r.prefix, r.index) }

// bounded cuts p to what may be read of the last file.
func (r *Reader) bounded(p []byte) []byte {
	if r.bound == nil || r.index < r.bound.index {
		return p
	}
	return p[:max(0, min(int64(len(p)), r.bound.size-r.offset))]
}

// restart begins the file again if it has become shorter than what was read of it.
func (r *Reader) restart() (Piece, bool, error) {
	info, err := r.file.Stat()
	if err != nil || info.Size() >= r.offset {
		return Piece{}, false, err
	}
	r.offset = 0
	return Piece{File: r.name(), Event: Truncated}, true, nil
}

// later returns the first file after the present one.
func (r *Reader) later() (logFile, bool, error) {
	files, err := list(r.dir, r.prefix)
	if err != nil {
		return logFile{}, false, err
	}
	for _, f := range files {
		if f.index > r.index {
			return f, true, nil
		}
	}
	return logFile{}, false, nil
}

// advance goes on to the next file. That may have been removed since it was seen.
func (r *Reader) advance() error {
	for {
		next, ok, err := r.later()
		if err != nil {
			return err
		}
		if !ok {
			return io.EOF
		}
		old := r.file
		err = r.open(next.index, 0)
		if err == nil {
			return old.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

func (r *Reader) open(index, offset int64) error {
	f, err := OpenRegular(r.dir, Name(r.prefix, index))
	if err != nil {
		return err
	}
	r.file, r.index, r.offset, r.sealed = f, index, offset, false
	return nil
}

// list returns the files of an output, oldest first.
func list(dir *os.Root, prefix string) ([]logFile, error) {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return nil, err
	}
	var files []logFile
	for _, e := range entries {
		index, ok := Index(e.Name(), prefix)
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		files = append(files, logFile{index, info.Size()})
	}
	slices.SortFunc(files, func(x, y logFile) int { return cmp.Compare(x.index, y.index) })
	return files, nil
}

// locate returns which file to start with, and where in it. An offset beyond the
// other end is that end.
func locate(files []logFile, offset int64, fromEnd bool) (int, int64) {
	if fromEnd {
		for i := len(files) - 1; i >= 0; i-- {
			if offset <= files[i].size {
				return i, files[i].size - offset
			}
			offset -= files[i].size
		}
		return 0, 0
	}
	for i, f := range files {
		if offset < f.size {
			return i, offset
		}
		offset -= f.size
	}
	last := len(files) - 1
	return last, files[last].size
}

// ErrNotRegular says that something is a directory, a pipe or a device: nothing that
// can be read like a file.
var ErrNotRegular = errors.New("not a regular file")

// OpenRegular opens a file for reading; ErrNotRegular if it is something else. It never
// waits, as opening a pipe would.
func OpenRegular(dir *os.Root, name string) (*os.File, error) {
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), f.Close())
	}
	return f, nil
}
