package wasm_test

import (
	"encoding/binary"
	"time"
)

// Modules are made of sections, each a number, its length and what is in it; numbers are
// written as LEB128, for which one byte is enough below 128 (64, if they have a sign).
// https://webassembly.github.io/spec/core/binary/modules.html
const (
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionMemory   = 5
	sectionExport   = 7
	sectionCode     = 10
	sectionData     = 11

	typeI32 = 0x7f

	opUnreachable = 0x00
	opLoop        = 0x03
	opEnd         = 0x0b
	opBranch      = 0x0c
	opCall        = 0x10
	opDrop        = 0x1a
	opI32Const    = 0x41
	blockOfNone   = 0x40
)

// The functions that modules of assemble import, by their numbers.
const (
	callPoll = 0 // poll_oneoff(subscriptions, events, count, where to put how many)
	callExit = 1 // proc_exit(code)
)

// assemble makes a module with a page of memory, that begins with data, and a function
// with that code, exported by a name.
func assemble(export string, data []byte, code ...byte) []byte {
	function := append([]byte{0}, append(code, opEnd)...) // no local variables
	m := append([]byte("\x00asm"), 1, 0, 0, 0)
	m = append(m, section(sectionType, list(
		[]byte{0x60, 4, typeI32, typeI32, typeI32, typeI32, 1, typeI32},
		[]byte{0x60, 1, typeI32, 0},
		[]byte{0x60, 0, 0},
	))...)
	const wasi = "wasi_snapshot_preview1"
	m = append(m, section(sectionImport, list(
		append(append(text(wasi), text("poll_oneoff")...), 0, 0),
		append(append(text(wasi), text("proc_exit")...), 0, 1),
	))...)
	m = append(m, section(sectionFunction, []byte{1, 2})...)
	m = append(m, section(sectionMemory, []byte{1, 0, 1})...)
	m = append(m, section(sectionExport, list(
		append(text("memory"), 2, 0),
		append(text(export), 0, 2),
	))...)
	m = append(m, section(sectionCode, list(sized(function)))...)
	return append(m, section(sectionData, list(append([]byte{0, opI32Const, 0, opEnd}, sized(data)...)))...)
}

// ending is a program that sleeps and then ends with an exit code.
func ending(after time.Duration, code int) []byte {
	const clockMonotonic = 1
	subscription := make([]byte, 48)
	binary.LittleEndian.PutUint32(subscription[16:], clockMonotonic)
	binary.LittleEndian.PutUint64(subscription[24:], uint64(after))
	return assemble("_start", subscription,
		opI32Const, 0, opI32Const, 48, opI32Const, 1, opI32Const, 44, opCall, callPoll, opDrop,
		opI32Const, byte(code)|0x80, byte(code>>7), opCall, callExit)
}

func section(id byte, content []byte) []byte { return append([]byte{id}, sized(content)...) }

func sized(content []byte) []byte { return append(number(len(content)), content...) }

func text(s string) []byte { return sized([]byte(s)) }

func list(items ...[]byte) []byte {
	all := number(len(items))
	for _, item := range items {
		all = append(all, item...)
	}
	return all
}

func number(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
