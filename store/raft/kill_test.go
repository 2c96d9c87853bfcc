package raft_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/raft"
)

// The kill test runs this test binary again as a child, which opens a store, says what
// is in it, and writes to it until it is killed. The parent keeps account of what was
// acknowledged.
//
// Each writer of the child has one transaction under way at a time. Its n-th writes the
// number n to a pair of objects, slot n modulo slots, on the condition that the pair is
// as it was.
const (
	childDir   = "DROVER_TEST_STORE_CHILD" // set for the child: the data directory
	childLimit = "DROVER_TEST_STORE_LIMIT" // and the longest file that it can write, in bytes
	writers    = 8
	slots      = 20
)

// child is the main function of the child. Its lines are
//
//	has WRITER SLOT A B    for each pair that is there
//	ready INDEX
//	ack WRITER N INDEX     for each transaction that was applied
func child(dir string) {
	go func() { // the parent is gone when this ends
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	if err := limitFiles(os.Getenv(childLimit)); err != nil {
		fmt.Println("failed", err)
		os.Exit(2)
	}
	if err := childStore(dir); err != nil {
		fmt.Println("failed", err)
		os.Exit(2)
	}
}

// limitFiles makes writes beyond a length fail.
func limitFiles(bytes string) error {
	if bytes == "" {
		return nil
	}
	limit, err := strconv.ParseUint(bytes, 10, 64)
	if err != nil {
		return err
	}
	signal.Ignore(unix.SIGXFSZ)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: limit})
}

func childStore(dir string) error {
	s, err := raft.Open(raft.Options{
		DataDir: dir, ServerID: "s1", RTT: 2 * time.Millisecond,
		// Small, so that tables are written and the log is cut all the time.
		LogBufferBytes: 256 << 10, StateBufferBytes: 256 << 10, CompactEntries: 100, CompactBytes: 128 << 10,
		Log: funcr.New(func(prefix, args string) { fmt.Fprintln(os.Stderr, prefix, args) }, funcr.Options{}),
	})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := s.Sync(ctx); err != nil {
		return err
	}
	snap := s.Snapshot()
	var next [writers]int
	for w := range writers {
		for slot := range slots {
			a, b := number(snap, w, slot, "a"), number(snap, w, slot, "b")
			if a >= 0 || b >= 0 {
				fmt.Println("has", w, slot, a, b)
			}
			next[w] = max(next[w], a+1)
		}
	}
	fmt.Println("ready", snap.Index())
	failed := make(chan error)
	for w := range writers {
		go func() { failed <- writePairs(ctx, s, w, next[w]) }()
	}
	return <-failed
}

func writePairs(ctx context.Context, s store.Store, w, n int) error {
	for ; ; n++ {
		var txn store.Txn
		for _, half := range []string{"a", "b"} {
			o := namespaceOf(w, n%slots, half)
			c := store.Absent(o.Key())
			if old, ok := s.Snapshot().Get(o.Key()); ok {
				c = store.Unchanged(old)
			}
			o.Description = strconv.Itoa(n)
			o.Meta = map[string]string{"padding": strings.Repeat("x", n%700)}
			txn.Conditions = append(txn.Conditions, c)
			txn.Writes = append(txn.Writes, store.Put(o))
		}
		r, err := s.Apply(ctx, txn)
		if err != nil {
			return err
		}
		if _, err := fmt.Println("ack", w, n, r.Index); err != nil { // one write, never cut in two
			return err
		}
	}
}

func namespaceOf(w, slot int, half string) *api.Namespace {
	return &api.Namespace{Name: fmt.Sprint(w, "-", slot, "-", half)}
}

// number returns what stands in one half of a pair; −1 if it is not there.
func number(snap store.Snapshot, w, slot int, half string) int {
	ns, ok := store.Get[*api.Namespace](snap, namespaceOf(w, slot, half).Key())
	if !ok {
		return -1
	}
	n, err := strconv.Atoi(ns.Description)
	if err != nil {
		return -2
	}
	return n
}

// account is what the parent knows.
type account struct {
	last  [writers]int // the last transaction that was acknowledged, or is known to be there
	index uint64       // the highest that was acknowledged
	acks  int
}

func newAccount() *account {
	a := &account{}
	for w := range a.last {
		a.last[w] = -1
	}
	return a
}

// read takes down a line of a child. It reports whether the child is ready; has, what
// the child has, is complete then.
func (a *account) read(t *testing.T, line string, has map[[2]int][2]int) (ready bool) {
	t.Helper()
	var w, x, y, z int
	var index uint64
	switch {
	case scan(line, "has %d %d %d %d\n", &w, &x, &y, &z):
		has[[2]int{w, x}] = [2]int{y, z}
	case scan(line, "ready %d\n", &index):
		a.check(t, has, index)
		return true
	case scan(line, "ack %d %d %d\n", &w, &x, &index):
		a.last[w], a.index = x, max(a.index, index)
		a.acks++
	default:
		t.Fatalf("the child says %q", line)
	}
	return false
}

// check compares the lines of a child up to ready with what must be there.
func (a *account) check(t *testing.T, has map[[2]int][2]int, index uint64) {
	t.Helper()
	if index < a.index {
		t.Fatalf("index is %d, %d was acknowledged", index, a.index)
	}
	for w := range writers {
		// The one that was under way may have been applied; then it is the last.
		under := a.last[w] + 1
		if pair, ok := has[[2]int{w, under % slots}]; ok && pair[0] == under {
			a.last[w] = under
		}
		for n := max(0, a.last[w]-slots+1); n <= a.last[w]; n++ {
			pair, ok := has[[2]int{w, n % slots}]
			switch {
			case !ok:
				t.Fatalf("writer %d: transaction %d is gone, %d was the last", w, n, a.last[w])
			case pair[0] != pair[1]:
				t.Fatalf("writer %d: half a transaction: %d and %d", w, pair[0], pair[1])
			case pair[0] != n:
				t.Fatalf("writer %d: transaction %d stands in place of %d, %d was the last", w, pair[0], n, a.last[w])
			}
		}
	}
}

func TestAKilledStoreHasEveryAcknowledgedWriteAndNoHalfTransaction(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 25
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	a := newAccount()
	started := 0
	for range kills {
		if a.life(t, dir, rng) {
			started++
		}
	}
	t.Logf("%d kills, %d of them under load, %d transactions acknowledged", kills, started, a.acks)
	if started < kills/2 || a.acks < kills {
		t.Fatal("too few of the kills were under load")
	}
}

// life runs a child, kills it, and checks what it said. It reports whether the child
// came as far as being ready.
func (a *account) life(t *testing.T, dir string, rng *rand.Rand) (ready bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	killAfter := func(d time.Duration) { // SIGKILL
		once.Do(func() { time.AfterFunc(d, func() { _ = cmd.Process.Kill() }) })
	}
	if rng.IntN(5) == 0 {
		killAfter(time.Duration(rng.IntN(120)) * time.Millisecond) // perhaps while it opens
	}
	has := make(map[[2]int][2]int)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the last line may be half
		}
		if a.read(t, line, has) {
			ready = true
			killAfter(time.Duration(rng.IntN(150)) * time.Millisecond)
		}
	}
	killAfter(0)
	_ = cmd.Wait() // it was killed
	_ = in.Close()
	return ready
}

func scan(line, format string, args ...any) bool {
	n, err := fmt.Sscanf(line, format, args...)
	return err == nil && n == len(args)
}
