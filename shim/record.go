package shim

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Names in a state directory.
const (
	SpecFile    = "spec"
	LockFile    = "lock"
	StartedFile = "started"
	StopFile    = "stop"
	ExitFile    = "exit"
	LogFile     = "log"
)

// Descriptors that the agent gives to a shim.
const (
	LockFD   = 3 // DIR/lock, locked
	AnswerFD = 4 // a pipe: the shim writes Running, or why the task can't be started
)

// Running is the answer of a shim whose task has been started.
const Running = "running"

// Name is the name of the program, by which a binary that is also something else
// knows that it is started as a shim.
const Name = "drover-shim"

// Started says which processes a running task has. A process ID is only good with
// its start time (clock ticks since Boot), for the kernel uses numbers again.
type Started struct {
	ShimPID   int
	ShimStart uint64
	PID       int
	PIDStart  uint64
	At        time.Time
	Boot      string // ID of the machine's boot
	Cgroup    string // that the task is in, or ""
	// Keeper is the process that keeps the task's namespaces; PID 0 if there is none.
	Keeper Member
}

// Stop says how a task is to end: by the signal, or killed when it has not ended
// after Grace.
type Stop struct {
	Signal syscall.Signal
	Grace  time.Duration
}

// Exit says how a task ended. Code is 128 + Signal when a signal ended it.
type Exit struct {
	Code   int
	Signal int
	OOM    bool
	At     time.Time
	Err    string // why Code is not known
	// Swept says that nothing of the task was left when the record was written.
	Swept bool
}

// ErrNoRecord says that there is no complete record of the kind.
var ErrNoRecord = errors.New("no record")

// exitSize is the size of an exit record on disk. The shim reserves it when the task
// starts and overwrites it at the end, so that a full disk does not lose the exit
// status.
const exitSize = 512

// Encode returns the bytes of DIR/started.
func (s *Started) Encode() []byte {
	return record{}.
		add("shim", strconv.Itoa(s.ShimPID)).
		add("shim-start", strconv.FormatUint(s.ShimStart, 10)).
		add("pid", strconv.Itoa(s.PID)).
		add("pid-start", strconv.FormatUint(s.PIDStart, 10)).
		add("at", strconv.FormatInt(s.At.UnixNano(), 10)).
		add("boot", s.Boot).
		add("cgroup", s.Cgroup).
		add("keeper", strconv.Itoa(s.Keeper.PID)).
		add("keeper-start", strconv.FormatUint(s.Keeper.Start, 10)).
		end()
}

// ReadStarted reads DIR/started. ErrNoRecord: the task was not started.
func ReadStarted(dir string) (*Started, error) {
	f, err := readRecord(filepath.Join(dir, StartedFile))
	if err != nil {
		return nil, err
	}
	s := &Started{
		ShimPID:   int(f.number("shim")),
		ShimStart: uint64(f.number("shim-start")),
		PID:       int(f.number("pid")),
		PIDStart:  uint64(f.number("pid-start")),
		At:        time.Unix(0, f.number("at")),
		Boot:      f.fields["boot"],
		Cgroup:    f.fields["cgroup"],
	}
	if f.fields["keeper"] != "" { // not in records of older shims
		s.Keeper = Member{PID: int(f.number("keeper")), Start: uint64(f.number("keeper-start"))}
	}
	if f.bad || s.ShimPID <= 0 || s.PID <= 0 {
		return nil, ErrNoRecord
	}
	return s, nil
}

// Encode returns the bytes of DIR/stop.
func (s Stop) Encode() []byte {
	return record{}.
		add("signal", strconv.Itoa(int(s.Signal))).
		add("grace", strconv.FormatInt(int64(s.Grace), 10)).
		end()
}

// ReadStop reads DIR/stop.
func ReadStop(dir string) (Stop, error) {
	f, err := readRecord(filepath.Join(dir, StopFile))
	if err != nil {
		return Stop{}, err
	}
	s := Stop{Signal: syscall.Signal(f.number("signal")), Grace: time.Duration(f.number("grace"))}
	if f.bad || s.Signal < 0 || s.Signal > 64 {
		return Stop{}, ErrNoRecord
	}
	return s, nil
}

// Encode returns the bytes of DIR/exit, exitSize of them.
func (e *Exit) Encode() []byte {
	why := e.Err
	if most := exitSize / 2; len(why) > most {
		why = why[:most]
	}
	b := record{}.
		add("code", strconv.Itoa(e.Code)).
		add("signal", strconv.Itoa(e.Signal)).
		add("oom", strconv.FormatBool(e.OOM)).
		add("swept", strconv.FormatBool(e.Swept)).
		add("at", strconv.FormatInt(e.At.UnixNano(), 10)).
		add("err", why).
		end()
	return append(b, make([]byte, exitSize-len(b))...)
}

// ReadExit reads DIR/exit. ErrNoRecord: the task has not ended, or nobody knows how.
func ReadExit(dir string) (*Exit, error) {
	f, err := readRecord(filepath.Join(dir, ExitFile))
	if err != nil {
		return nil, err
	}
	return f.exit()
}

// DecodeExit is the inverse of Encode. ErrNoRecord: it is not whole.
func DecodeExit(b []byte) (*Exit, error) {
	f, err := parseRecord(string(b))
	if err != nil {
		return nil, err
	}
	return f.exit()
}

func (f *recordFields) exit() (*Exit, error) {
	e := &Exit{
		Code:   int(f.number("code")),
		Signal: int(f.number("signal")),
		OOM:    f.fields["oom"] == "true",
		Swept:  f.fields["swept"] == "true",
		At:     time.Unix(0, f.number("at")),
		Err:    f.fields["err"],
	}
	if f.bad {
		return nil, ErrNoRecord
	}
	return e, nil
}

// WriteFile puts a file in place of path at once, readable by its owner only.
func WriteFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// record is a record being written: lines of a name and a value, closed by endLine.
type record []byte

const endLine = "end\n"

func (r record) add(name, value string) record {
	r = append(r, name...)
	r = append(r, ' ')
	r = append(r, strings.ReplaceAll(value, "\n", " ")...)
	return append(r, '\n')
}

func (r record) end() []byte { return append(r, endLine...) }

// recordFields is a record that was read; bad is set when a number is missing.
type recordFields struct {
	fields map[string]string
	bad    bool
}

func readRecord(path string) (*recordFields, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoRecord
	}
	if err != nil {
		return nil, err
	}
	return parseRecord(string(b))
}

func parseRecord(s string) (*recordFields, error) {
	body, ok := strings.CutSuffix(strings.TrimRight(s, "\x00"), "\n"+endLine)
	if !ok {
		return nil, ErrNoRecord
	}
	f := &recordFields{fields: make(map[string]string)}
	for line := range strings.SplitSeq(body, "\n") {
		name, value, _ := strings.Cut(line, " ")
		f.fields[name] = value
	}
	return f, nil
}

func (f *recordFields) number(name string) int64 {
	n, err := strconv.ParseInt(f.fields[name], 10, 64)
	if err != nil {
		f.bad = true
	}
	return n
}
