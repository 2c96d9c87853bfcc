package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxFrame is the largest frame that either side accepts, in bytes. Senders split
// what is larger.
const MaxFrame = 16 << 20

// ErrFrameTooLarge says that a frame is longer than MaxFrame; the connection can't
// be used any further.
var ErrFrameTooLarge = errors.New("session frame too large")

// appendFrame appends the frame's length (4 bytes, big endian) and msgp form to b.
func appendFrame(b []byte, f *Frame) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b, err := f.MarshalMsg(b)
	if err != nil {
		return nil, fmt.Errorf("encode session frame: %w", err)
	}
	n := len(b) - start - 4
	if n > MaxFrame {
		return nil, fmt.Errorf("%w: %d bytes to send", ErrFrameTooLarge, n)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(n))
	return b, nil
}

// readFrame reads one frame. buf is scratch space, returned for the next call.
func readFrame(r io.Reader, buf []byte) (*Frame, []byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, buf, err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > MaxFrame {
		return nil, buf, fmt.Errorf("%w: %d bytes announced", ErrFrameTooLarge, n)
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, buf, err
	}
	f := new(Frame)
	rest, err := f.UnmarshalMsg(buf)
	if err != nil {
		return nil, buf, fmt.Errorf("decode session frame: %w", err)
	}
	if len(rest) > 0 {
		return nil, buf, fmt.Errorf("decode session frame: %d bytes left over", len(rest))
	}
	return f, buf, nil
}
