package docker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

// engine is a Docker engine of these tests alone, in a network namespace of its own, so
// that what it does to bridges and packet filters concerns nobody. As on a real machine,
// its containerd is a program beside it, which outlives it.
type engine struct {
	dir        string
	args       []string
	containerd *exec.Cmd
	cmd        *exec.Cmd
	cli        *client.Client
}

// errNoEngine says why there can be none here.
var errNoEngine = errors.New("no Docker engine can be started here")

const patience = 3 * time.Minute

// startEngine starts an engine that answers.
func startEngine(dir string, args ...string) (*engine, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: not root", errNoEngine)
	}
	for _, program := range []string{"dockerd", "containerd", "ip", "iptables", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoEngine, err)
		}
	}
	e := &engine{dir: dir, args: args}
	var err error
	if e.cli, err = client.New(client.WithHost(e.endpoint())); err != nil {
		return nil, err
	}
	if err := e.startContainerd(); err != nil {
		return nil, err
	}
	return e, e.start()
}

func (e *engine) in(name string) string { return filepath.Join(e.dir, name) }

func (e *engine) endpoint() string { return "unix://" + e.in("socket") }

func (e *engine) run(cmd *exec.Cmd) error {
	log, err := os.OpenFile(e.in("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	return cmd.Start()
}

func (e *engine) startContainerd() error {
	config := "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"
	if err := os.WriteFile(e.in("containerd.toml"), []byte(config), 0o600); err != nil {
		return err
	}
	e.containerd = exec.Command("/bin/sh", "-c", `ip link set lo up && exec containerd "$@"`, "containerd", "--config", e.in("containerd.toml"),
		"--root", e.in("containerd"), "--state", e.in("containerd-state"), "--address", e.in("containerd.sock"))
	e.containerd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Setsid: true}
	return e.run(e.containerd)
}

// start starts the engine, the first time or again.
func (e *engine) start() error {
	args := append([]string{
		"--net=" + e.namespace(), "dockerd", "--containerd", e.in("containerd.sock"), "--storage-driver=vfs", "--data-root", e.in("data"),
		"--exec-root", e.in("exec"), "--pidfile", e.in("pid"), "--host", e.endpoint(), "--bip=10.213.0.1/24", "--shutdown-timeout=2",
	}, e.args...)
	e.cmd = exec.Command("nsenter", args...)
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := e.run(e.cmd); err != nil {
		return err
	}
	return e.await()
}

func (e *engine) namespace() string {
	return "/proc/" + strconv.Itoa(e.containerd.Process.Pid) + "/ns/net"
}

// await waits until the engine answers.
func (e *engine) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := e.cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			said, err := os.ReadFile(e.in("log"))
			return errors.Join(fmt.Errorf("the engine does not answer: %s", said), err, stop(e.cmd, unix.SIGKILL))
		}
	}
}

// stop ends a program by a signal.
func stop(cmd *exec.Cmd, signal os.Signal) error {
	if err := cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
		return err
	}
	return nil
}

// clean ends the engine and removes what it leaves.
func (e *engine) clean() error {
	err := errors.Join(stop(e.cmd, unix.SIGTERM), stop(e.containerd, unix.SIGTERM), e.cli.Close())
	mounts, readErr := os.ReadFile("/proc/self/mounts")
	err = errors.Join(err, readErr)
	for line := range bytes.Lines(mounts) {
		if at := string(bytes.Fields(line)[1]); len(at) > len(e.dir) && at[:len(e.dir)] == e.dir {
			err = errors.Join(err, unix.Unmount(at, unix.MNT_DETACH))
		}
	}
	return errors.Join(err, os.RemoveAll(e.dir))
}

// inNetwork does something in the engine's network namespace.
func (e *engine) inNetwork(do func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with this goroutine
		ns, err := os.Open(e.namespace())
		if err == nil {
			err = errors.Join(unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET), ns.Close())
		}
		if err == nil {
			err = do()
		}
		failed <- err
	}()
	return <-failed
}

func (e *engine) listen() (l net.Listener, err error) {
	err = e.inNetwork(func() error {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	return l, err
}

func (e *engine) dial(address string) (c net.Conn, err error) {
	err = e.inNetwork(func() error {
		c, err = net.DialTimeout("tcp", address, patience)
		return err
	})
	return c, err
}

// importImage makes an image of an archive of its root.
func (e *engine) importImage(name string, root io.Reader, changes ...string) error {
	answer, err := e.cli.ImageImport(context.Background(), client.ImageImportSource{Source: root, SourceName: "-"}, name, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return err
	}
	said, err := io.ReadAll(answer)
	err = errors.Join(err, answer.Close())
	if bytes.Contains(said, []byte(`"error"`)) {
		err = errors.Join(err, fmt.Errorf("import: %s", said))
	}
	return err
}

// theEngine is that of all tests of the package; nil where there is none.
func theEngine(t *testing.T) *engine {
	t.Helper()
	if shared == nil {
		t.Skip("not run: " + noEngine.Error())
	}
	return shared
}
