// Package cli is drover's command line: one file per noun, one function per verb.
//
// Run parses the arguments, runs the command and returns the process's exit code.
// Long flags may have one dash or two (-address, --address). A command talks to a
// server through api/client; only agent runs something in this process, and what it
// runs is given by the caller, so that the package knows neither server nor node
// agent.
//
// Exit codes: 0 done; 1 failed; job run and apply: 2 when something could not be
// placed or did not become healthy; job plan: 0 nothing would change, 1 something
// would, 255 error; 130 when a signal ended the command.
package cli
