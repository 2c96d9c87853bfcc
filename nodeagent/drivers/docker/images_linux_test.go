package docker_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/nodeagent/driver"
)

// forget removes an image at the end of a test.
func (b *bench) forget(image string) {
	b.t.Cleanup(func() {
		_, err := b.engine.cli.ImageRemove(context.Background(), image, client.ImageRemoveOptions{Force: true})
		if err != nil && !cerrdefs.IsNotFound(err) {
			b.t.Error(err)
		}
	})
}

func (b *bench) isHere(image string) bool {
	b.t.Helper()
	_, err := b.engine.cli.ImageInspect(b.ctx, image)
	if err != nil && !cerrdefs.IsNotFound(err) {
		b.t.Fatal(err)
	}
	return err == nil
}

func TestAnImageIsPulledWhenItIsNotHereOrShallBe(t *testing.T) {
	b := newBench(t, nil)
	r := startRegistry(t, b.engine, false)
	for _, c := range []struct {
		image string
		force bool
		pulls int
	}{
		{"open/web:1", false, 1},
		{"open/web:1", false, 1},
		{"open/web:1", true, 2},
		{"open/web", false, 3}, // latest
		{"open/web:latest", false, 4},
	} {
		image := r.addr + "/" + c.image
		b.forget(image)
		b.run(b.task("true", map[string]any{"image": image, "force_pull": c.force}))
		if got := r.pulled("open/web"); got != c.pulls {
			t.Errorf("%+v: %d pulls", c, got)
		}
	}
}

func TestTasksThatStartTogetherPullOnce(t *testing.T) {
	b := newBench(t, nil)
	r := startRegistry(t, b.engine, false)
	image := r.addr + "/open/together:1"
	b.forget(image)
	var starts sync.WaitGroup
	for range 3 {
		task := b.task("true", map[string]any{"image": image})
		starts.Go(func() {
			h, err := b.driver.Start(b.ctx, task)
			if err != nil {
				t.Error(err)
				return
			}
			b.wait(h)
			b.destroy(h)
		})
	}
	starts.Wait()
	if got := r.pulled("open/together"); got != 1 {
		t.Errorf("%d pulls", got)
	}
}

func TestARegistryIsShownThePasswordThatIsThereForIt(t *testing.T) {
	b := newBench(t, nil)
	r := startRegistry(t, b.engine, true)
	image := r.addr + "/shop/web:1"
	dir := t.TempDir()
	config := func(text string) string {
		f, err := os.CreateTemp(dir, "config-*.json")
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	helper := fmt.Sprintf("#!/bin/sh\nread server\n[ $1 = get ] && [ $server = %s ] || { echo credentials not found in native keychain; exit 1; }\n"+
		`echo '{"Username": "%s", "Secret": "%s"}'`+"\n", r.addr, registryUser, registryPassword)
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-drovertest"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	both := base64.StdEncoding.EncodeToString([]byte(registryUser + ":" + registryPassword))
	own := map[string]any{"username": registryUser, "password": registryPassword, "server_address": r.addr}
	for name, c := range map[string]struct {
		auth  map[string]any // of the operator
		own   map[string]any // of the task
		opens bool
	}{
		"the task's":               {nil, own, true},
		"a wrong one":              {nil, map[string]any{"username": registryUser, "password": "x"}, false},
		"none":                     {nil, nil, false},
		"of a file":                {map[string]any{"config": config(`{"auths": {"https://` + r.addr + `/v1/": {"auth": "` + both + `"}}}`)}, nil, true},
		"a file without it":        {map[string]any{"config": config(`{"auths": {"elsewhere": {"auth": "` + both + `"}}}`)}, nil, false},
		"of a helper":              {map[string]any{"helper": "drovertest"}, nil, true},
		"of a file's helper":       {map[string]any{"config": config(`{"credHelpers": {"` + r.addr + `": "drovertest"}}`)}, nil, true},
		"of a file's store":        {map[string]any{"config": config(`{"credsStore": "drovertest"}`)}, nil, true},
		"a broken file":            {map[string]any{"config": config(`{`)}, nil, false},
		"a helper that is missing": {map[string]any{"helper": "drovertest-missing"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, map[string]any{"auth": c.auth, "gc": map[string]any{"image": false}})
			b.forget(image)
			more := map[string]any{"image": image, "force_pull": true}
			if c.own != nil {
				more["auth"] = c.own
			}
			h, err := b.driver.Start(b.ctx, b.task("true", more))
			if err == nil {
				b.wait(h)
				b.destroy(h)
			}
			if (err == nil) != c.opens {
				t.Errorf("got %v", err)
			}
		})
	}
	soft := newBench(t, map[string]any{"auth": map[string]any{"helper": "drovertest-missing"}, "gc": map[string]any{"image": false}})
	open := startRegistry(t, b.engine, false).addr + "/open/soft:1"
	soft.forget(open)
	soft.run(soft.task("true", map[string]any{"image": open, "auth_soft_fail": true}))
}

func TestAPullThatDoesNotComeToAnEndIsGivenUp(t *testing.T) {
	r := startRegistry(t, theEngine(t), false)
	for name, c := range map[string]struct {
		plugin, config map[string]any
		want           string
	}{
		"slow":   {nil, map[string]any{"image_pull_timeout": "200ms"}, "image_pull_timeout, 200ms"},
		"silent": {map[string]any{"pull_activity_timeout": "200ms"}, nil, "nothing was heard of it for 200ms"},
	} {
		b := newBench(t, c.plugin)
		config := map[string]any{"image": r.addr + "/hangs/web:1"}
		for key, value := range c.config {
			config[key] = value
		}
		_, err := b.driver.Start(b.ctx, b.task("true", config))
		var told interface{ Recoverable() bool }
		if !errors.As(err, &told) || !told.Recoverable() || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	b := newBench(t, nil)
	ctx, cancel := context.WithCancel(b.ctx)
	var start sync.WaitGroup
	start.Go(func() {
		if _, err := b.driver.Start(ctx, b.task("true", map[string]any{"image": r.addr + "/hangs/web:1"})); !errors.Is(err, context.Canceled) {
			t.Errorf("a start that nobody wants any more: %v", err)
		}
	})
	cancel()
	start.Wait()
}

func TestAnImageThatDoesNotExistIsNotTriedAgain(t *testing.T) {
	b := newBench(t, nil)
	r := startRegistry(t, b.engine, false)
	for _, image := range []string{r.addr + "/missing/web:1", "NO SUCH NAME"} {
		_, err := b.driver.Start(b.ctx, b.task("true", map[string]any{"image": image}))
		var told interface{ Recoverable() bool }
		if err == nil || errors.As(err, &told) && told.Recoverable() {
			t.Errorf("%s: got %v", image, err)
		}
	}
}

func TestAnImageIsLoadedFromTheTasksDirectory(t *testing.T) {
	b := newBench(t, nil)
	const image = "drovertest/loaded:1"
	if err := b.engine.importImage(image, bytes.NewReader(shellRoot())); err != nil {
		t.Fatal(err)
	}
	b.forget(image)
	saved, err := b.engine.cli.ImageSave(b.ctx, []string{image})
	if err != nil {
		t.Fatal(err)
	}
	archive, err := io.ReadAll(saved)
	if err := errors.Join(err, saved.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.cli.ImageRemove(b.ctx, image, client.ImageRemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	task := b.task("echo loaded", map[string]any{"image": image, "load": "web.tar"})
	if err := os.WriteFile(filepath.Join(task.Dir, "local", "web.tar"), archive, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := b.run(task); got != "loaded\n" {
		t.Errorf("the task said %q", got)
	}
	for _, load := range []string{"missing.tar", "../../../etc/passwd", "link"} {
		task := b.task("true", map[string]any{"image": "drovertest/other:1", "load": load})
		if err := os.Symlink("/etc/passwd", filepath.Join(task.Dir, "link")); err != nil {
			t.Fatal(err)
		}
		if _, err := b.driver.Start(b.ctx, task); err == nil || !strings.Contains(err.Error(), "load image") {
			t.Errorf("%s: got %v", load, err)
		}
	}
}

func TestAnImageThatNoTaskUsesAnyMoreIsRemoved(t *testing.T) {
	const image = "drovertest/gone:1"
	for _, c := range []struct {
		gc   map[string]any
		goes bool
	}{
		{map[string]any{"image_delay": "300ms"}, true},
		{map[string]any{"image": false, "image_delay": "0s"}, false},
	} {
		b := newBench(t, map[string]any{"gc": c.gc})
		b.forget(image)
		if err := b.engine.importImage(image, bytes.NewReader(shellRoot())); err != nil {
			t.Fatal(err)
		}
		start := func() driver.Handle {
			h := b.start(b.task("true", map[string]any{"image": image}))
			b.wait(h)
			return h
		}
		first := start()
		second := start()
		b.destroy(first)
		third := start()
		b.destroy(second)
		if !b.isHere(image) {
			t.Error("it was removed under a task")
		}
		b.destroy(third)
		if !c.goes {
			if !b.isHere(image) {
				t.Error("it was removed although images are to be kept")
			}
			continue
		}
		b.await("the image to be removed", func() bool { return !b.isHere(image) })
	}
}
