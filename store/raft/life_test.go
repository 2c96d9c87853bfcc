package raft_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lni/dragonboat/v3/raftpb"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/raft"
)

func mustOpen(t testing.TB, o raft.Options) *raft.Store {
	t.Helper()
	s, err := raft.Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { mustClose(t, s) })
	return s
}

func mustClose(t testing.TB, s *raft.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func mustPut(t testing.TB, s store.Store, o api.Object) {
	t.Helper()
	if _, err := s.Apply(t.Context(), store.Txn{Writes: []store.Write{store.Put(o)}}); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

func TestADirectoryCanBeOpenedOnce(t *testing.T) {
	t.Parallel()
	o := raft.Options{DataDir: t.TempDir(), ServerID: "s1"}
	s := mustOpen(t, o)
	if second, err := raft.Open(o); err == nil {
		mustClose(t, second)
		t.Fatal("it was opened twice")
	}
	mustPut(t, s, node(1))
	mustClose(t, s)
	if _, ok := mustOpen(t, o).Snapshot().Get(node(1).Key()); !ok {
		t.Fatal("it was damaged by the second attempt")
	}
}

func TestAStateWithoutItsLogIsRefused(t *testing.T) {
	t.Parallel()
	o := raft.Options{DataDir: t.TempDir(), ServerID: "s1"}
	s := mustOpen(t, o)
	mustPut(t, s, node(1))
	mustClose(t, s)
	if err := os.RemoveAll(filepath.Join(o.DataDir, "raft")); err != nil {
		t.Fatal(err)
	}
	if s, err := raft.Open(o); err == nil {
		mustClose(t, s)
		t.Fatal("it was opened")
	}
}

func TestALostStateIsBuiltAgainFromTheLog(t *testing.T) {
	t.Parallel()
	o := raft.Options{DataDir: t.TempDir(), ServerID: "s1"}
	s := mustOpen(t, o)
	mustPut(t, s, node(1))
	mustClose(t, s)
	if err := os.RemoveAll(filepath.Join(o.DataDir, "store")); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Snapshot().Get(node(1).Key()); !ok {
		t.Fatal("the object is gone")
	}
}

func TestTheMachineMayGetAnotherHostName(t *testing.T) {
	t.Parallel()
	o := raft.Options{DataDir: t.TempDir(), ServerID: "s1"}
	s := mustOpen(t, o)
	mustPut(t, s, node(1))
	mustClose(t, s)
	rename(t, filepath.Join(o.DataDir, "raft"), "the-old-name")
	s = mustOpen(t, o)
	mustPut(t, s, node(2))
	if n := store.Count[*api.Node](s.Snapshot(), store.Query{}); n != 2 {
		t.Fatalf("%d nodes", n)
	}
}

// rename makes a raft directory look as if it had been written under another name.
func rename(t *testing.T, dir, name string) {
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, hostname), filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "dragonboat.ds")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var owner raftpb.RaftDataStatus
	if err := owner.Unmarshal(b[8:]); err != nil {
		t.Fatal(err)
	}
	owner.Hostname = name
	if b, err = owner.Marshal(); err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(b)
	if err := os.WriteFile(path, append(sum[8:], b...), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWritesAreRefusedBeforeTheDiskIsFull(t *testing.T) {
	t.Parallel()
	o := raft.Options{DataDir: t.TempDir(), ServerID: "s1", MinFreeBytes: 1 << 60}
	s := mustOpen(t, o)
	_, err := s.Apply(t.Context(), store.Txn{Writes: []store.Write{store.Put(node(1))}})
	if !errors.Is(err, store.ErrDiskFull) {
		t.Fatalf("error is %v, want ErrDiskFull", err)
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatalf("sync: %v", err)
	}
}

func TestADiskThatTakesNoMoreEndsTheProcessAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, childLimit+"=100000")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) {
		t.Fatalf("the process ended with %v\n%s", err, log.String())
	}
	_ = in.Close()
	if !strings.Contains(log.String(), "file too large") {
		t.Fatalf("the log does not say what happened:\n%s", log.String())
	}
	a := newAccount()
	for line := range strings.Lines(out.String()) {
		a.read(t, line, nil)
	}
	if a.acks == 0 {
		t.Fatal("nothing was acknowledged")
	}
	s := mustOpen(t, raft.Options{DataDir: dir, ServerID: "s1"})
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	has := make(map[[2]int][2]int)
	for w := range writers {
		for slot := range slots {
			if n := number(s.Snapshot(), w, slot, "a"); n >= 0 {
				has[[2]int{w, slot}] = [2]int{n, number(s.Snapshot(), w, slot, "b")}
			}
		}
	}
	a.check(t, has, s.Snapshot().Index())
}

func TestAStoreThatWasKilledWhileItOpenedOpens(t *testing.T) {
	t.Parallel()
	o := raft.Options{DataDir: t.TempDir(), ServerID: "s1"}
	s := mustOpen(t, o)
	mustPut(t, s, node(1))
	image := filepath.Join(t.TempDir(), "image")
	if err := os.CopyFS(image, os.DirFS(o.DataDir)); err != nil { // what a kill leaves
		t.Fatal(err)
	}
	mustClose(t, s)
	logs := 0
	err := filepath.WalkDir(filepath.Join(image, "raft"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".log" {
			return err
		}
		logs++
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("half a record")
		next := filepath.Join(filepath.Dir(path), "999999.log")
		return errors.Join(err, f.Close(), os.WriteFile(next, nil, 0o600))
	})
	if err != nil || logs == 0 {
		t.Fatalf("%d write-ahead logs: %v", logs, err)
	}
	o.DataDir = image
	again := mustOpen(t, o)
	if err := again.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := again.Snapshot().Get(node(1).Key()); !ok {
		t.Fatal("what was acknowledged is gone")
	}
}
