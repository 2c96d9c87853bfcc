package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/droverhq/drover/api"
)

// Change is what is to be stored of one allocation; nil fields stay as they are.
// The first change of an allocation has all of them.
type Change struct {
	ID    string
	Alloc *api.Allocation
	Job   *api.Job // the version that Alloc runs
	Life  []byte   // alloc.Life's Record
}

// Saved is what is stored of one allocation.
type Saved struct {
	Alloc *api.Allocation
	Job   *api.Job
	Life  []byte
}

// ErrClosed says that the DB has been closed.
var ErrClosed = errors.New("node state is closed")

// DB is the agent's state. All methods may be called concurrently.
type DB struct {
	bolt    *bbolt.DB // nil: nothing is kept
	writes  chan *write
	closing chan struct{}
	done    chan struct{} // the committer has returned
	once    sync.Once
}

// write is one call of Save or Delete, waiting for its commit.
type write struct {
	apply func(*bbolt.Tx) error
	done  chan error // holds one
}

var (
	allocs = []byte("allocations") // ID → api.Allocation
	lives  = []byte("lives")       // ID → Record
	jobOf  = []byte("job_of")      // ID → job version
	jobs   = []byte("jobs")        // job version → api.Job
	users  = []byte("job_users")   // job version, 0, ID → nothing
	buried = []byte("buried")      // ID → nothing
)

// maxBatch bounds how many writes share a commit, so that the first does not wait
// for long.
const maxBatch = 1024

// Open opens or creates the file. It fails if another process has it open.
func Open(path string) (*DB, error) {
	db := &DB{writes: make(chan *write, maxBatch), closing: make(chan struct{}), done: make(chan struct{})}
	if path == "" {
		close(db.done)
		return db, nil
	}
	b, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return nil, fmt.Errorf("open node state %s: %w", path, err)
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{allocs, lives, jobOf, jobs, users, buried, node} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare node state %s: %w", path, err), b.Close())
	}
	db.bolt = b
	go db.commit()
	return db, nil
}

// Close waits for the writes that are underway and closes the file.
func (db *DB) Close() error {
	db.once.Do(func() { close(db.closing) })
	<-db.done
	if db.bolt == nil {
		return nil
	}
	return db.bolt.Close()
}

// Persistent reports whether the DB keeps anything.
func (db *DB) Persistent() bool { return db.bolt != nil }

// Save stores the change and returns when it is on disk.
func (db *DB) Save(ctx context.Context, c Change) error {
	if db.bolt == nil {
		return nil
	}
	var alloc, job, key []byte
	var err error
	if c.Alloc != nil {
		key = jobKey(c.Alloc)
		if alloc, err = c.Alloc.MarshalMsg(nil); err != nil {
			return fmt.Errorf("encode allocation %s: %w", c.ID, err)
		}
	}
	if c.Job != nil {
		if job, err = c.Job.MarshalMsg(nil); err != nil {
			return fmt.Errorf("encode the job of allocation %s: %w", c.ID, err)
		}
	}
	err = db.write(ctx, func(tx *bbolt.Tx) error {
		id := []byte(c.ID)
		if c.Alloc != nil {
			if err := putAlloc(tx, id, key, alloc, job); err != nil {
				return err
			}
		}
		if c.Life != nil {
			return tx.Bucket(lives).Put(id, c.Life)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store the state of allocation %s: %w", c.ID, err)
	}
	return nil
}

// Delete forgets an allocation. It is no error if there is none of the ID.
func (db *DB) Delete(ctx context.Context, id string) error {
	return db.discard(ctx, id, func(tx *bbolt.Tx) error { return tx.Bucket(buried).Delete([]byte(id)) })
}

// Bury forgets all of an allocation but that it was there and has ended.
func (db *DB) Bury(ctx context.Context, id string) error {
	return db.discard(ctx, id, func(tx *bbolt.Tx) error { return tx.Bucket(buried).Put([]byte(id), nil) })
}

func (db *DB) discard(ctx context.Context, id string, note func(*bbolt.Tx) error) error {
	if db.bolt == nil {
		return nil
	}
	err := db.write(ctx, func(tx *bbolt.Tx) error {
		k := []byte(id)
		if err := releaseJob(tx, k); err != nil {
			return err
		}
		return errors.Join(tx.Bucket(allocs).Delete(k), tx.Bucket(lives).Delete(k), note(tx))
	})
	if err != nil {
		return fmt.Errorf("forget the state of allocation %s: %w", id, err)
	}
	return nil
}

// Buried returns the IDs of the allocations that were buried and not deleted.
func (db *DB) Buried() ([]string, error) {
	if db.bolt == nil {
		return nil, nil
	}
	var ids []string
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(buried).ForEach(func(id, _ []byte) error {
			ids = append(ids, string(id))
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read node state %s: %w", db.bolt.Path(), err)
	}
	return ids, nil
}

func (db *DB) write(ctx context.Context, apply func(*bbolt.Tx) error) error {
	w := &write{apply: apply, done: make(chan error, 1)}
	select {
	case db.writes <- w:
	case <-db.done:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-w.done:
		return err
	case <-db.done:
		select {
		case err := <-w.done:
			return err
		default:
			return ErrClosed
		}
	}
}

// commit is the only writer of the file.
func (db *DB) commit() {
	defer close(db.done)
	for {
		select {
		case w := <-db.writes:
			db.commitBatch(db.gather(w))
		case <-db.closing:
			for {
				select {
				case w := <-db.writes:
					db.commitBatch(db.gather(w))
				default:
					return
				}
			}
		}
	}
}

// gather returns the write and those that wait behind it.
func (db *DB) gather(first *write) []*write {
	batch := []*write{first}
	for len(batch) < maxBatch {
		select {
		case w := <-db.writes:
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

func (db *DB) commitBatch(batch []*write) {
	err := db.bolt.Update(func(tx *bbolt.Tx) error {
		for _, w := range batch {
			if err := w.apply(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && len(batch) > 1 { // one may have spoilt it for all
		for _, w := range batch {
			w.done <- db.bolt.Update(w.apply)
		}
		return
	}
	for _, w := range batch {
		w.done <- err
	}
}

// Load returns everything that is stored.
func (db *DB) Load() ([]Saved, error) {
	if db.bolt == nil {
		return nil, nil
	}
	var out []Saved
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		known := map[string]*api.Job{}
		return tx.Bucket(allocs).ForEach(func(id, v []byte) error {
			s := Saved{Alloc: new(api.Allocation), Life: bytes.Clone(tx.Bucket(lives).Get(id))}
			if _, err := s.Alloc.UnmarshalMsg(v); err != nil {
				return fmt.Errorf("allocation %s: %w", id, err)
			}
			key := string(tx.Bucket(jobOf).Get(id))
			job, err := loadJob(tx, key, known)
			if err != nil {
				return fmt.Errorf("job of allocation %s: %w", id, err)
			}
			s.Job = job
			out = append(out, s)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read node state %s: %w", db.bolt.Path(), err)
	}
	return out, nil
}

func loadJob(tx *bbolt.Tx, key string, known map[string]*api.Job) (*api.Job, error) {
	if job := known[key]; job != nil {
		return job, nil
	}
	v := tx.Bucket(jobs).Get([]byte(key))
	if v == nil {
		return nil, api.ErrNotFound
	}
	job := new(api.Job)
	if _, err := job.UnmarshalMsg(v); err != nil {
		return nil, err
	}
	known[key] = job
	return job, nil
}

func jobKey(a *api.Allocation) []byte {
	return []byte(a.Namespace + "\x00" + api.VersionID(a.JobID, a.JobVersion))
}

func userKey(job, id []byte) []byte {
	return bytes.Join([][]byte{job, id}, []byte{0})
}

func putAlloc(tx *bbolt.Tx, id, key, alloc, job []byte) error {
	if old := tx.Bucket(jobOf).Get(id); !bytes.Equal(old, key) {
		if err := releaseJob(tx, id); err != nil {
			return err
		}
		if tx.Bucket(jobs).Get(key) == nil {
			if job == nil {
				return fmt.Errorf("job version %q: %w", key, api.ErrNotFound)
			}
			if err := tx.Bucket(jobs).Put(key, job); err != nil {
				return err
			}
		}
		if err := tx.Bucket(jobOf).Put(id, key); err != nil {
			return err
		}
		if err := tx.Bucket(users).Put(userKey(key, id), nil); err != nil {
			return err
		}
	}
	return tx.Bucket(allocs).Put(id, alloc)
}

// releaseJob notes that the allocation does not use its job version any more, and
// removes that if nobody does.
func releaseJob(tx *bbolt.Tx, id []byte) error {
	key := bytes.Clone(tx.Bucket(jobOf).Get(id))
	if key == nil {
		return nil
	}
	if err := tx.Bucket(jobOf).Delete(id); err != nil {
		return err
	}
	if err := tx.Bucket(users).Delete(userKey(key, id)); err != nil {
		return err
	}
	prefix := userKey(key, nil)
	if k, _ := tx.Bucket(users).Cursor().Seek(prefix); bytes.HasPrefix(k, prefix) {
		return nil
	}
	return tx.Bucket(jobs).Delete(key)
}
