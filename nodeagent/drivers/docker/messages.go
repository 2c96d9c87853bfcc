package docker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// message is a line of a task's output, or a piece of a long one, as the engine keeps it.
type message struct {
	stream int   // 0: stdout; 1: stderr
	at     int64 // ns; when the engine had it
	data   []byte
}

// messages reads what the engine tells of a container's output, with times.
type messages interface {
	// next returns a message, whose data is good until the next call; io.EOF at the end.
	next() (message, error)
	// idle reports whether the next one may have to be waited for.
	idle() bool
}

// stampForm is how the engine writes a time, in front of a space and the message.
const stampForm = "2006-01-02T15:04:05.000000000Z"

func parseStamp(b []byte) (int64, bool) {
	if len(b) <= len(stampForm) || b[len(stampForm)] != ' ' || b[4] != '-' {
		return 0, false
	}
	at, err := time.Parse(stampForm, string(b[:len(stampForm)]))
	return at.UnixNano(), err == nil
}

// maxMessage is more than any form of the engine's logs has in one, in bytes.
const maxMessage = 4 << 20

// framed reads messages of a container without a terminal: each is a frame.
type framed struct {
	in  *bufio.Reader
	buf []byte
}

const frameHeader = 8

func (f *framed) next() (message, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(f.in, header[:]); err != nil {
		return message{}, err
	}
	size := binary.BigEndian.Uint32(header[4:])
	if header[0] > 3 || size > maxMessage {
		return message{}, fmt.Errorf("a frame of %d bytes of stream %d is none of the engine's", size, header[0])
	}
	if int(size) > cap(f.buf) {
		f.buf = make([]byte, size)
	}
	f.buf = f.buf[:size]
	if _, err := io.ReadFull(f.in, f.buf); err != nil {
		return message{}, err
	}
	if header[0] == 3 {
		return message{}, fmt.Errorf("the engine: %s", f.buf)
	}
	at, ok := parseStamp(f.buf)
	if !ok {
		return message{}, errors.New("a message of the engine has no time")
	}
	m := message{at: at, data: f.buf[len(stampForm)+1:]}
	if header[0] == 2 {
		m.stream = 1
	}
	return m, nil
}

func (f *framed) idle() bool { return f.in.Buffered() < frameHeader }

// plain reads messages of a container with a terminal. They follow each other without
// frames: a time is where a line begins, and where the engine has cut a long one. After
// the last piece of such a line one may follow at once, without the end of the line.
type plain struct {
	in   *bufio.Reader
	buf  []byte
	at   int64
	long bool // what comes belongs to a line that was cut
}

// pieceSize is where the engine cuts long lines, in bytes.
const pieceSize = 16 << 10

func (p *plain) next() (message, error) {
	at, ok, err := p.stamp()
	if err != nil {
		return message{}, err
	}
	if ok {
		p.long = p.long && at == p.at
		p.at = at
		if _, err := p.in.Discard(len(stampForm) + 1); err != nil {
			return message{}, err
		}
	}
	p.buf = p.buf[:0]
	for len(p.buf) < pieceSize {
		if p.long && len(p.buf) > 0 {
			if _, ok, _ := p.stamp(); ok {
				break
			}
		}
		c, err := p.in.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return message{}, err
		}
		if p.buf = append(p.buf, c); c == '\n' {
			break
		}
	}
	p.long = len(p.buf) == pieceSize
	return message{at: p.at, data: p.buf}, nil
}

// stamp looks whether a time comes next. It errs when nothing comes.
func (p *plain) stamp() (at int64, ok bool, err error) {
	b, err := p.in.Peek(len(stampForm) + 1)
	if err != nil && len(b) == 0 {
		return 0, false, err
	}
	at, ok = parseStamp(b)
	return at, ok, nil
}

func (p *plain) idle() bool { return p.in.Buffered() == 0 }
