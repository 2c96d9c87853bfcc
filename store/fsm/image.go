package fsm

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/backup"
	"github.com/droverhq/drover/store/keys"
)

// An image is the whole state as one replica sends it to another:
//
//	1 byte version, field state record,
//	records: 1 byte 1 (current) or 2 (staged), field object key, field value
//	         1 byte 3, field log index, field token and result
//	1 byte 0, uvarint number of records
//
// Whoever carries it sees to its integrity.
const (
	imageVersion = 1

	imageEnd     = 0
	imageCurrent = 1
	imageStaged  = 2
	imageDone    = 3

	// maxImageField bounds what is read at once: a value.
	maxImageField = store.MaxTxnBytes + keys.MaxValueOverhead
)

// Image is the state at one moment. It must be closed.
type Image struct {
	snap *pebble.Snapshot
	meta meta
}

// Image returns the state as of the last Update, for as long as it takes to send it,
// while the machine goes on.
func (m *Machine) Image() *Image { return &Image{snap: m.db.NewSnapshot(), meta: m.meta} }

// Close releases the image.
func (i *Image) Close() error { return i.snap.Close() }

// Write writes the image until it is whole or stop is closed, which is ErrStopped.
func (i *Image) Write(w io.Writer, stop <-chan struct{}) error {
	out := bufio.NewWriterSize(w, 256<<10)
	head := appendField([]byte{imageVersion}, i.meta.append(nil))
	if _, err := out.Write(head); err != nil {
		return err
	}
	records := uint64(0)
	for section, generation := range []uint32{imageCurrent: i.meta.generation, imageStaged: i.meta.stage.generation} {
		if generation == 0 {
			continue
		}
		n, err := i.section(out, byte(section), generation, stop)
		if err != nil {
			return err
		}
		records += n
	}
	err := scanDone(i.snap, func(d done) error {
		records++
		_, err := out.Write(AppendRecord([]byte{imageDone}, binary.BigEndian.AppendUint64(nil, d.index), d.value()))
		return err
	})
	if err != nil {
		return err
	}
	if _, err := out.Write(binary.AppendUvarint([]byte{imageEnd}, records)); err != nil {
		return err
	}
	return out.Flush()
}

// ErrStopped is returned by what was told to stop before its end.
var ErrStopped = errors.New("stopped")

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

func (i *Image) section(out *bufio.Writer, section byte, generation uint32, stop <-chan struct{}) (records uint64, err error) {
	from, to := keys.Generation(generation)
	var b []byte
	err = scan(i.snap, from, to, func(key, value []byte) error {
		if stopped(stop) {
			return ErrStopped
		}
		b = AppendRecord(append(b[:0], section), key, value)
		records++
		_, err := out.Write(b)
		return err
	})
	return records, err
}

// Recover replaces the state by an image. It is current at once or not at all, also
// after a crash; readers of the feed resync.
func (m *Machine) Recover(r io.Reader, stop <-chan struct{}) error {
	in := &imageReader{in: bufio.NewReaderSize(r, 256<<10)}
	next, err := in.head()
	if err != nil {
		return fmt.Errorf("recover from image: %w", err)
	}
	generations := [...]uint32{imageCurrent: m.meta.free(), imageStaged: m.meta.free() + 1}
	finished, err := m.receive(in, generations[:], stop)
	if err != nil {
		return fmt.Errorf("recover from image: %w", err)
	}
	old := m.meta
	next.generation = generations[imageCurrent]
	if next.stage.generation != 0 {
		next.stage.generation = generations[imageStaged]
	}
	batch := m.db.NewBatch()
	from, to := doneRange()
	err = errors.Join(m.drop(batch, old.generation), m.drop(batch, old.stage.generation), batch.DeleteRange(from, to, nil))
	m.recent = recent{}
	for _, d := range finished {
		err = errors.Join(err, m.recent.add(batch, d))
	}
	if err != nil {
		return errors.Join(err, batch.Close())
	}
	m.meta = next
	m.applied.Store(next.applied)
	if err := m.commit(batch, pebble.Sync); err != nil {
		return err
	}
	return m.reload()
}

// receive writes the objects of an image under their new generations, and returns the
// entries that it remembers.
func (m *Machine) receive(in *imageReader, generations []uint32, stop <-chan struct{}) (finished []done, err error) {
	batch := m.db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	for records := uint64(0); ; records++ {
		section, key, value, err := in.record()
		switch {
		case err != nil:
			return nil, err
		case section == imageEnd && in.records != records:
			return nil, fmt.Errorf("%d records instead of %d", records, in.records)
		case section == imageEnd:
			return finished, batch.Commit(pebble.NoSync)
		case section == imageDone:
			d, err := parseDone(key, value)
			if err != nil {
				return nil, err
			}
			finished = append(finished, d)
			continue
		}
		m.buf = append(keys.AppendPrefix(m.buf[:0], generations[section]), key...)
		if err := batch.Set(m.buf, value, nil); err != nil {
			return nil, err
		}
		if batch.Len() < maxBatchBytes {
			continue
		}
		if stopped(stop) {
			return nil, ErrStopped
		}
		if err := errors.Join(batch.Commit(pebble.NoSync), batch.Close()); err != nil {
			return nil, err
		}
		batch = m.db.NewBatch()
	}
}

type imageReader struct {
	in         *bufio.Reader
	records    uint64 // as its end says
	key, value []byte
}

func (r *imageReader) head() (meta, error) {
	version, err := r.in.ReadByte()
	if err != nil {
		return meta{}, err
	}
	if version != imageVersion {
		return meta{}, fmt.Errorf("version %d is not known: run the newer program", version)
	}
	record, err := r.field(nil)
	if err != nil {
		return meta{}, err
	}
	return parseMeta(record)
}

// record returns the next record; its slices are valid until the next call.
func (r *imageReader) record() (section byte, key, value []byte, err error) {
	section, err = r.in.ReadByte()
	switch {
	case err != nil:
		return 0, nil, nil, err
	case section == imageEnd:
		r.records, err = binary.ReadUvarint(r.in)
		return section, nil, nil, err
	case section > imageDone:
		return 0, nil, nil, fmt.Errorf("section %d is not known", section)
	}
	if r.key, err = r.field(r.key); err == nil {
		r.value, err = r.field(r.value)
	}
	return section, r.key, r.value, err
}

func (r *imageReader) field(buf []byte) ([]byte, error) {
	n, err := binary.ReadUvarint(r.in)
	if err != nil {
		return nil, err
	}
	if n > maxImageField {
		return nil, fmt.Errorf("field of %d bytes", n)
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	_, err = io.ReadFull(r.in, buf[:n])
	return buf[:n], err
}

// Backup writes the current state in the format of package backup, while the machine
// goes on. It has everything that the tables showed when it was called.
func (m *Machine) Backup(ctx context.Context, w io.Writer) error {
	m.closing.RLock()
	defer m.closing.RUnlock()
	if m.closed {
		return store.ErrClosed
	}
	snap, state, err := m.snapshot(ctx, m.tables.Index())
	if err != nil {
		return fmt.Errorf("save backup: %w", err)
	}
	err = writeBackup(ctx, snap, state, w)
	if err = errors.Join(err, snap.Close()); err != nil {
		return fmt.Errorf("save backup: %w", err)
	}
	return nil
}

// snapshot returns the database as of index or later. The tables may be ahead of it by
// a batch.
func (m *Machine) snapshot(ctx context.Context, index uint64) (*pebble.Snapshot, meta, error) {
	for {
		next := m.nextCommit()
		snap := m.db.NewSnapshot()
		state, err := readMeta(snap)
		if err == nil && state.index >= index {
			return snap, state, nil
		}
		if err := errors.Join(err, snap.Close()); err != nil {
			return nil, meta{}, err
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil, meta{}, context.Cause(ctx)
		}
	}
}

func writeBackup(ctx context.Context, snap *pebble.Snapshot, state meta, w io.Writer) error {
	out, err := backup.NewWriter(w, backup.Header{Index: state.index})
	if err != nil {
		return err
	}
	from, to := keys.Generation(state.generation)
	err = scan(snap, from, to, func(key, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return out.Add(key, value)
	})
	if err != nil {
		return err
	}
	return out.Close()
}
