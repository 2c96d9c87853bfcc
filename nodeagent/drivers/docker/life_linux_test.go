package docker_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/docker"
)

func TestTheNodesDescriptionSaysWhatTheEngineIs(t *testing.T) {
	b := newBench(t, map[string]any{"volumes": map[string]any{"enabled": true}, "allow_privileged": true})
	info := b.driver.Fingerprint(b.ctx)
	if !info.Detected || !info.Healthy {
		t.Fatalf("%+v", info)
	}
	for name, want := range map[string]string{
		"": "true", ".os_type": "linux", ".bridge_ip": "10.213.0.1", ".volumes.enabled": "true", ".privileged.enabled": "true",
	} {
		if got := info.Attributes["driver.docker"+name]; got != want {
			t.Errorf("driver.docker%s is %q, want %q", name, got, want)
		}
	}
	if a := info.Attributes; a["driver.docker.version"] == "" || !strings.Contains(a["driver.docker.runtimes"], "runc") {
		t.Errorf("attributes %v", a)
	}
}

func TestWithoutAnEngineThereIsNoDriver(t *testing.T) {
	for name, config := range map[string]map[string]any{
		"none there":      {"endpoint": "unix:///no/such/socket"},
		"a wrong address": {"endpoint": "nonsense"},
		"disabled":        {"enabled": false},
	} {
		o, err := docker.ParseOptions(config)
		if err != nil {
			t.Fatal(err)
		}
		o.Dir = t.TempDir()
		d := docker.New(o)
		if info := d.Fingerprint(t.Context()); info.Detected || info.Healthy || info.HealthDescription == "" {
			t.Errorf("%s: %+v", name, info)
		}
		task := driver.Task{ID: "a/b/1", StateDir: filepath.Join(o.Dir, "state"), Config: map[string]any{"image": "x"}}
		if _, err := d.Start(t.Context(), task); err == nil {
			t.Errorf("%s: started", name)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// await waits until the fingerprint says that the engine is healthy, or not, as an agent
// does.
func (b *bench) awaitHealth(want bool) {
	b.t.Helper()
	for b.driver.Fingerprint(b.ctx).Healthy != want {
		if b.driver.Watch(b.ctx); b.ctx.Err() != nil {
			b.t.Fatalf("waited in vain for the engine to be healthy: %v", want)
		}
	}
}

func TestATaskOutlivesAnEngineThatKeepsItAlive(t *testing.T) {
	b := newBench(t, nil)
	ends := b.task("sleep 1000", nil)
	hEnds := b.start(ends)
	lives := b.task(`echo before; until [ -e /local/go ]; do sleep 0.05; done; echo after; exit 7`, nil)
	hLives := b.start(lives)
	b.awaitOutput(lives, "before")
	b.awaitHealth(true)

	type ending struct {
		result driver.ExitResult
		err    error
	}
	ended := make(chan ending, 1)
	go func() {
		result, err := b.driver.Wait(b.ctx, hEnds)
		ended <- ending{result, err}
	}()
	restart := func(args ...string) {
		t.Helper()
		if err := stop(b.engine.cmd, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		b.awaitHealth(false)
		b.engine.args = args
		if err := b.engine.start(); err != nil {
			t.Fatal(err)
		}
		b.awaitHealth(true)
	}
	restart("--live-restore")
	if err := os.WriteFile(filepath.Join(lives.Dir, "local", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if result := b.wait(hLives); result.ExitCode != 7 {
		t.Errorf("result %+v", result)
	}
	if got := b.output(lives.Stdout); got != "before\nafter\n" {
		t.Errorf("output %q", got)
	}
	select {
	case e := <-ended:
		t.Fatalf("the other task has ended, too: %+v", e)
	default:
	}
	restart() // now it kills what runs
	if e := <-ended; e.err != nil || e.result.Successful() {
		t.Errorf("the other task: %+v", e)
	}
}

func TestAnEngineThatHangsHoldsNobodyUp(t *testing.T) {
	b := newBench(t, nil)
	b.awaitHealth(true)
	if err := b.engine.cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.awaitHealth(false)
	ctx, cancel := context.WithTimeout(b.ctx, 100*time.Millisecond)
	defer cancel()
	_, err := b.driver.Start(ctx, b.task("true", nil))
	if err := b.engine.cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Error("it started a task")
	}
	b.awaitHealth(true)
}

// make makes a container by hand, as a call of an agent that was killed has.
func (b *bench) makeDangling(name, agent, while string) {
	b.t.Helper()
	_, err := b.engine.cli.ContainerCreate(b.ctx, client.ContainerCreateOptions{Name: name, Config: &container.Config{
		Image: shell, Cmd: []string{"/bin/sh"}, Labels: map[string]string{"io.drover.agent": agent, "io.drover.while": while},
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_, err := b.engine.cli.ContainerRemove(context.Background(), name, client.ContainerRemoveOptions{Force: true})
		if err != nil && !cerrdefs.IsNotFound(err) {
			b.t.Error(err)
		}
	})
}

func (b *bench) hasContainer(name string) bool {
	b.t.Helper()
	_, err := b.engine.cli.ContainerInspect(b.ctx, name, client.ContainerInspectOptions{})
	if err != nil && !cerrdefs.IsNotFound(err) {
		b.t.Fatal(err)
	}
	return err == nil
}

func TestContainersThatBelongToNoTaskAreRemoved(t *testing.T) {
	dangling := func(more map[string]any) map[string]any {
		d := map[string]any{"period": "1s", "creation_grace": "0s"}
		for key, value := range more {
			d[key] = value
		}
		return map[string]any{"gc": map[string]any{"image": false, "dangling_containers": d}}
	}
	b := newBench(t, dangling(nil))
	h := b.start(b.task("sleep 1000", nil))
	if _, err := b.driver.MakeNetwork(b.ctx, "alloc-net", ""); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(b.dir, "agent")
	b.makeDangling("dangles", own, filepath.Join(b.dir, "gone"))
	b.makeDangling("anothers", filepath.Join(b.dir, "other"), filepath.Join(b.dir, "gone"))
	if !b.driver.Fingerprint(b.ctx).Healthy { // begins to look
		t.Fatal("the engine is not healthy")
	}
	b.await("the container to be removed", func() bool { return !b.hasContainer("dangles") })
	for _, name := range []string{string(h.State), "anothers", "drover_net_alloc-net"} {
		if !b.hasContainer(name) {
			t.Errorf("%s was removed, too", name)
		}
	}
	if err := b.driver.RemoveNetwork(b.ctx, "alloc-net"); err != nil {
		t.Error(err)
	}
}

func TestEndedContainersStayIfTheOperatorWantsToLookAtThem(t *testing.T) {
	b := newBench(t, map[string]any{"gc": map[string]any{"image": false, "container": false}})
	task := b.task("exit 3", nil)
	h := b.start(task)
	b.wait(h)
	b.destroy(h)
	if !b.hasContainer(string(h.State)) {
		t.Error("it was removed")
	}
	if _, err := os.Stat(task.StateDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state directory: %v", err)
	}
	_, err := b.engine.cli.ContainerRemove(b.ctx, string(h.State), client.ContainerRemoveOptions{Force: true})
	if err != nil {
		t.Error(err)
	}
}
