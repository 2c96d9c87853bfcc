package fsm

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store/keys"
	"github.com/droverhq/drover/store/table"
)

// readMeta reads the state record; a new database has none.
func readMeta(r pebble.Reader) (meta, error) {
	value, closer, err := r.Get(metaKey)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return meta{generation: 1}, nil
	case err != nil:
		return meta{}, err
	}
	state, err := parseMeta(value)
	return state, errors.Join(err, closer.Close())
}

// load reads the state record and all objects of a database that was just opened.
func (m *Machine) load() (err error) {
	if m.meta, err = readMeta(m.db); err != nil {
		return err
	}
	m.applied.Store(m.meta.applied)
	err = scanDone(m.db, func(d done) error {
		m.recent.remember(d)
		return nil
	})
	if err != nil {
		return err
	}
	if err := m.dropOthers(); err != nil {
		return err
	}
	return m.reload()
}

// dropOthers deletes what a snapshot that was not received to its end has left.
func (m *Machine) dropOthers() error {
	from, to := keys.Objects()
	iter, err := m.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	batch := m.db.NewBatch()
	for ok := iter.First(); ok; {
		g := keys.GenerationOf(iter.Key())
		if g != m.meta.generation && g != m.meta.stage.generation {
			err = errors.Join(err, m.drop(batch, g))
		}
		_, next := keys.Generation(g)
		ok = iter.SeekGE(next)
	}
	if err = errors.Join(err, iter.Error(), iter.Close()); err != nil {
		return errors.Join(err, batch.Close())
	}
	if batch.Empty() {
		return batch.Close()
	}
	return m.commit(batch, pebble.NoSync)
}

// reload reads all objects of the current generation into the tables.
func (m *Machine) reload() error {
	kinds, err := m.kinds()
	if err != nil {
		return fmt.Errorf("read objects: %w", err)
	}
	loader := table.NewLoader()
	slots := make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
	errs := make([]error, len(kinds))
	var wg sync.WaitGroup
	for i, kind := range kinds {
		slots <- struct{}{}
		wg.Go(func() {
			errs[i] = m.loadKind(kind, loader.Table(kind))
			<-slots
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("read objects: %w", err)
	}
	m.tables.Reset(loader, m.meta.index)
	return nil
}

// kinds lists the kinds of which there are objects, by skipping from one to the next.
func (m *Machine) kinds() ([]api.Kind, error) {
	from, to := keys.Generation(m.meta.generation)
	iter, err := m.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, err
	}
	var kinds []api.Kind
	for ok := iter.First(); ok; {
		key, err := keys.Parse(keys.Object(iter.Key()))
		if err != nil {
			return nil, errors.Join(err, iter.Close())
		}
		kinds = append(kinds, key.Kind)
		_, next := keys.KindRange(m.meta.generation, key.Kind)
		ok = iter.SeekGE(next)
	}
	return kinds, errors.Join(iter.Error(), iter.Close())
}

func (m *Machine) loadKind(kind api.Kind, add func(api.Object, []byte)) error {
	from, to := keys.KindRange(m.meta.generation, kind)
	return scan(m.db, from, to, func(key, value []byte) error {
		o, stored, err := table.DecodeStored(key, value)
		if err == nil {
			add(o, stored)
		}
		return err
	})
}

// scan calls each with the object key and the value of every object between two
// database keys; the slices are valid during the call only.
func scan(r pebble.Reader, from, to []byte, each func(key, value []byte) error) error {
	iter, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	for ok := iter.First(); ok && err == nil; ok = iter.Next() {
		var value []byte
		if value, err = iter.ValueAndErr(); err == nil {
			err = each(keys.Object(iter.Key()), value)
		}
	}
	return errors.Join(err, iter.Error(), iter.Close())
}
