// Package backup is the format in which the whole state of a store is saved.
//
//	header   "DRVRSAVE", format (uint16), reserved (uint16, 0), index (uint64),
//	         CRC-32C of these (uint32)
//	blocks   length (uint32, not 0), CRC-32C of the payload (uint32), payload:
//	         records: uvarint length, object key, uvarint length, value (package keys)
//	trailer  0 (uint32), records (uint64), bytes before the trailer (uint64),
//	         SHA-256 of everything before it
//
// Numbers are big-endian. Records are in the order of their keys, without duplicates.
// A reader that sees the trailer match knows that nothing is damaged or missing; one
// that must not act on a damaged backup reads it to the end first:
//
//	header, err := backup.Read(r, func(key, value []byte) error { … })
package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/keys"
)

const (
	magic  = "DRVRSAVE"
	format = 1

	headerLen  = len(magic) + 2 + 2 + 8 + 4
	trailerLen = 4 + 8 + 8 + sha256.Size

	// blockBytes is when a block is written: large enough to cost little, small
	// enough to be held in memory several times.
	blockBytes = 256 << 10
	// maxBlockBytes is the longest block that is read: one object of the largest size.
	maxBlockBytes = store.MaxTxnBytes + blockBytes + store.MaxKeyBytes + 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header is what is known of a backup without reading all of it.
type Header struct {
	Index uint64 // of the store when it was saved
}

// Writer writes a backup.
type Writer struct {
	out     *bufio.Writer
	sum     hash.Hash
	block   []byte
	last    []byte
	records uint64
	bytes   uint64
}

// NewWriter writes the header of a backup to w.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	b := &Writer{out: bufio.NewWriterSize(w, blockBytes), sum: sha256.New()}
	head := append([]byte(nil), magic...)
	head = binary.BigEndian.AppendUint16(head, format)
	head = binary.BigEndian.AppendUint16(head, 0)
	head = binary.BigEndian.AppendUint64(head, h.Index)
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
	return b, b.write(head)
}

// Add writes an object, which must follow the one before in the order of keys.
func (b *Writer) Add(key, value []byte) error {
	if bytes.Compare(key, b.last) <= 0 {
		return fmt.Errorf("save backup: object %q after %q", key, b.last)
	}
	b.last = append(b.last[:0], key...)
	b.block = binary.AppendUvarint(b.block, uint64(len(key)))
	b.block = append(b.block, key...)
	b.block = binary.AppendUvarint(b.block, uint64(len(value)))
	b.block = append(b.block, value...)
	b.records++
	if len(b.block) < blockBytes {
		return nil
	}
	return b.flush()
}

// Close writes what is left and the trailer. It does not close the underlying writer.
func (b *Writer) Close() error {
	if err := b.flush(); err != nil {
		return err
	}
	end := binary.BigEndian.AppendUint32(nil, 0)
	end = binary.BigEndian.AppendUint64(end, b.records)
	end = binary.BigEndian.AppendUint64(end, b.bytes)
	end = b.sum.Sum(end)
	if err := b.write(end); err != nil {
		return err
	}
	if err := b.out.Flush(); err != nil {
		return fmt.Errorf("save backup: %w", err)
	}
	return nil
}

func (b *Writer) flush() error {
	if len(b.block) == 0 {
		return nil
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(b.block)))
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(b.block, castagnoli))
	if err := b.write(head); err != nil {
		return err
	}
	err := b.write(b.block)
	b.block = b.block[:0]
	return err
}

func (b *Writer) write(p []byte) error {
	b.sum.Write(p) // a hash never fails
	b.bytes += uint64(len(p))
	if _, err := b.out.Write(p); err != nil {
		return fmt.Errorf("save backup: %w", err)
	}
	return nil
}

// Read reads a backup to its end and calls each with every object, in the order of
// keys; the slices are valid during the call only. Only when it returns no error was
// the backup whole and undamaged. What is wrong with a backup is an
// *api.InvalidError; an error of each, or of r, is returned as it is.
func Read(r io.Reader, each func(key, value []byte) error) (Header, error) {
	b := &reader{in: bufio.NewReaderSize(r, blockBytes), sum: sha256.New()}
	h, err := b.header()
	for more := true; err == nil && more; {
		more, err = b.block(each)
	}
	return h, err
}

type reader struct {
	in      *bufio.Reader
	sum     hash.Hash
	payload bytes.Buffer
	last    []byte
	records uint64
	bytes   uint64
}

func damaged(what string, args ...any) error {
	return &api.InvalidError{What: "backup", Fields: []api.FieldError{{Message: fmt.Sprintf(what, args...)}}}
}

func (b *reader) header() (Header, error) {
	head, err := b.read(headerLen)
	if err != nil {
		return Header{}, err
	}
	if string(head[:len(magic)]) != magic {
		return Header{}, damaged("it does not start like one")
	}
	if f := binary.BigEndian.Uint16(head[8:]); f != format {
		return Header{}, damaged("it is of format %d, and this version reads format %d", f, format)
	}
	if crc32.Checksum(head[:20], castagnoli) != binary.BigEndian.Uint32(head[20:]) {
		return Header{}, damaged("its header is damaged")
	}
	return Header{Index: binary.BigEndian.Uint64(head[12:])}, nil
}

// block reads one block, or the trailer, after which it returns false.
func (b *reader) block(each func(key, value []byte) error) (bool, error) {
	sum, total := b.sum.Sum(nil), b.bytes
	head, err := b.read(4)
	if err != nil {
		return false, err
	}
	length := binary.BigEndian.Uint32(head)
	if length == 0 {
		return false, b.trailer(sum, total)
	}
	if length > maxBlockBytes {
		return false, damaged("the block at byte %d is too long", total)
	}
	if head, err = b.read(4); err != nil {
		return false, err
	}
	crc := binary.BigEndian.Uint32(head)
	payload, err := b.read(int(length))
	if err != nil {
		return false, err
	}
	if crc32.Checksum(payload, castagnoli) != crc {
		return false, damaged("the block at byte %d is damaged", total)
	}
	return true, b.split(payload, each)
}

func (b *reader) trailer(sum []byte, total uint64) error {
	end, err := b.read(trailerLen - 4)
	if err != nil {
		return err
	}
	switch {
	case binary.BigEndian.Uint64(end) != b.records, binary.BigEndian.Uint64(end[8:]) != total:
		return damaged("a part of it is missing")
	case !bytes.Equal(end[16:], sum):
		return damaged("its checksum does not match")
	}
	switch _, err := b.in.ReadByte(); {
	case err == nil:
		return damaged("something follows its end")
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("read backup: %w", err)
	}
	return nil
}

// split calls each with the records of a block.
func (b *reader) split(payload []byte, each func(key, value []byte) error) error {
	for len(payload) > 0 {
		var key, value []byte
		var ok bool
		if key, payload, ok = field(payload); ok {
			value, payload, ok = field(payload)
		}
		if !ok {
			return damaged("object %d is damaged", b.records)
		}
		if bytes.Compare(key, b.last) <= 0 {
			return damaged("object %d is out of order", b.records)
		}
		if _, err := keys.Parse(key); err != nil {
			return damaged("object %d: %v", b.records, err)
		}
		b.last = append(b.last[:0], key...)
		b.records++
		if err := each(key, value); err != nil {
			return err
		}
	}
	return nil
}

func field(p []byte) (f, rest []byte, ok bool) {
	n, used := binary.Uvarint(p)
	if used <= 0 || n > uint64(len(p)-used) {
		return nil, nil, false
	}
	p = p[used:]
	return p[:n:n], p[n:], true
}

// read returns the next n bytes, until its next call. Memory grows with what is
// there, not with what a damaged length says.
func (b *reader) read(n int) ([]byte, error) {
	b.payload.Reset()
	if _, err := io.CopyN(&b.payload, b.in, int64(n)); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, damaged("it ends at byte %d, in the middle", b.bytes+uint64(b.payload.Len()))
		}
		return nil, fmt.Errorf("read backup: %w", err)
	}
	b.sum.Write(b.payload.Bytes()) // a hash never fails
	b.bytes += uint64(n)
	return b.payload.Bytes(), nil
}
