package rawexec_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
	"github.com/droverhq/drover/shim"
)

// newTask describes a task that runs a script, and a driver to run it.
func newTask(t *testing.T, o rawexec.Options, script string) (*rawexec.Driver, driver.Task) {
	t.Helper()
	return newDriver(o), heldtest.NewTask(t, script)
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	return heldtest.Context(t)
}

func start(t *testing.T, d *rawexec.Driver, task driver.Task) driver.Handle {
	t.Helper()
	return heldtest.Start(t, d, task)
}

func awaitFile(t *testing.T, path, want string) string {
	t.Helper()
	return heldtest.AwaitFile(t, path, want)
}

func startedOf(t *testing.T, task driver.Task) *shim.Started {
	t.Helper()
	s, err := shim.ReadStarted(task.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func killShim(t *testing.T, task driver.Task) {
	t.Helper()
	if err := unix.Kill(startedOf(t, task).ShimPID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// lives reports whether a process, named as in a file, is more than a zombie.
func lives(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		t.Fatal(err)
	}
	p, err := shim.Lookup(n)
	return err == nil && p.State != 'Z' && p.State != 'X'
}

func TestAKilledShimTakesItsTaskAlongAndIsReported(t *testing.T) {
	const script = `(setsid sh -c 'echo $$ > daemon; exec sleep 1000' >/dev/null 2>&1 &); echo $$ > main; exec sleep 1000`
	for name, o := range map[string]rawexec.Options{"with control groups": {}, "without": {Plugin: rawexec.Plugin{NoCgroups: true}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			d, task := newTask(t, o, script)
			h := start(t, d, task)
			main := awaitFile(t, filepath.Join(task.Dir, "main"), "\n")
			daemon := awaitFile(t, filepath.Join(task.Dir, "daemon"), "\n")
			killShim(t, task)
			result, err := d.Wait(ctx, h)
			if err != nil {
				t.Fatal(err)
			}
			if result.Successful() || !strings.Contains(result.Err, "drover-shim was killed") {
				t.Errorf("result %+v", result)
			}
			if lives(t, main) || lives(t, daemon) {
				t.Errorf("lives on: main %v, daemon %v", lives(t, main), lives(t, daemon))
			}
			again, err := newDriver(rawexec.Options{}).Wait(ctx, h)
			if err != nil || again != result {
				t.Errorf("result %+v, told to the next agent as %+v, %v", result, again, err)
			}
		})
	}
}

func TestARestartOfTheMachineLosesTheExitStatusAndKillsNobody(t *testing.T) {
	d, task := newTask(t, rawexec.Options{}, "exec sleep 1000")
	h := start(t, d, task)
	innocent := startedOf(t, task)
	_, other := newTask(t, rawexec.Options{}, "")
	before := *innocent
	before.Boot = "another"
	before.ShimStart++ // the number has been used again
	writeState(t, other, &before)
	oh := h
	oh.State = []byte(other.StateDir)
	if err := d.Stop(testContext(t), oh, "SIGKILL", 0); err != nil {
		t.Fatal(err)
	}
	result, err := d.Wait(testContext(t), oh)
	if err != nil || !strings.Contains(result.Err, "restarted") {
		t.Errorf("result %+v, %v", result, err)
	}
	if !lives(t, strconv.Itoa(innocent.PID)) || !lives(t, strconv.Itoa(innocent.ShimPID)) {
		t.Error("a process that only has the same number was killed")
	}
}

func TestAReusedProcessIDIsLeftAlone(t *testing.T) {
	d, task := newTask(t, rawexec.Options{}, "exec sleep 1000")
	h := start(t, d, task)
	innocent := startedOf(t, task)
	_, other := newTask(t, rawexec.Options{}, "")
	before := *innocent
	before.ShimStart++
	before.PID, before.PIDStart = before.ShimPID, before.PIDStart+1000 // began "later" than it did
	before.Cgroup = ""
	writeState(t, other, &before)
	oh := h
	oh.State = []byte(other.StateDir)
	if err := d.Destroy(testContext(t), oh); err != nil {
		t.Fatal(err)
	}
	if !lives(t, strconv.Itoa(innocent.PID)) || !lives(t, strconv.Itoa(innocent.ShimPID)) {
		t.Error("a process that only has the same number was killed")
	}
}

// writeState makes the state directory of a task whose shim is gone.
func writeState(t *testing.T, task driver.Task, started *shim.Started) {
	t.Helper()
	for name, content := range map[string][]byte{
		shim.SpecFile: (&shim.Spec{}).Encode(), shim.LockFile: nil, shim.StartedFile: started.Encode(),
	} {
		if err := os.MkdirAll(task.StateDir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(task.StateDir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStartUnderWayIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		happen func(task driver.Task, lock *os.File) error
		want   error
	}{
		"it gets through": {func(task driver.Task, _ *os.File) error {
			started := shim.Started{ShimPID: 1 << 22, PID: 1<<22 + 1, At: time.Now()}
			return shim.WriteFile(filepath.Join(task.StateDir, shim.StartedFile), started.Encode())
		}, nil},
		"its shim dies": {func(_ driver.Task, lock *os.File) error { return lock.Close() }, driver.ErrTaskGone},
	} {
		t.Run(name, func(t *testing.T) {
			d, task := newTask(t, rawexec.Options{}, "")
			if err := os.Mkdir(task.StateDir, 0o700); err != nil {
				t.Fatal(err)
			}
			lock, err := os.Create(filepath.Join(task.StateDir, shim.LockFile))
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			if err := unix.FcntlFlock(lock.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
				t.Fatal(err)
			}
			short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if h, err := d.Find(short, task); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("during the start: %+v, %v", h, err)
			}
			found := make(chan error, 1)
			go func() {
				_, err := d.Find(testContext(t), task)
				found <- err
			}()
			if err := c.happen(task, lock); err != nil {
				t.Fatal(err)
			}
			if err := <-found; !errors.Is(err, c.want) {
				t.Errorf("after it: %v, want %v", err, c.want)
			}
		})
	}
}

func TestATaskHasTheLimitsThatTheAgentWasStartedWith(t *testing.T) {
	outside, err := exec.Command("/bin/sh", "-c", "ulimit -Sn; ulimit -Hn; umask").Output()
	if err != nil {
		t.Fatal(err)
	}
	d, task := newTask(t, rawexec.Options{}, "ulimit -Sn; ulimit -Hn; umask")
	if _, err := d.Wait(testContext(t), start(t, d, task)); err != nil {
		t.Fatal(err)
	}
	if got := awaitFile(t, filepath.Join(task.Stdout.Dir, "out.0"), "\n"); got != string(outside) {
		t.Errorf("limits %q, outside %q", got, outside)
	}
}

func TestAFullDiskCostsOutputButNotTheTask(t *testing.T) {
	d, task := newTask(t, rawexec.Options{},
		`echo first; touch ready; while [ ! -e full ]; do sleep 0.01; done; head -c 100000 /dev/zero; touch written
		while [ ! -e room ]; do sleep 0.01; done; echo last; exit 4`)
	h := start(t, d, task)
	log := filepath.Join(task.Stdout.Dir, "out.0")
	awaitFile(t, log, "first\n")
	// The shim, not the task, can't make files longer than this.
	pid := startedOf(t, task).ShimPID
	limit := unix.Rlimit{Cur: 1000, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	touch(t, task, "full")
	awaitFile(t, filepath.Join(task.Dir, "written"), "")
	limit.Cur = unix.RLIM_INFINITY
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	touch(t, task, "room")
	result, err := d.Wait(testContext(t), h)
	if err != nil || result.ExitCode != 4 {
		t.Errorf("result %+v, %v", result, err)
	}
	got := strings.ReplaceAll(awaitFile(t, log, "last\n"), "\x00", "")
	if !strings.HasPrefix(got, "first\n") || !strings.Contains(got, " bytes of output are lost: file too large]\n") || !strings.HasSuffix(got, "last\n") {
		t.Errorf("log %q", got)
	}
}

func touch(t *testing.T, task driver.Task, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(task.Dir, name), nil, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestACommandIsLookedForInTheTasksDirectoryThenInItsPath(t *testing.T) {
	program := func(path, says string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+says+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d, task := newTask(t, rawexec.Options{}, "")
	elsewhere := t.TempDir()
	program(filepath.Join(task.Dir, "local", "one"), "local")
	program(filepath.Join(elsewhere, "one"), "path")
	program(filepath.Join(elsewhere, "two"), "path")
	program(filepath.Join(task.Dir, "sub", "three"), "relative")
	program(filepath.Join(elsewhere, "sub", "three"), "work_dir")
	task.Env["PATH"] = elsewhere + ":/bin"
	for i, c := range []struct {
		command, workDir, want string
	}{
		{"one", "", "local"},
		{"two", "", "path"},
		{"sub/three", "", "relative"},
		{"sub/three", elsewhere, "work_dir"},
		{filepath.Join(elsewhere, "one"), "", "path"},
	} {
		task.ID, task.StateDir = strconv.Itoa(i), filepath.Join(t.TempDir(), "state")
		task.Stdout.Prefix = "out" + strconv.Itoa(i)
		task.Config = map[string]any{"command": c.command, "work_dir": c.workDir}
		if _, err := d.Wait(testContext(t), start(t, d, task)); err != nil {
			t.Fatal(err)
		}
		if got := awaitFile(t, filepath.Join(task.Stdout.Dir, task.Stdout.Prefix+".0"), "\n"); got != c.want+"\n" {
			t.Errorf("%s ran the one in %s, want %s", c.command, got, c.want)
		}
	}
}

func TestAStartThatFailsSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*driver.Task)
		want   string
	}{
		"no such command":  {func(k *driver.Task) { k.Config = map[string]any{"command": "no-such-command"} }, `command "no-such-command": executable file not found`},
		"not a program":    {func(k *driver.Task) { k.Config = map[string]any{"command": "/etc/passwd"} }, "/etc/passwd is not a program that can be run"},
		"no such work_dir": {func(k *driver.Task) { k.Config["work_dir"] = "/no/such" }, "working directory: stat /no/such: no such file"},
		"no such user":     {func(k *driver.Task) { k.User = "no-such-user" }, `user "no-such-user"`},
		"no log directory": {func(k *driver.Task) { k.Stderr.Dir = "/no/such" }, "open the log files of stderr: open /no/such: no such file"},
		"bad interpreter": {func(k *driver.Task) {
			path := filepath.Join(k.Dir, "script")
			if err := os.WriteFile(path, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			k.Config = map[string]any{"command": path}
		}, "script: no such file or directory"},
		"wrong config": {func(k *driver.Task) { k.Config["comand"] = "x" }, `did you mean "command"?`},
	} {
		t.Run(name, func(t *testing.T) {
			d, task := newTask(t, rawexec.Options{}, "true")
			c.change(&task)
			_, err := d.Start(testContext(t), task)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if _, err := os.Stat(task.StateDir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("state directory: %v", err)
			}
		})
	}
}

func TestATaskRunsWithTheRightsOfItsUser(t *testing.T) {
	d, task := newTask(t, rawexec.Options{}, "id -u; id -g; echo $$ > pid")
	task.User = "nobody"
	if err := os.Chmod(task.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		if _, err := d.Start(testContext(t), task); !errors.Is(err, os.ErrPermission) {
			t.Errorf("start: %v", err)
		}
		return
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	if result, err := d.Wait(testContext(t), start(t, d, task)); err != nil || !result.Successful() {
		t.Errorf("result %+v, %v", result, err)
	}
	if got, want := awaitFile(t, filepath.Join(task.Stdout.Dir, "out.0"), "\n"), nobody.Uid+"\n"+nobody.Gid+"\n"; got != want {
		t.Errorf("rights %q, want %q", got, want)
	}
}

func TestATaskOfAnotherUserDiesWithItsShim(t *testing.T) {
	if os.Geteuid() != 0 {
		return // see TestATaskRunsWithTheRightsOfItsUser
	}
	d, task := newTask(t, rawexec.Options{Plugin: rawexec.Plugin{NoCgroups: true}}, "echo $$ > pid; exec sleep 1000")
	task.User = "nobody"
	if err := os.Chmod(task.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	h := start(t, d, task)
	pid := awaitFile(t, filepath.Join(task.Dir, "pid"), "\n")
	killShim(t, task)
	if _, err := d.Wait(testContext(t), h); err != nil {
		t.Fatal(err)
	}
	if lives(t, pid) {
		t.Error("the task lives on")
	}
}

func TestTheDriverWorksOnlyWhereItIsEnabled(t *testing.T) {
	_, task := newTask(t, rawexec.Options{}, "true")
	d := rawexec.New(rawexec.Options{})
	if info := d.Fingerprint(testContext(t)); info.Detected || info.Healthy || info.HealthDescription != "disabled" {
		t.Errorf("fingerprint %+v", info)
	}
	if _, err := d.Start(testContext(t), task); !errors.Is(err, api.ErrNotSupported) {
		t.Errorf("start: %v", err)
	}
}

func TestAProgramWithoutAShimBesideItIsTheShim(t *testing.T) {
	_, task := newTask(t, rawexec.Options{}, "exit 6")
	d := rawexec.New(rawexec.Options{Plugin: rawexec.Plugin{Enabled: true}})
	if result, err := d.Wait(testContext(t), start(t, d, task)); err != nil || result.ExitCode != 6 {
		t.Errorf("result %+v, %v", result, err)
	}
}

func TestAMissingShimMakesTheDriverUnhealthy(t *testing.T) {
	_, task := newTask(t, rawexec.Options{}, "true")
	d := rawexec.New(rawexec.Options{Plugin: rawexec.Plugin{Enabled: true}, ShimPath: "/no/such/drover-shim"})
	if info := d.Fingerprint(testContext(t)); !info.Detected || info.Healthy || !strings.Contains(info.HealthDescription, "/no/such") {
		t.Errorf("fingerprint %+v", info)
	}
	if _, err := d.Start(testContext(t), task); err == nil {
		t.Error("started without a shim")
	}
}

func TestAConfigIsCheckedKeyByKey(t *testing.T) {
	for name, c := range map[string]struct {
		config map[string]any
		want   []string // fields that are wrong; nil: none
	}{
		"all keys":          {map[string]any{"command": "sh", "args": []any{"a", 1, 2.5, true}, "work_dir": "/"}, nil},
		"strings":           {map[string]any{"command": "sh", "args": []string{"a"}}, nil},
		"nothing":           {map[string]any{}, []string{"command"}},
		"empty command":     {map[string]any{"command": ""}, []string{"command"}},
		"wrong types":       {map[string]any{"command": []any{"sh"}, "args": "a", "work_dir": map[string]any{}}, []string{"command", "work_dir", "args"}},
		"a list in a list":  {map[string]any{"command": "sh", "args": []any{"a", []any{}}}, []string{"args[1]"}},
		"relative work_dir": {map[string]any{"command": "sh", "work_dir": "a"}, []string{"work_dir"}},
		"unknown keys":      {map[string]any{"command": "sh", "image": "x", "arg": nil}, []string{"arg", "image"}},
		"further options": {map[string]any{
			"command": "sh", "cgroup_v2_override": "x", "oom_score_adj": 1, "denied_envvars": []any{"A*"},
			"cgroup_v1_override": []map[string]any{{"pids": "x"}},
		}, nil},
		"wrong values": {map[string]any{"command": "sh", "oom_score_adj": 1001, "denied_envvars": []any{"[", "A"}, "cgroup_v1_override": "x"}, []string{"oom_score_adj", "cgroup_v1_override", "denied_envvars"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := rawexec.New(rawexec.Options{}).Validate(c.config)
			var invalid *api.InvalidError
			var got []string
			if errors.As(err, &invalid) {
				for _, f := range invalid.Fields {
					got = append(got, f.Field)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("wrong are %q, want %q: %v", got, c.want, err)
			}
		})
	}
}

func TestATaskIsStoppedAlsoWhenNothingCanBeWritten(t *testing.T) {
	d, task := newTask(t, rawexec.Options{}, "exec sleep 1000")
	h := start(t, d, task)
	if err := os.Mkdir(filepath.Join(task.StateDir, shim.StopFile), 0o700); err != nil { // so that no file can be put there
		t.Fatal(err)
	}
	if err := d.Stop(testContext(t), h, "SIGINT", time.Hour); err != nil {
		t.Fatal(err)
	}
	result, err := d.Wait(testContext(t), h)
	if err != nil || result.Signal != int(unix.SIGTERM) {
		t.Errorf("ended with %+v, %v", result, err)
	}
}

func TestAStartWithoutARecordLeavesNothingBehind(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	fake := filepath.Join(t.TempDir(), shim.Name)
	script := "#!/bin/sh\necho $$ >" + pid + "\necho " + shim.Running + " >&4\nexec 4>&-\nexec sleep 1000\n"
	if err := os.WriteFile(fake, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	_, task := newTask(t, rawexec.Options{}, "true")
	d := rawexec.New(rawexec.Options{Plugin: rawexec.Plugin{Enabled: true, NoCgroups: true}, ShimPath: fake})
	if h, err := d.Start(testContext(t), task); err == nil {
		t.Errorf("started %+v", h)
	}
	if lives(t, awaitFile(t, pid, "\n")) {
		t.Error("what was started lives on")
	}
}

func TestATaskRunsOnItsCoresAndSoDoWhatItStartsAndCommandsBesideIt(t *testing.T) {
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		t.Fatal(err)
	}
	last := uint16(0)
	for id := range uint16(1024) {
		if may.IsSet(int(id)) {
			last = id
		}
	}
	const show = `grep Cpus_allowed_list: /proc/self/status`
	d, task := newTask(t, rawexec.Options{}, show+` > allowed; exec sleep 1000`)
	task.Resources.Cpu.ReservedCores = []uint16{last}
	h := start(t, d, task)
	want := "Cpus_allowed_list:\t" + strconv.Itoa(int(last)) + "\n"
	if got := awaitFile(t, filepath.Join(task.Dir, "allowed"), "\n"); got != want {
		t.Errorf("the task runs on %q, want %q", got, want)
	}
	out := &strings.Builder{}
	if _, err := d.Exec(testContext(t), h, driver.Command{Args: []string{"/bin/sh", "-c", show}, Stdout: out, Stdin: strings.NewReader(""), Stderr: out}); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("a command runs on %q, want %q", out, want)
	}
}

func TestATaskWhoseCoresAreNotThereDoesNotStart(t *testing.T) {
	d, task := newTask(t, rawexec.Options{}, "true")
	task.Resources.Cpu.ReservedCores = []uint16{1000}
	if _, err := d.Start(testContext(t), task); err == nil || !strings.Contains(err.Error(), "pin the task to its cores") {
		t.Errorf("got %v", err)
	}
}

func TestATaskDoesNotStartOutsideOfItsNetwork(t *testing.T) {
	d, task := newTask(t, rawexec.Options{}, "exec sleep 1000")
	task.Network.Namespace = filepath.Join(t.TempDir(), "gone")
	if _, err := d.Start(testContext(t), task); err == nil || !strings.Contains(err.Error(), "open the network namespace "+task.Network.Namespace) {
		t.Errorf("got %v", err)
	}
}
