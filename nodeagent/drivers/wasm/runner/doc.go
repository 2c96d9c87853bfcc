// Package runner is the program of a task of the driver wasm: a process in the task's
// root that runs one WebAssembly module, which sees of it what it was given and nothing
// else. It is drover-wasm, or drover itself by that name:
//
//	drover-wasm run [-cache DIR] [-report FILE] [-memory BYTES] [-dir DIR]… [-env NAME=VALUE]… MODULE [ARGUMENT]…
//	drover-wasm prepare DIR <MODULE
//
// The module has the system interface WASI preview 1. Its standard streams, arguments
// and environment are those of the process; of directories it sees those of -dir, by
// the same names. Signals do to the process what they do to any that has no handlers.
//
// prepare translates a module to machine code, outside of any task, and leaves it in a
// directory that run finds by -cache: to translate takes much more memory and time than
// most modules need to run. Where there is no translator, the module is interpreted.
package runner
