package docker_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestOutputIsThereOnceHoweverOftenTheAgentIsReplaced(t *testing.T) {
	b := newBench(t, nil)
	const lines = 2500
	task := b.task(fmt.Sprintf(`i=0; while [ $i -lt %d ]; do i=$((i+1)); echo line $i; echo error $i >&2; [ $((i %% 100)) = 0 ] && sleep 0.05; done; printf end`, lines), nil)
	h := b.start(task)
	for range 12 {
		<-time.After(time.Duration(rand.Int64N(int64(150 * time.Millisecond)))) // some moment
		if err := b.driver.Close(); err != nil {
			t.Fatal(err)
		}
		o := configure(nil)
		b.driver = b.open(o)
		if err := b.driver.Recover(b.ctx, h); err != nil {
			t.Fatal(err)
		}
	}
	b.wait(h)
	for word, file := range map[string]string{"line": b.output(task.Stdout), "error": b.output(task.Stderr)} {
		var want strings.Builder
		for i := range lines {
			fmt.Fprintf(&want, "%s %d\n", word, i+1)
		}
		if got := strings.TrimSuffix(file, "end"); got != want.String() {
			t.Errorf("%s: %d bytes, want %d: %s", word, len(got), want.Len(), firstDifference(got, want.String()))
		}
	}
}

func firstDifference(got, want string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("at %d %q, want %q", i, got[i:min(len(got), i+40)], want[i:min(len(want), i+40)])
		}
	}
	return "one is longer"
}

func TestOutputIsKeptByteByByte(t *testing.T) {
	b := newBench(t, nil)
	task := b.task(`python3 -c 'import os
for i in range(40): os.write(1, bytes(range(256)) * 131 + b"x" * (20000 + i) + b"\n")'`, nil) // what is no text, and long lines
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	var want strings.Builder
	for i := range 40 {
		want.WriteString(strings.Repeat(string(all[:]), 131) + strings.Repeat("x", 20000+i) + "\n")
	}
	// Of a long line at the very end the engine forgets that it ended.
	if got, want := b.run(task), strings.TrimSuffix(want.String(), "\n"); got != want {
		t.Errorf("%d bytes, want %d: %s", len(got), len(want), firstDifference(got, want))
	}
}

func TestOutputOfATerminal(t *testing.T) {
	b := newBench(t, nil)
	long := strings.Repeat("x", 40_000)
	task := b.task(`tty; echo one; head -c 40000 /dev/zero | tr '\0' x; echo; echo 2020-01-02T03:04:05.678901234Z of the task; echo error >&2`, map[string]any{"tty": true})
	want := "/dev/pts/0\r\none\r\n" + long + "\r\n2020-01-02T03:04:05.678901234Z of the task\r\nerror\r\n"
	if got := b.run(task); got != want {
		t.Errorf("%d bytes, want %d: %s", len(got), len(want), firstDifference(got, want))
	}
}

func TestTheEngineLogsAsTheTaskOrTheOperatorSays(t *testing.T) {
	operator := map[string]any{"logging": map[string]any{"type": "json-file", "config": map[string]any{"max-size": "5m"}}}
	for _, c := range []struct {
		plugin  map[string]any
		config  any
		kind    string
		collect bool
	}{
		{nil, nil, "local", true},
		{operator, nil, "json-file", true},
		{operator, map[string]any{"type": "local"}, "local", true},
		{nil, map[string]any{"driver": "none"}, "none", false},
		{map[string]any{"disable_log_collection": true}, nil, "local", false},
	} {
		plugin := map[string]any{"gc": map[string]any{"image": false}}
		for key, value := range c.plugin {
			plugin[key] = value
		}
		b := newBench(t, plugin)
		config := map[string]any{}
		if c.config != nil {
			config["logging"] = c.config
		}
		task := b.task("echo said", config)
		h := b.start(task)
		b.wait(h)
		if got := b.inspect(h).HostConfig.LogConfig.Type; got != c.kind {
			t.Errorf("%+v: the engine logs to %s", c, got)
		}
		if got := b.output(task.Stdout); (got == "said\n") != c.collect {
			t.Errorf("%+v: collected %q", c, got)
		}
	}
}

func TestOutputThatComesLateIsCollectedWhenItComes(t *testing.T) {
	b := newBench(t, nil)
	for range 2 {
		task := b.task("sleep 1.5; echo late >&2; echo late; exec sleep 1000", nil)
		h := b.start(task)
		b.awaitOutput(task, "late\n")
		b.await("the other output", func() bool { return b.output(task.Stderr) == "late\n" })
		b.stop(h)
		if got := b.output(task.Stdout); got != "late\n" {
			t.Errorf("output %q", got)
		}
	}
}
