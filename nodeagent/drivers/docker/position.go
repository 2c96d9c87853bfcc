package docker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// position is how far a task's output has been taken. It is kept in a file, which is
// written after the log files are: whoever dies in between has the next one find bytes
// there that the position does not know of, and that one leaves out as many. So nothing
// is lost, and nothing is there twice.
type position struct {
	Streams [2]mark // of stdout and stderr
	// Last is the greatest time of a message, in ns, as the engine has noted it.
	Last int64
}

// mark is how far one stream has been taken. The engine notes the time of each message;
// in one stream they only grow, but several messages can have the same, and those of two
// streams are not in order.
type mark struct {
	At   int64 // ns; time of the last message; 0: there was none
	Seen int   // how many messages had that time
	Open bool  // the last message did not end its line: what goes on with it has its time
	File int64 // where the log files ended
	Size int64
}

// positionSize is that of the file: it is written in place, at once.
const positionSize = 512

// slack is by how much times of one stream may be behind those of the other.
const slack = 10 * time.Second

// since is the time of the first message that may not have been taken, in the engine's
// form; empty: any. A clock that was set back makes times useless.
func (p *position) since(now time.Time) string {
	if p.Last == 0 || now.UnixNano() < p.Last {
		return ""
	}
	first := p.Last - int64(slack)
	for _, m := range p.Streams {
		if m.Open {
			first = min(first, m.At)
		}
	}
	first = max(first, 0)
	return fmt.Sprintf("%d.%09d", first/int64(time.Second), first%int64(time.Second))
}

// positionFile is the file of a position.
type positionFile struct{ file *os.File }

// openPosition opens the file and returns what is in it; nil the first time.
func openPosition(dir string) (*positionFile, *position, error) {
	f, err := os.OpenFile(filepath.Join(dir, logsFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	p := &position{}
	if json.Unmarshal(b, p) != nil {
		p = nil // it is empty, or somebody broke it: rather twice than not at all
	}
	return &positionFile{f}, p, nil
}

func (f *positionFile) write(p *position) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if len(b) > positionSize {
		return errors.New("position of logs is too long: " + strconv.Itoa(len(b)))
	}
	b = append(b, bytes.Repeat([]byte("\n"), positionSize-len(b))...)
	_, err = f.file.WriteAt(b, 0)
	return err
}

func (f *positionFile) close() error { return f.file.Close() }

// replay tells apart, in what the engine tells again, what has been taken already.
type replay struct {
	known mark
	count int  // of messages of known.At that have come again
	over  bool // what comes now is new
}

func newReplay(m mark) replay { return replay{known: m, over: m.At == 0} }

// isNew reports whether the next message, of the time at, has not been taken yet. When
// the last that was has come again, everything after it is new, whatever a clock that was
// set says.
func (r *replay) isNew(at int64) bool {
	switch {
	case r.over:
		return true
	case at > r.known.At: // the last that was taken is not kept any more
		r.over = true
		return true
	case at == r.known.At:
		r.count++
		r.over = r.count >= r.known.Seen
	}
	return false
}

// take notes a message as taken, and returns what is to be written of it. Pieces of one
// line have one time; the engine's own form of logs leaves out the end of a line that was
// cut into pieces, which shows when one of another time follows.
func (p *position) take(stream int, at int64, data []byte) []byte {
	m := &p.Streams[stream]
	if m.Open && m.At != at {
		data = append([]byte("\n"), data...)
	}
	if m.At == at {
		m.Seen++
	} else {
		m.At, m.Seen = at, 1
	}
	m.Open = !bytes.HasSuffix(data, []byte("\n"))
	p.Last = max(p.Last, at)
	return data
}
