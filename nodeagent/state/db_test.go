package state_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func job(id string, version uint64) *api.Job {
	return &api.Job{ID: &id, Namespace: new("default"), Version: &version}
}

func allocOf(id string, j *api.Job) *api.Allocation {
	return &api.Allocation{ID: id, Namespace: "default", JobID: *j.ID, JobVersion: *j.Version}
}

func open(t *testing.T, path string) *state.DB {
	t.Helper()
	db, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func save(t *testing.T, db *state.DB, c state.Change) {
	t.Helper()
	if err := db.Save(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, db *state.DB) map[string]state.Saved {
	t.Helper()
	list, err := db.Load()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]state.Saved{}
	for _, s := range list {
		out[s.Alloc.ID] = s
	}
	return out
}

func TestWhatWasSavedIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	j := job("web", 3)
	save(t, db, state.Change{ID: "a", Alloc: allocOf("a", j), Job: j, Life: []byte("1")})
	save(t, db, state.Change{ID: "b", Alloc: allocOf("b", j), Job: j, Life: []byte("1")})
	save(t, db, state.Change{ID: "a", Life: []byte("2")})
	if err := db.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	got := load(t, open(t, path))
	if len(got) != 1 || string(got["a"].Life) != "2" || *got["a"].Job.Version != 3 || got["a"].Alloc.JobID != "web" {
		t.Fatalf("loaded %+v", got)
	}
}

func TestAJobVersionIsKeptWhileAnAllocationUsesIt(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	v0, v1 := job("web", 0), job("web", 1)
	save(t, db, state.Change{ID: "a", Alloc: allocOf("a", v0), Job: v0, Life: []byte("x")})
	save(t, db, state.Change{ID: "b", Alloc: allocOf("b", v0), Job: v0, Life: []byte("x")})
	save(t, db, state.Change{ID: "a", Alloc: allocOf("a", v1), Job: v1}) // updated in place
	if got := load(t, db); *got["a"].Job.Version != 1 || *got["b"].Job.Version != 0 {
		t.Fatalf("loaded %+v", got)
	}
	if err := db.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	err := db.Save(t.Context(), state.Change{ID: "c", Alloc: allocOf("c", v0), Life: []byte("x")})
	if !errors.Is(err, api.ErrNotFound) {
		t.Fatalf("version 0 is used by nobody and should be gone, got %v", err)
	}
	save(t, db, state.Change{ID: "c", Alloc: allocOf("c", v1), Life: []byte("x")})
}

func TestOfABuriedAllocationOnlyItsIDIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	j := job("web", 0)
	for _, id := range []string{"a", "b"} {
		save(t, db, state.Change{ID: id, Alloc: allocOf(id, j), Job: j, Life: []byte("x")})
		if err := db.Bury(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	ids, err := db.Buried()
	if err != nil || len(ids) != 1 || ids[0] != "a" || len(load(t, db)) != 0 {
		t.Fatalf("buried %v, %v, loaded %v", ids, err, load(t, db))
	}
}

func TestOneBadWriteDoesNotSpoilThoseThatShareItsCommit(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	j := job("web", 0)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			id := fmt.Sprint(i)
			c := state.Change{ID: id, Alloc: allocOf(id, job("none", 9)), Life: []byte("x")}
			if i%2 == 0 {
				c.Alloc, c.Job = allocOf(id, j), j
			}
			if err := db.Save(t.Context(), c); (err == nil) != (i%2 == 0) {
				t.Errorf("save %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if got := load(t, db); len(got) != 50 {
		t.Fatalf("%d of 50 were saved", len(got))
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path)
	if _, err := state.Open(path); err == nil {
		t.Fatal("opened twice")
	}
}

func TestADamagedFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, []byte("not a database, but longer than nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(path); err == nil {
		t.Fatal("opened a damaged file")
	}
}

func TestAfterCloseNothingIsAccepted(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Save(t.Context(), state.Change{ID: "a", Life: []byte("x")}); !errors.Is(err, state.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestWithoutAFileNothingIsKept(t *testing.T) {
	db := open(t, "")
	j := job("web", 0)
	save(t, db, state.Change{ID: "a", Alloc: allocOf("a", j), Job: j, Life: []byte("1")})
	if got := load(t, db); len(got) != 0 {
		t.Fatalf("loaded %+v", got)
	}
}

// BenchmarkSave measures task starts: three writes each, 64 tasks at a time.
func BenchmarkTaskLives(b *testing.B) {
	db, err := state.Open(filepath.Join(b.TempDir(), "state.db"))
	if err != nil {
		b.Fatal(err)
	}
	j := job("web", 0)
	life := make([]byte, 1500)
	start := time.Now()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			id := fmt.Sprintf("%p-%d", pb, i%500)
			for n := range 3 {
				c := state.Change{ID: id, Life: life}
				if n == 0 {
					c.Alloc, c.Job = allocOf(id, j), j
				}
				if err := db.Save(b.Context(), c); err != nil {
					b.Error(err)
				}
			}
		}
	})
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "tasks/s")
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}
