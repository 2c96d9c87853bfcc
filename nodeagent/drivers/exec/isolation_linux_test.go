package exec_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
)

// run runs a task to its end and returns what it said.
func run(t *testing.T, d *isolated.Driver, task driver.Task) (driver.ExitResult, string) {
	t.Helper()
	result, err := d.Wait(heldtest.Context(t), heldtest.Start(t, d, task))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range []driver.LogFile{task.Stdout, task.Stderr} {
		b, err := os.ReadFile(filepath.Join(f.Dir, f.Prefix+".0"))
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	return result, text.String()
}

// newTask describes a task that runs a script, with the directories that one has.
func newTask(t *testing.T, script string) driver.Task {
	t.Helper()
	task := heldtest.NewTask(t, script)
	task.AllocDir, task.SecretsDir = filepath.Join(filepath.Dir(task.Dir), "alloc"), filepath.Join(task.Dir, "secrets")
	for _, dir := range []string{task.AllocDir, filepath.Join(task.Dir, "local"), filepath.Join(task.Dir, "tmp")} {
		mkdir(t, dir, 0o777)
	}
	mkdir(t, task.SecretsDir, 0o700)
	if err := os.Chmod(task.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return task
}

func mkdir(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(dir, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestATaskHasItsDirectoriesAndIsNobody(t *testing.T) {
	needIsolation(t)
	task := newTask(t, `id -un; pwd; cat /alloc/shared; echo mine > /secrets/x; echo there > /alloc/made; echo here > local/made
		echo tmp > /tmp/made; echo root > made; echo $$; ls /dev; echo null > /dev/null; head -c 3 /dev/urandom | wc -c`)
	write(t, filepath.Join(task.AllocDir, "shared"), "from the allocation\n")
	result, out := run(t, newDriver(t, nil), task)
	if !result.Successful() {
		t.Errorf("ended with %+v", result)
	}
	want := "nobody\n/\nfrom the allocation\n2\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n3\n"
	if out != want {
		t.Errorf("the task says %q, want %q", out, want)
	}
	for name, want := range map[string]string{"alloc/made": "there", "main/local/made": "here", "main/tmp/made": "tmp", "main/made": "root", "main/secrets/x": "mine"} {
		if got := heldtest.AwaitFile(t, filepath.Join(filepath.Dir(task.Dir), name), ""); got != want+"\n" {
			t.Errorf("%s is %q on the node, want %q", name, got, want)
		}
	}
}

func TestATaskSeesNothingOfOthers(t *testing.T) {
	needIsolation(t)
	d := newDriver(t, nil)
	other := newTask(t, `touch /tmp/ready; exec sleep 1000`)
	write(t, filepath.Join(other.SecretsDir, "the-secret"), "secret")
	heldtest.Start(t, d, other)
	heldtest.AwaitFile(t, filepath.Join(other.Dir, "tmp", "ready"), "")
	outside := newTask(t, "").Dir
	for _, user := range []string{"", "root"} {
		task := newTask(t, `
			set -- /proc/[0-9]*; echo processes $#
			find / -xdev -name the-secret; ls -d `+outside+` `+other.Dir+` /proc/1/root/ /proc/1/cwd/ /proc/1/fd/* 2>/dev/null
			kill -9 1; kill -9 `+strconv.Itoa(os.Getpid())+`; echo alive
			ls /sys/fs/cgroup; grep -c . /proc/self/cgroup >/dev/null; cat /proc/self/cgroup | grep drover; hostname >/dev/null
			cat /etc/shadow /etc/gshadow; ls -A /etc/ssl/private 2>/dev/null`)
		task.User = user
		_, out := run(t, d, task)
		lines := strings.Split(out, "\n")
		if lines[0] != "processes 2" { // the keeper and the shell
			t.Errorf("as %q, the task sees %s", user, lines[0])
		}
		for _, line := range lines[1:] {
			if line != "" && line != "alive" && !strings.Contains(line, "No such process") && !strings.Contains(line, "not permitted") {
				t.Errorf("as %q, the task sees or says %q", user, line)
			}
		}
	}
}

func TestATaskCanNotChangeTheNode(t *testing.T) {
	needIsolation(t)
	node := t.TempDir()
	script := `
		for f in /etc/x /usr/x /bin/x /lib/x /sbin/x /dev/x /dev/null/x /sys/x /proc/sys/kernel/domainname /proc/sysrq-trigger /etc/passwd /usr/bin/env; do
			(echo changed > $f) 2>/dev/null && echo wrote $f
		done
		mknod /dev/disk b 8 0 && echo made a device
		mknod /local/disk c 1 3 && (echo x > /local/disk) 2>/dev/null && echo wrote to a device
		mount -t tmpfs none /local && echo mounted
		mount -o remount,rw /usr && echo remounted
		umount /etc && echo unmounted
		unshare -m true && echo made a namespace
		unshare -Ur true && echo made a user namespace
		nsenter -t 1 -m ls ` + node + ` && echo entered
		chroot /proc/1/root ls ` + node + ` && echo went out
		(echo x > /proc/1/oom_score_adj) && echo adjusted
		dmesg >/dev/null && echo read the log of the kernel
		hostname changed && echo renamed the host
		echo done >&3`
	for _, user := range []string{"", "root"} {
		task := newTask(t, "exec 3>&1; exec 2>/dev/null;"+script)
		task.User = user
		if _, out := run(t, newDriver(t, nil), task); out != "done\n" {
			t.Errorf("as %q: %s", user, out)
		}
	}
}

func TestATaskHasTheRightsThatItIsLeft(t *testing.T) {
	needIsolation(t)
	const show = `grep -E '^(CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\t\n'`
	for name, c := range map[string]struct {
		plugin map[string]any
		config map[string]any
		user   string
		want   string
	}{
		"by default": {nil, nil, "", "CapEff:00000000a80405fbCapBnd:00000000a80405fbCapAmb:00000000a80405fbNoNewPrivs:1Seccomp:2"},
		"root":       {nil, nil, "root", "CapEff:00000000a80405fbCapBnd:00000000a80405fbCapAmb:0000000000000000NoNewPrivs:1Seccomp:2"},
		"all dropped": {
			nil,
			map[string]any{"cap_drop": []any{"all"}},
			"root",
			"CapEff:0000000000000000CapBnd:0000000000000000CapAmb:0000000000000000NoNewPrivs:1Seccomp:2",
		},
		"one added": {
			map[string]any{"allow_caps": []any{"CAP_NET_RAW", "chown"}},
			map[string]any{"cap_add": []any{"net_raw"}},
			"",
			"CapEff:0000000000002001CapBnd:0000000000002001CapAmb:0000000000002001NoNewPrivs:1Seccomp:2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			task := newTask(t, show)
			task.User = c.user
			for key, value := range c.config {
				task.Config[key] = value
			}
			if _, out := run(t, newDriver(t, c.plugin), task); out != c.want {
				t.Errorf("the task has %s, want %s", out, c.want)
			}
		})
	}
}

func TestAnEarlierRunCanNotLeadTheNextAstray(t *testing.T) {
	needIsolation(t)
	node := t.TempDir()
	mkdir(t, node, 0o777)
	d := newDriver(t, nil)
	task := newTask(t, `
		for name in alloc dev proc sys etc usr bin; do rmdir $name 2>/dev/null || mv $name old-$name; ln -s `+node+` $name; done
		true`)
	// The task's directory as the task could leave it, had it not been its root.
	for _, name := range []string{"alloc", "dev", "proc", "sys", "etc", "usr", "bin", "lib", "run"} {
		if err := os.Symlink(node, filepath.Join(task.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	task.Mounts = []driver.Mount{{Source: t.TempDir(), Target: "/run/deep/er"}}
	if _, err := d.Start(heldtest.Context(t), task); err == nil || !strings.Contains(err.Error(), "/run/deep/er") {
		t.Errorf("a mount below a link: %v", err)
	}
	task.Mounts = nil
	if err := os.Remove(filepath.Join(task.Dir, "run")); err != nil {
		t.Fatal(err)
	}
	task.Config["args"] = []any{"-c", "ls -d /etc/passwd /alloc/."}
	if result, out := run(t, d, task); !result.Successful() {
		t.Errorf("%+v: %s", result, out)
	}
	if left, err := os.ReadDir(node); err != nil || len(left) > 0 {
		t.Errorf("the start made %v, %v", left, err)
	}
	task.ID, task.StateDir = task.AllocID+"/main/2", task.StateDir+"2"
	if err := os.Rename(task.SecretsDir, task.SecretsDir+"-old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(node, task.SecretsDir); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Start(heldtest.Context(t), task); err == nil || !strings.Contains(err.Error(), "secrets") {
		t.Errorf("with a link for the secrets: %v", err)
	}
}

func TestWhatTheShimHasOpenLeadsNowhere(t *testing.T) {
	needIsolation(t)
	d := newDriver(t, nil)
	for _, dir := range []string{"/proc/self/fd/3", "/proc/self/fd/5", "/proc/self/cwd", "/proc/self/root"} {
		task := newTask(t, "ls")
		task.Config["work_dir"] = dir
		if h, err := d.Start(heldtest.Context(t), task); err == nil {
			heldtest.Start(t, d, task)
			t.Errorf("work_dir %s: %+v", dir, h)
		}
	}
	for _, command := range []string{"/proc/self/exe", "/proc/1/exe"} {
		task := newTask(t, "")
		task.User, task.Config["command"] = "root", command
		if h, err := d.Start(heldtest.Context(t), task); err == nil {
			heldtest.Start(t, d, task)
			t.Errorf("command %s: %+v", command, h)
		}
	}
}
