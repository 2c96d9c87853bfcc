package drivertest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
)

// processes is what holds for drivers that run processes of this machine.
var processes = []check{
	{"TheEnvironmentIsWhatTheTaskSays", checkEnvironment},
	{"TheWorkingDirectoryIsTheTasks", checkWorkingDirectory},
	{"ATaskInheritsNothing", checkInheritance},
	{"OutputGoesToFiles", checkOutput},
	{"OutputIsRotated", checkRotation},
	{"DisabledOutputGoesNowhere", checkDisabledOutput},
	{"ASignalThatEndsATaskIsReported", checkDeathBySignal},
	{"ASignalReachesTheTask", checkSignal},
	{"StopLetsATaskEndInOrder", checkGracefulStop},
	{"StopKillsATaskThatStays", checkKill},
	{"StopKillsEverythingThatATaskStarted", checkStopKillsTree},
	{"TheEndOfATaskIsTheEndOfItsDaemons", checkDaemons},
	{"AFloodOfOutputDoesNotHoldATaskUp", checkFlood},
	{"StatsAddUpTheProcesses", checkStats},
}

func checkEnvironment(t *testing.T, b *bench) {
	task := b.task(b.subject.Shell("cat /proc/$$/environ"))
	task.Env["EMPTY"] = ""
	task.Env["ODD"] = "a=b\n\"c\" $d"
	b.wait(b.start(task))
	got := map[string]string{}
	for entry := range strings.SplitSeq(strings.TrimSuffix(b.output(task.Stdout), "\x00"), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		got[name] = value
	}
	for _, name := range b.subject.Adds {
		delete(got, name)
	}
	if fmt.Sprint(got) != fmt.Sprint(task.Env) {
		t.Errorf("environment\n%q, want\n%q", got, task.Env)
	}
}

func checkWorkingDirectory(t *testing.T, b *bench) {
	task := b.task(b.subject.Shell("pwd -P"))
	b.wait(b.start(task))
	want, err := filepath.EvalSymlinks(task.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if rooter, ok := b.driver.(driver.Rooter); ok && b.subject.Adapt == nil && rooter.Rooted(task.Config) {
		want = "/"
	}
	if got := b.output(task.Stdout); got != want+"\n" {
		t.Errorf("working directory %q, want %q", got, want)
	}
}

func checkInheritance(t *testing.T, b *bench) {
	_, fds := b.run(`ls /proc/$$/fd`)
	if got := strings.Fields(fds); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("open descriptors %q", got)
	}
	_, input := b.run(`read line || echo nothing`)
	if input != "nothing\n" {
		t.Errorf("standard input: %q", input)
	}
	_, session := b.run(`set -- $(cat /proc/$$/stat); [ $6 = $$ ] && [ $5 = $$ ] && echo own, terminal $7`)
	if session != "own, terminal 0\n" {
		t.Errorf("session: %q", session)
	}
	_, signals := b.run(`exec grep -E '^Sig(Ign|Blk)' /proc/self/status`)
	for line := range strings.Lines(signals) {
		set, err := strconv.ParseUint(strings.Fields(line)[1], 16, 64)
		if err != nil || set&^signalsOfLibc != 0 {
			t.Errorf("signals are ignored or blocked: %q, %v", line, err)
		}
	}
}

// signalsOfLibc are those that the C library keeps to itself (32 and 33): runc leaves them
// ignored at times.
const signalsOfLibc = 1<<31 | 1<<32

func checkOutput(t *testing.T, b *bench) {
	task := b.task(b.subject.Shell("printf 'to stdout'; printf 'to stderr' >&2"))
	b.wait(b.start(task))
	if got := b.output(task.Stdout); got != "to stdout" {
		t.Errorf("stdout %q", got)
	}
	if got := b.output(task.Stderr); got != "to stderr" {
		t.Errorf("stderr %q", got)
	}
	// The next attempt goes on in the same files.
	task.ID, task.StateDir = task.AllocID+"/main/2", task.StateDir+"-2"
	b.wait(b.start(task))
	if got := b.output(task.Stdout); got != "to stdoutto stdout" {
		t.Errorf("stdout of two attempts %q", got)
	}
}

func checkRotation(t *testing.T, b *bench) {
	const lines = 20000
	task := b.task(b.subject.Shell(fmt.Sprintf("i=0; while [ $i -lt %d ]; do i=$((i+1)); echo line $i; done", lines)))
	task.Stdout.MaxBytes = 10_000
	b.wait(b.start(task))
	files := logFiles(t, task.Stdout)
	if len(files) != task.Stdout.MaxFiles {
		t.Errorf("%d files, want %d: %q", len(files), task.Stdout.MaxFiles, files)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || info.Size() > task.Stdout.MaxBytes {
			t.Errorf("%s: %v", name, info)
		}
	}
	kept := strings.Split(strings.TrimSuffix(b.output(task.Stdout), "\n"), "\n")
	for i, line := range kept {
		if want := fmt.Sprintf("line %d", lines-len(kept)+1+i); line != want {
			t.Fatalf("line %d of %d kept is %q, want %q", i, len(kept), line, want)
		}
	}
}

func checkDisabledOutput(t *testing.T, b *bench) {
	task := b.task(b.subject.Shell("echo out; echo err >&2"))
	task.Stdout.Disabled, task.Stderr.Disabled = true, true
	b.wait(b.start(task))
	if left, err := os.ReadDir(task.Stdout.Dir); err != nil || len(left) > 0 {
		t.Errorf("log directory: %v, %v", left, err)
	}
}

func checkDeathBySignal(t *testing.T, b *bench) {
	result, _ := b.run("kill -SEGV $$")
	if result.Signal != 11 || result.ExitCode != 128+11 || result.Successful() {
		t.Errorf("result %+v", result)
	}
}

func checkSignal(t *testing.T, b *bench) {
	signaler, ok := b.driver.(driver.Signaler)
	if !ok {
		return
	}
	task := b.task(b.subject.Shell(`trap 'exit 5' USR1; echo ready; while :; do sleep 0.01; done`))
	h := b.start(task)
	b.awaitOutput(task, "ready\n")
	if err := signaler.Signal(b.ctx, h, "SIGUSR1"); err != nil {
		t.Fatal(err)
	}
	if result := b.wait(h); result.ExitCode != 5 {
		t.Errorf("result %+v", result)
	}
	if err := signaler.Signal(b.ctx, h, "SIGUSR1"); err == nil {
		t.Error("an ended task took a signal")
	}
}

func checkGracefulStop(t *testing.T, b *bench) {
	task := b.task(b.subject.Shell(`trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done`))
	h := b.start(task)
	b.awaitOutput(task, "ready\n")
	b.stop(h, "SIGTERM", never)
	if result := b.wait(h); result.ExitCode != 3 || result.Signal != 0 {
		t.Errorf("result %+v", result)
	}
	if got := b.output(task.Stdout); got != "ready\nbye\n" {
		t.Errorf("output %q", got)
	}
}

func checkKill(t *testing.T, b *bench) {
	const grace = 100 * time.Millisecond
	task := b.task(b.subject.Shell(`trap '' TERM; echo ready; while :; do sleep 0.01; done`))
	h := b.start(task)
	b.awaitOutput(task, "ready\n")
	before := time.Now()
	b.stop(h, "SIGTERM", grace)
	if took := time.Since(before); took < grace {
		t.Errorf("killed after %v, before the grace of %v", took, grace)
	}
	if result := b.wait(h); result.Signal != 9 || result.ExitCode != 128+9 {
		t.Errorf("result %+v", result)
	}
}

// family is a script that starts a child, a child in a session of its own, and a
// daemon that forked twice, which all ignore what they can, and says who they are.
const family = `
live='trap "" TERM HUP INT; while :; do sleep 1; done'
sh -c "$live" & echo $! >> pids
setsid sh -c "echo \$\$ >> pids; $live" &
(setsid sh -c "(echo \$(exec sh -c 'echo \$PPID') >> pids; exec </dev/null >/dev/null 2>&1; $live) &" &)
while [ $(grep -c . pids) -lt 3 ]; do sleep 0.01; done
echo ready
`

func checkStopKillsTree(t *testing.T, b *bench) {
	task := b.task(b.subject.Shell(family + "wait"))
	h := b.start(task)
	b.awaitOutput(task, "ready\n")
	b.stop(h, "SIGTERM", 10*time.Millisecond)
	b.expectDead(task)
}

func checkDaemons(t *testing.T, b *bench) {
	task := b.task(b.subject.Shell(family + "exit 7"))
	if result := b.wait(b.start(task)); result.ExitCode != 7 {
		t.Errorf("result %+v", result)
	}
	b.expectDead(task)
}

func checkFlood(t *testing.T, b *bench) {
	total := 64 << 20
	if b.subject.Costly {
		total = 8 << 20
	}
	task := b.task(b.subject.Shell(fmt.Sprintf("head -c %d /dev/zero; head -c %d /dev/zero >&2", total, total)))
	if result := b.wait(b.start(task)); !result.Successful() {
		t.Errorf("result %+v", result)
	}
	for _, f := range []driver.LogFile{task.Stdout, task.Stderr} {
		if kept, most := len(b.output(f)), f.MaxFiles*int(f.MaxBytes); kept > most || kept < most/2 {
			t.Errorf("%s: %d bytes are kept, at most %d are allowed", f.Prefix, kept, most)
		}
	}
}

func checkStats(t *testing.T, b *bench) {
	statter, ok := b.driver.(driver.Statter)
	if !ok {
		return
	}
	task := b.task(b.subject.Shell(
		`sleep 1000 & i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; (i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done); echo ready; wait`))
	h := b.start(task)
	b.awaitOutput(task, "ready\n")
	stats, err := statter.Stats(b.ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	if stats.PIDs != 2 || stats.MemoryRSS == 0 || stats.CPUTime == 0 || stats.MeasuredAt.IsZero() {
		t.Errorf("stats %+v", stats)
	}
	b.stop(h, "SIGKILL", 0)
	if _, err := statter.Stats(b.ctx, h); err == nil {
		t.Error("an ended task has stats")
	}
}

// awaitOutput waits until the task has written something to its standard output.
func (b *bench) awaitOutput(task driver.Task, want string) {
	b.t.Helper()
	b.await("output "+strconv.Quote(want), func() bool { return strings.Contains(b.output(task.Stdout), want) })
}

// await waits until a condition holds, looking now and then: what it looks at (a file,
// a process) tells nobody of its changes.
func (b *bench) await(what string, holds func() bool) {
	b.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			b.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// expectDead checks that no process in the file pids lives. A dead one may be there
// until its parent has noticed.
func (b *bench) expectDead(task driver.Task) {
	b.t.Helper()
	pids, err := os.ReadFile(filepath.Join(task.Dir, "pids"))
	if err != nil {
		b.t.Fatal(err)
	}
	if n := len(strings.Fields(string(pids))); n < 3 {
		b.t.Fatalf("%d processes were started: %q", n, pids)
	}
	for pid := range strings.FieldsSeq(string(pids)) {
		if lives(b.t, task, pid) {
			b.t.Errorf("process %s lives on", pid)
		}
	}
	if left := carriers(b.t, task.AllocID); len(left) > 0 {
		b.t.Errorf("processes %v live on", left)
	}
}

// lives reports whether a process of a task, by the number that the task knows it by,
// is more than a zombie.
func lives(t *testing.T, task driver.Task, pid string) bool {
	t.Helper()
	return slices.ContainsFunc(carriers(t, task.AllocID), func(outside string) bool { return insidePID(outside) == pid })
}

// insidePID returns the number by which a process knows itself; "" if it has ended.
func insidePID(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
			all := strings.Fields(list)
			return all[len(all)-1]
		}
	}
	return ""
}

func alive(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	rest := b[bytes.LastIndexByte(b, ')')+1:]
	return !bytes.HasPrefix(rest, []byte(" Z")) && !bytes.HasPrefix(rest, []byte(" X"))
}

// carriers returns the living processes that have the allocation in their environment.
func carriers(t *testing.T, allocID string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil || !alive(e.Name()) {
			continue
		}
		environ, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && bytes.Contains(environ, []byte("NOMAD_ALLOC_ID="+allocID)) {
			pids = append(pids, e.Name())
		}
	}
	return pids
}

// logFiles returns the files of an output, oldest first.
func logFiles(t *testing.T, f driver.LogFile) []string {
	t.Helper()
	entries, err := os.ReadDir(f.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	index := func(name string) int {
		digits, ok := strings.CutPrefix(name, f.Prefix+".")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil {
			return -1
		}
		return n
	}
	var names []string
	for _, e := range entries {
		if index(e.Name()) >= 0 {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(x, y string) int { return index(x) - index(y) })
	for i := range names {
		names[i] = filepath.Join(f.Dir, names[i])
	}
	return names
}
