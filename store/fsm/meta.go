package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/droverhq/drover/store/keys"
)

// metaVersion is that of the record's encoding.
const metaVersion = 1

var metaKey = keys.Meta("state")

// meta is what the machine keeps about itself.
type meta struct {
	applied    uint64 // log index of the last entry
	index      uint64 // of the store: that of the last transaction
	generation uint32 // current
	stage      stage
}

// stage is a backup that is being restored. Its generation is 0 if there is none.
type stage struct {
	id         Token
	generation uint32
	chunks     uint64 // how many have arrived
	records    uint64
}

// free returns a generation that is not in use.
func (m *meta) free() uint32 { return max(m.generation, m.stage.generation) + 1 }

func (m *meta) append(b []byte) []byte {
	b = append(b, metaVersion)
	b = binary.AppendUvarint(b, m.applied)
	b = binary.AppendUvarint(b, m.index)
	b = binary.AppendUvarint(b, uint64(m.generation))
	b = append(b, m.stage.id[:]...)
	b = binary.AppendUvarint(b, uint64(m.stage.generation))
	b = binary.AppendUvarint(b, m.stage.chunks)
	return binary.AppendUvarint(b, m.stage.records)
}

func parseMeta(b []byte) (meta, error) {
	d := decoder{rest: b}
	if v := d.byte(); d.err == nil && v != metaVersion {
		d.fail(fmt.Errorf("format %d is not known: it was written by a newer version", v))
	}
	var m meta
	m.applied, m.index, m.generation = d.uvarint(), d.uvarint(), uint32(d.uvarint())
	for i := range m.stage.id {
		m.stage.id[i] = d.byte()
	}
	m.stage.generation, m.stage.chunks, m.stage.records = uint32(d.uvarint()), d.uvarint(), d.uvarint()
	if d.err == nil && len(d.rest) > 0 {
		d.fail(errors.New("something follows its end"))
	}
	if d.err != nil {
		return meta{}, fmt.Errorf("read the state record: %w", d.err)
	}
	return m, nil
}
