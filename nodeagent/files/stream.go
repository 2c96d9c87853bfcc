package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/logs"
)

const (
	// frameSize is the most that one frame carries, in bytes.
	frameSize = 64 << 10
	// writeTimeout is how long a client may take nothing.
	writeTimeout = time.Minute
)

// source is what a stream is read from: logs.Reader, logs.Tail.
type source interface {
	Next(p []byte) (logs.Piece, error)
	Close() error
}

// stream sends a file, and what is added to it.
func (h *Handler) stream(w http.ResponseWriter, r request) error {
	name, err := r.file()
	if err != nil {
		return err
	}
	offset, fromEnd, err := r.position()
	if err != nil {
		return err
	}
	limit, err := r.number("limit")
	if err != nil {
		return err
	}
	s, err := newStreaming(h, w, r, true)
	if err != nil {
		return err
	}
	tail, err := logs.OpenTail(r.root, name, offset, fromEnd)
	if err != nil {
		return err
	}
	s.source, s.limit, s.dir = tail, limit, path.Dir(name)
	return s.run(r.ctx)
}

// logs sends the output of a task.
func (h *Handler) logs(w http.ResponseWriter, r request) error {
	name, err := r.required("task")
	if err != nil {
		return err
	}
	kind := r.text("type")
	if kind != logs.Stdout && kind != logs.Stderr {
		return invalid("type", fmt.Sprintf("%q is neither stdout nor stderr", kind))
	}
	offset, fromEnd, err := r.position()
	if err != nil {
		return err
	}
	s, err := newStreaming(h, w, r, false)
	if err != nil {
		return err
	}
	task, ok := r.alloc.Tasks[name]
	if !ok {
		return fmt.Errorf("task %q: %w in this allocation", name, api.ErrNotFound)
	}
	if !task.Started {
		return fmt.Errorf("output of task %q: %w: it has not been started", name, api.ErrNotFound)
	}
	s.dir, s.ended = path.Join(sharedDir, logDir), task.Ended
	dir, err := openLogDir(r.root, s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	reader, err := logs.Open(dir, logs.Prefix(name, kind), logs.Options{Offset: offset, FromEnd: fromEnd, Follow: s.follow})
	if err != nil {
		return err
	}
	s.source = reader
	return s.run(r.ctx)
}

// openLogDir opens the log directory, which a task might have replaced by a link.
func openLogDir(root *os.Root, dir string) (*os.Root, error) {
	info, err := root.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: %w", dir, errNotDir)
	}
	return root.OpenRoot(dir)
}

// streaming is the answer of a stream.
type streaming struct {
	handler *Handler
	out     *http.ResponseController
	writer  http.ResponseWriter
	source  source
	follow  bool
	plain   bool
	limit   int64           // of bytes; 0: none
	ended   <-chan struct{} // closed: what is there is all; nil: never
	alloc   Allocation
	dir     string // of what is read, in the allocation's directory
}

func newStreaming(h *Handler, w http.ResponseWriter, r request, followAbsent bool) (*streaming, error) {
	follow, err := r.flag("follow", followAbsent)
	if err != nil {
		return nil, err
	}
	plain, err := r.flag("plain", false)
	if err != nil {
		return nil, err
	}
	return &streaming{
		handler: h, out: http.NewResponseController(w), writer: w,
		follow: follow, plain: plain, alloc: r.alloc,
	}, nil
}

// run sends until the end, and closes the source. Once it has begun to send, nothing
// can be said of an error.
func (s *streaming) run(ctx context.Context) error {
	defer func() {
		if err := s.source.Close(); err != nil {
			s.handler.log.Error(err, "Close a file", "directory", s.dir)
		}
	}()
	var changed <-chan struct{}
	if s.follow {
		sub, err := s.handler.watcher.subscribe(filepath.Join(s.alloc.Dir, s.dir))
		if err != nil { // the heartbeat looks for changes as well
			s.handler.log.Error(err, "Watch a directory", "directory", s.dir)
		} else {
			defer sub.close()
			changed = sub.changed
		}
	}
	kind := "application/json"
	if s.plain {
		kind = "text/plain"
	}
	s.writer.Header().Set("Content-Type", kind)
	defer s.setDeadline(time.Time{}) // the connection may serve other requests
	err := s.flush()                 // what a follower waits for may be long in coming
	if err == nil {
		err = s.copy(ctx, changed)
	}
	if err != nil && ctx.Err() == nil {
		s.handler.log.V(1).Info("A stream was cut short", "directory", s.dir, "reason", err.Error())
	}
	return nil
}

func (s *streaming) copy(ctx context.Context, changed <-chan struct{}) error {
	beat := time.NewTicker(s.handler.heartbeat)
	defer beat.Stop()
	buf := make([]byte, frameSize)
	for last := !s.follow; ; {
		done, err := s.drain(ctx, buf)
		if done || err != nil || last {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-s.ended:
			last = true // what it wrote before is there now
		case <-beat.C:
			if err := s.heartbeat(); err != nil {
				return err
			}
		}
	}
}

// drain sends what there is, and reports whether nothing can follow.
func (s *streaming) drain(ctx context.Context, buf []byte) (bool, error) {
	sent := int64(0)
	for ctx.Err() == nil {
		if s.limit > 0 {
			buf = buf[:min(int64(len(buf)), s.limit-sent)]
		}
		piece, err := s.source.Next(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = s.send(piece)
		}
		if err != nil {
			return false, err
		}
		if piece.Event == logs.Deleted {
			return true, nil
		}
		sent += int64(len(piece.Data))
		if s.limit > 0 && sent >= s.limit {
			return true, nil
		}
	}
	if s.limit > 0 {
		s.limit -= sent
	}
	return false, nil
}

func (s *streaming) send(piece logs.Piece) error {
	if s.plain {
		return s.write(piece.Data)
	}
	b, err := json.Marshal(&api.StreamFrame{
		Offset: piece.Offset, Data: piece.Data, File: path.Join(s.dir, path.Base(piece.File)), FileEvent: string(piece.Event),
	})
	if err != nil {
		return err
	}
	return s.write(b)
}

// heartbeat shows a client that the stream lives, and the stream that the client does.
func (s *streaming) heartbeat() error {
	if s.plain {
		return nil
	}
	return s.write([]byte("{}"))
}

func (s *streaming) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	s.setDeadline(time.Now().Add(writeTimeout))
	if _, err := s.writer.Write(b); err != nil {
		return err
	}
	return s.flush()
}

func (s *streaming) setDeadline(t time.Time) {
	if err := s.out.SetWriteDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.handler.log.V(1).Info("A stream has no deadline", "reason", err.Error())
	}
}

func (s *streaming) flush() error {
	if err := s.out.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
