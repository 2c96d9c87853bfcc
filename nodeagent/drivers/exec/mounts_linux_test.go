package exec_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/shim"
)

func TestMountsAreWhereTheTaskWantsThem(t *testing.T) {
	needIsolation(t)
	data, files, single := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "file")
	for _, dir := range []string{data, files} {
		mkdir(t, dir, 0o777)
		write(t, filepath.Join(dir, "there"), "from "+filepath.Base(dir)+"\n")
	}
	write(t, single, "a single file\n")
	task := newTask(t, `cat /data/there /usr/share/no/such/place/there /srv/f; echo x > /data/written
		echo x > /usr/share/no/such/place/written; echo x > /usr/x; ls /usr/bin/env; stat -f -c %T /usr`)
	task.Mounts = []driver.Mount{
		{Source: data, Target: "/data"},
		{Source: files, Target: "/usr/share/no/such/place", ReadOnly: true},
		{Source: single, Target: "/srv/f", ReadOnly: true},
	}
	_, out := run(t, newDriver(t, nil), task)
	want := fmt.Sprintf("from %s\nfrom %s\na single file\n/usr/bin/env\noverlayfs\n", filepath.Base(data), filepath.Base(files))
	if !strings.HasPrefix(out, want) || strings.Count(out, "Read-only file system") != 2 {
		t.Errorf("the task says %s", out)
	}
	heldtest.AwaitFile(t, filepath.Join(data, "written"), "x")
	if _, err := os.Stat("/usr/share/no"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("on the node there is the place of a mount, %v", err)
	}
}

func TestMountsSeeWhatTheNodeMountsLaterIfTheyAreTo(t *testing.T) {
	needIsolation(t)
	node := t.TempDir()
	mount := func(target, kind string, flags uintptr) {
		t.Helper()
		if err := unix.Mount("tmpfs", target, kind, flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	mount(node, "tmpfs", 0)
	t.Cleanup(func() {
		if err := unix.Unmount(node, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	mount(node, "", unix.MS_SHARED)
	mkdir(t, filepath.Join(node, "later"), 0o755)
	task := newTask(t, `while [ ! -e /local/go ]; do sleep 0.01; done; ls /follows/later /private/later`)
	task.Mounts = []driver.Mount{{Source: node, Target: "/follows", Propagation: "host-to-task"}, {Source: node, Target: "/private", Propagation: "private"}}
	d := newDriver(t, nil)
	h := heldtest.Start(t, d, task)
	mount(filepath.Join(node, "later"), "tmpfs", 0)
	write(t, filepath.Join(node, "later", "new"), "")
	write(t, filepath.Join(task.Dir, "local", "go"), "")
	if _, err := d.Wait(heldtest.Context(t), h); err != nil {
		t.Fatal(err)
	}
	if out := heldtest.AwaitFile(t, filepath.Join(task.Stdout.Dir, "out.0"), "private"); out != "/follows/later:\nnew\n\n/private/later:\n" {
		t.Errorf("the task sees %q", out)
	}
}

// newNamespace makes a network namespace in which nothing is but loopback, for as long
// as the test runs, and returns its path.
func newNamespace(t *testing.T) string {
	t.Helper()
	holder := osexec.Command("sleep", "1000")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := holder.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := holder.Wait(); err == nil {
			t.Error("it ended by itself")
		}
	})
	return fmt.Sprintf("/proc/%d/ns/net", holder.Process.Pid)
}

func TestATaskIsInTheNetworkOfItsAllocation(t *testing.T) {
	needIsolation(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	task := newTask(t, `hostname; cat /etc/hosts /etc/resolv.conf; readlink /proc/self/ns/net; ls /sys/class/net; wc -l < /proc/net/dev; exec sleep 1000`)
	task.Network = driver.Network{
		Namespace: newNamespace(t), Hostname: "web-1",
		Hosts: filepath.Join(dir, "hosts"), Resolv: filepath.Join(dir, "resolv.conf"),
	}
	write(t, task.Network.Hosts, "127.0.0.1 web-1\n")
	write(t, task.Network.Resolv, "nameserver 192.0.2.1\n")
	d := newDriver(t, nil)
	h := heldtest.Start(t, d, task)
	ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", h.PID))
	if err != nil {
		t.Fatal(err)
	}
	want := "web-1\n127.0.0.1 web-1\nnameserver 192.0.2.1\n" + ns + "\nlo\n3\n"
	if out := heldtest.AwaitFile(t, filepath.Join(task.Stdout.Dir, "out.0"), "\n3\n"); out != want {
		t.Errorf("the task says %q, want %q", out, want)
	}
	if own, err := os.Readlink("/proc/self/ns/net"); err != nil || own == ns {
		t.Errorf("the network is that of the node: %s, %v", own, err)
	}
	var out strings.Builder
	c := driver.Command{Args: []string{"readlink", "/proc/self/ns/net"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}
	if _, err := d.Exec(heldtest.Context(t), h, c); err != nil || out.String() != ns+"\n" {
		t.Errorf("a command is in %q, %v", out.String(), err)
	}
}

func TestThePlacesOfTheNodeAreWhereItsOperatorWantsThem(t *testing.T) {
	needIsolation(t)
	tools := t.TempDir()
	write(t, filepath.Join(tools, "there"), "")
	write(t, filepath.Join(tools, "hidden"), "secret")
	d := driverWith(t, map[string]string{"/bin": "/bin", "/lib": "/lib", "/lib64": "/lib64", "/usr": "/usr", tools: "/opt/tools", "/no/such": "/no/such"}, filepath.Join(tools, "hidden"))
	_, out := run(t, d, newTask(t, "ls /opt/tools; cat /opt/tools/hidden; ls /etc"))
	if !strings.HasPrefix(out, "hidden\nthere\n") || strings.Contains(out, "secret") || !strings.Contains(out, "/etc'") {
		t.Errorf("the task says %q", out)
	}
}

func TestARootCanBeMadeWithoutPivoting(t *testing.T) {
	needIsolation(t)
	d := newDriver(t, map[string]any{"no_pivot_root": true})
	task := newTask(t, "ls /alloc/. "+os.TempDir()+"; exec sleep 1000")
	h := heldtest.Start(t, d, task)
	heldtest.AwaitFile(t, filepath.Join(task.Stdout.Dir, "err.0"), "") // there is no such directory, or nothing in it
	var out strings.Builder
	c := driver.Command{Args: []string{"ls", "/"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}
	if _, err := d.Exec(heldtest.Context(t), h, c); err != nil {
		t.Fatal(err)
	}
	if want := "alloc\nbin\ndev\netc\nlib\n"; !strings.HasPrefix(out.String(), want) || !strings.Contains(out.String(), "secrets\n") {
		t.Errorf("a command sees %q", out.String())
	}
}

func TestAnArtifactIsMadeAProgram(t *testing.T) {
	needIsolation(t)
	for _, command := range []string{"local/tool", "/local/tool", "tool"} {
		task := newTask(t, "")
		write(t, filepath.Join(task.Dir, "local", "tool"), "#!/bin/sh\necho made\n")
		task.Config = map[string]any{"command": command}
		if _, out := run(t, newDriver(t, nil), task); out != "made\n" {
			t.Errorf("%s says %q", command, out)
		}
	}
}

// leftovers lists what tasks could leave on the node: mounts, control groups, shims.
func leftovers(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, heldtest.Dir()) {
			list.WriteString(line)
		}
	}
	err = filepath.WalkDir("/sys/fs/cgroup", func(path string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() && strings.Contains(path, testGroup()) {
			list.WriteString(path + "\n")
		}
		return nil // groups of others come and go
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := shim.Processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
		if err == nil && strings.Contains(string(name), heldtest.Dir()) {
			fmt.Fprintf(&list, "%q\n", name)
		}
	}
	return list.String()
}

func TestNothingIsLeftOfATask(t *testing.T) {
	needIsolation(t)
	d := newDriver(t, nil)
	run(t, d, newTask(t, "true")) // makes the groups that all tasks share
	before := leftovers(t)
	kill := func(of func(*shim.Started) int) func(driver.Task) {
		return func(task driver.Task) {
			started, err := shim.ReadStarted(task.StateDir)
			if err == nil {
				err = unix.Kill(of(started), unix.SIGKILL)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, end := range map[string]func(driver.Task){
		"its own end":            func(task driver.Task) { write(t, filepath.Join(task.Dir, "local", "go"), "") },
		"the end of its shim":    kill(func(s *shim.Started) int { return s.ShimPID }),
		"the end of its keeper":  kill(func(s *shim.Started) int { return s.Keeper.PID }),
		"the kill of its parent": kill(func(s *shim.Started) int { return s.PID }),
	} {
		for _, mode := range []string{"private", "host"} {
			if name == "the end of its keeper" && mode == "host" {
				continue // there is none
			}
			task := newTask(t, `setsid sleep 1000 & while [ ! -e /local/go ]; do sleep 0.01; done`)
			task.Config["pid_mode"] = mode
			h := heldtest.Start(t, d, task)
			beside := make(chan error)
			go func() {
				_, err := d.Exec(heldtest.Context(t), h, driver.Command{
					Args: []string{"sh", "-c", "touch /local/beside; setsid sleep 1000 & sleep 1000"}, Stdin: strings.NewReader(""), Stdout: os.Stderr, Stderr: os.Stderr,
				})
				beside <- err
			}()
			heldtest.AwaitFile(t, filepath.Join(task.Dir, "local", "beside"), "")
			end(task)
			if _, err := d.Wait(heldtest.Context(t), h); err != nil {
				t.Error(err)
			}
			<-beside // whatever it says of a task that was killed
			if err := d.Destroy(heldtest.Context(t), h); err != nil {
				t.Error(err)
			}
			if after := leftovers(t); after != before {
				t.Errorf("after %s (pid_mode %s) there is\n%s\nbefore there was\n%s", name, mode, after, before)
			}
		}
	}
}

func TestAFailedStartLeavesNothingEither(t *testing.T) {
	needIsolation(t)
	d := newDriver(t, nil)
	run(t, d, newTask(t, "true"))
	before := leftovers(t)
	for name, change := range map[string]func(*driver.Task){
		"no such program": func(task *driver.Task) { task.Config["command"] = "no-such-program" },
		"no such mount":   func(task *driver.Task) { task.Mounts = []driver.Mount{{Source: "/no/such", Target: "/m"}} },
		"no such network": func(task *driver.Task) { task.Network.Namespace = "/no/such" },
		"too many cores":  func(task *driver.Task) { task.Resources.Cpu.ReservedCores = []uint16{1000} },
	} {
		task := newTask(t, "true")
		change(&task)
		if _, err := d.Start(heldtest.Context(t), task); err == nil {
			t.Errorf("%s: started", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
		if after := leftovers(t); after != before {
			t.Errorf("%s: there is\n%s\nbefore there was\n%s", name, after, before)
		}
	}
}
