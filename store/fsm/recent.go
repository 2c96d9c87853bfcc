package fsm

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/droverhq/drover/store/keys"
)

// recent is the results of the last Window entries of the log, by token. It is part of
// the state: on disk, and in images.
type recent struct {
	queue   []done // oldest first
	results map[Token][]byte
}

// done is an entry that was applied.
type done struct {
	index  uint64 // of the log
	token  Token
	result []byte
}

func (r *recent) result(t Token) ([]byte, bool) {
	result, ok := r.results[t]
	return result, ok
}

// add remembers an entry, and forgets those that no entry can repeat any more.
func (r *recent) add(batch *pebble.Batch, d done) error {
	r.remember(d)
	expired := 0
	for _, old := range r.queue {
		if old.index+Window > d.index {
			break
		}
		expired++
		delete(r.results, old.token)
		if err := batch.Delete(doneKey(old.index), nil); err != nil {
			return err
		}
	}
	if r.queue = r.queue[expired:]; expired > 0 && cap(r.queue) < len(r.queue)*5/4 {
		r.queue = append(make([]done, 0, 2*len(r.queue)), r.queue...)
	}
	return batch.Set(doneKey(d.index), d.value(), nil)
}

func (r *recent) remember(d done) {
	if r.results == nil {
		r.results = make(map[Token][]byte)
	}
	r.results[d.token] = d.result
	r.queue = append(r.queue, d)
}

func (d done) value() []byte { return append(append([]byte(nil), d.token[:]...), d.result...) }

// doneKey is the database key of an entry that was applied.
func doneKey(index uint64) []byte { return binary.BigEndian.AppendUint64(keys.Meta("done"), index) }

// doneRange returns the first such key and the first behind all.
func doneRange() (from, to []byte) { return keys.Meta("done"), keys.Meta("donf") }

// scanDone calls each with the entries that a database remembers, oldest first.
func scanDone(r pebble.Reader, each func(done) error) error {
	from, to := doneRange()
	iter, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	for ok := iter.First(); ok && err == nil; ok = iter.Next() {
		var value []byte
		if value, err = iter.ValueAndErr(); err == nil {
			var d done
			if d, err = parseDone(iter.Key()[len(from):], value); err == nil {
				err = each(d)
			}
		}
	}
	return errors.Join(err, iter.Error(), iter.Close())
}

func parseDone(index, value []byte) (done, error) {
	var d done
	if len(index) != 8 || len(value) < len(d.token) {
		return d, errors.New("the record of an entry that was applied is damaged")
	}
	d.index = binary.BigEndian.Uint64(index)
	d.result = append([]byte(nil), value[copy(d.token[:], value):]...)
	return d, nil
}
