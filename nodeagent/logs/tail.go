package logs

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Tail reads a file that others write. It must be closed, and is for one goroutine.
type Tail struct {
	dir    *os.Root
	name   string
	file   *os.File
	offset int64
	gone   bool
}

// OpenTail opens a file at an offset, from its first byte or, with fromEnd, back from
// the last; one beyond the other end is that end. ErrNotRegular: it is not a file. The
// Tail uses dir until it is closed.
func OpenTail(dir *os.Root, name string, offset int64, fromEnd bool) (*Tail, error) {
	f, err := OpenRegular(dir, name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	offset = min(offset, info.Size())
	if fromEnd {
		offset = info.Size() - offset
	}
	return &Tail{dir: dir, name: name, file: f, offset: offset}, nil
}

// Next reads into p and returns a Piece whose Data is a part of p. io.EOF: there is
// nothing more at present, or, after the Event Deleted, for ever.
func (t *Tail) Next(p []byte) (Piece, error) {
	if t.gone {
		return Piece{}, io.EOF
	}
	piece, err := t.read(p)
	if !errors.Is(err, io.EOF) {
		return piece, err
	}
	info, err := t.file.Stat()
	if err != nil {
		return Piece{}, err
	}
	if info.Size() < t.offset {
		t.offset = 0
		return Piece{File: t.name, Event: Truncated}, nil
	}
	there, err := t.dir.Stat(t.name)
	if err == nil && os.SameFile(there, info) {
		return Piece{}, io.EOF
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Piece{}, err
	}
	// Deleted, or another file is in its place: what was written until then comes first.
	piece, err = t.read(p)
	if errors.Is(err, io.EOF) {
		t.gone = true
		return Piece{File: t.name, Offset: t.offset, Event: Deleted}, nil
	}
	return piece, err
}

func (t *Tail) read(p []byte) (Piece, error) {
	n, err := t.file.ReadAt(p, t.offset)
	if n == 0 {
		return Piece{}, err
	}
	t.offset += int64(n)
	return Piece{File: t.name, Offset: t.offset, Data: p[:n]}, nil
}

// Close closes the file.
func (t *Tail) Close() error { return t.file.Close() }
