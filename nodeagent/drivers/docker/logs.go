package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// followers bring what tasks write from the engine, which keeps it, into the log files
// of their allocations: one goroutine for each container.
type followers struct {
	d *Driver

	mu   sync.Mutex // guards byID
	byID map[string]*follower
}

// follower follows one container.
type follower struct {
	d      *Driver
	id     string
	dir    string // the task's state directory
	done   chan struct{}
	cancel context.CancelFunc
}

// follow sees to it that a task is followed.
func (f *followers) follow(h driver.Handle) *follower {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := string(h.State)
	if one := f.byID[id]; one != nil {
		return one
	}
	if f.byID == nil {
		f.byID = map[string]*follower{}
	}
	ctx, cancel := context.WithCancel(f.d.own)
	one := &follower{d: f.d, id: id, dir: h.StateDir, done: make(chan struct{}), cancel: cancel}
	f.byID[id] = one
	f.d.crew.Go(func() {
		defer close(one.done)
		defer cancel()
		one.run(ctx)
	})
	return one
}

// drained waits until all has been taken that an ended task has written.
func (f *followers) drained(ctx context.Context, h driver.Handle) error {
	select {
	case <-f.follow(h).done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends the following of a container and forgets it.
func (f *followers) stop(id string) {
	f.mu.Lock()
	one := f.byID[id]
	delete(f.byID, id)
	f.mu.Unlock()
	if one != nil {
		one.cancel()
		<-one.done
	}
}

// run follows until the container has ended and all has been taken, or ctx is done.
func (f *follower) run(ctx context.Context) {
	log := f.d.o.Log.WithValues("container", f.id)
	var task taskRecord
	if err := readRecord(f.dir, taskFile, &task); err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			log.Error(err, "output of a task is not collected")
		}
		return
	}
	if task.Stdout.Disabled && task.Stderr.Disabled {
		return
	}
	s, err := openSink(f.dir, task)
	if err != nil {
		log.Error(err, "output of a task is not collected")
		return
	}
	err = f.untilEnd(ctx, s)
	if err = errors.Join(err, s.closeAll()); err != nil && ctx.Err() == nil {
		log.Error(err, "output of a task may be missing")
	}
}

// endTries is how often the output of a container that has ended is asked for, if that
// fails.
const endTries = 5

func (f *follower) untilEnd(ctx context.Context, s *sink) error {
	failed := 0
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		box, err := f.d.inspect(ctx, f.id)
		if errors.Is(err, driver.ErrTaskGone) {
			return nil
		}
		if err == nil {
			var took bool
			took, err = f.copy(ctx, s, box)
			if took {
				pause = firstPause
			}
			if ctx.Err() != nil || errors.Is(err, errNoLogs) {
				return nil
			}
			// What was followed may have broken off at the end; what is read from a log that
			// nobody writes to any more is whole.
			if ended := !box.State.Running; ended {
				if failed++; err == nil || failed == endTries {
					return err
				}
			}
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// errNoLogs says that the engine does not keep the output where it can be read.
var errNoLogs = errors.New("the engine keeps no output that can be read")

// copy takes what comes until the engine has no more, and reports whether anything came.
func (f *follower) copy(ctx context.Context, s *sink, box *container.InspectResponse) (took bool, err error) {
	if box.HostConfig.LogConfig.Type == "none" {
		return false, errNoLogs
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer, err := f.d.engine.ContainerLogs(ctx, f.id, client.ContainerLogsOptions{
		ShowStdout: !s.off[0], ShowStderr: !s.off[1], Timestamps: true, Follow: box.State.Running, Since: s.begin(), Tail: "all",
	})
	if err != nil {
		return false, fmt.Errorf("read the output of container %s: %w", f.id, err)
	}
	defer answer.Close()
	const buffer = 64 << 10
	var in messages = &framed{in: bufio.NewReaderSize(answer, buffer)}
	if box.Config.Tty {
		in = &plain{in: bufio.NewReaderSize(answer, buffer)}
	}
	for {
		m, err := in.next()
		if errors.Is(err, io.EOF) {
			return took, s.settle()
		}
		if err != nil {
			return took, errors.Join(err, s.settle())
		}
		took = true
		if err := s.take(m, in.idle()); err != nil {
			return took, err
		}
	}
}

// sink is where a task's output goes.
type sink struct {
	at     position
	file   *positionFile
	off    [2]bool
	files  [2]*shim.Files
	replay [2]replay
	skip   [2]int64 // bytes that are in the files already
	moved  int64    // bytes since the position was written
}

// most is how many bytes may be in the log files that the position does not know of.
const most = 256 << 10

func openSink(dir string, task taskRecord) (*sink, error) {
	file, known, err := openPosition(dir)
	if err != nil {
		return nil, err
	}
	s := &sink{file: file}
	for i, f := range []driver.LogFile{task.Stdout, task.Stderr} {
		if s.off[i] = f.Disabled; f.Disabled {
			continue
		}
		if s.files[i], err = shim.OpenFiles(shim.Output(f)); err != nil {
			return nil, errors.Join(err, s.closeAll())
		}
		if known != nil {
			s.skip[i] = s.files[i].Since(known.Streams[i].File, known.Streams[i].Size)
		}
	}
	if known != nil {
		s.at = *known
		return s, nil
	}
	// There may be files of an earlier start of the task: this one goes on at their end.
	if err := s.settle(); err != nil {
		return nil, errors.Join(err, s.closeAll())
	}
	return s, nil
}

// begin says from when on the engine is to tell.
func (s *sink) begin() string {
	for i, m := range s.at.Streams {
		s.replay[i] = newReplay(m)
	}
	return s.at.since(time.Now())
}

// take writes a message, unless it is there already; last: nothing is known to follow it.
func (s *sink) take(m message, last bool) error {
	i := m.stream
	if s.off[i] {
		return nil
	}
	whole := true
	if s.replay[i].isNew(m.at) {
		data := s.at.take(i, m.at, m.data)
		left := data[min(s.skip[i], int64(len(data))):]
		s.skip[i] -= int64(len(data) - len(left))
		whole = s.files[i].Write(left)
		s.moved += int64(len(data))
	}
	if whole && !last && s.moved < most {
		return nil
	}
	return s.settle()
}

// settle notes how far the output has been taken.
func (s *sink) settle() error {
	if s.skip != [2]int64{} {
		return nil // the files are ahead of what has been taken
	}
	for i, f := range s.files {
		if f != nil {
			s.at.Streams[i].File, s.at.Streams[i].Size = f.At()
		}
	}
	s.moved = 0
	return s.file.write(&s.at)
}

func (s *sink) closeAll() error {
	err := s.file.close()
	for _, f := range s.files {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}
