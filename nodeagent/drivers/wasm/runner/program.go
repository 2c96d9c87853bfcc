package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// program is a module and what it is to see.
type program struct {
	module                string // file
	args                  []string
	env                   []string
	dirs                  []string
	cache                 string
	memory                uint64 // bytes; 0: as much as a module can have
	stdin, stdout, stderr *os.File
}

// startFunction is what a module that is a program exports.
const startFunction = "_start"

// pageBytes is the unit of a module's memory.
const pageBytes = 64 << 10

// maxPages is all that 32 bits can address.
const maxPages = 1 << 16

// errNoProgram says that a module is a library.
var errNoProgram = fmt.Errorf("the module is not a program: it exports no function %q", startFunction)

// run runs the module to its end and returns the exit code; the error says why it could
// not be run, or what it did that it must not.
func (p *program) run(ctx context.Context) (int, error) {
	// When memory grows a copy of it would be made, by default.
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(reserve))
	runtime, module, err := p.load(ctx)
	if err != nil {
		return codeWrong, err
	}
	defer func() { _ = runtime.Close(ctx) }() // the process ends
	if _, starts := module.ExportedFunctions()[startFunction]; !starts {
		return codeWrong, errNoProgram
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return codeWrong, err
	}
	debug.FreeOSMemory() // what loading took is more than what most programs need
	_, err = runtime.InstantiateModule(ctx, module, p.config())
	var exit *sys.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return codeTrap, err
	case exit.ExitCode() > codeMost:
		return codeMost, fmt.Errorf("the module ended with exit code %d, which a process can't have", exit.ExitCode())
	}
	return int(exit.ExitCode()), nil
}

// load reads the module, and translates it unless that was done before.
func (p *program) load(ctx context.Context) (wazero.Runtime, wazero.CompiledModule, error) {
	code, err := os.ReadFile(p.module)
	if err != nil {
		return nil, nil, err
	}
	config := wazero.NewRuntimeConfig()
	if p.memory > 0 {
		config = config.WithMemoryLimitPages(uint32(min(max(p.memory/pageBytes, 1), maxPages)))
	}
	if p.cache != "" {
		// What is not in it can't be added from here: then it is done without.
		cache, err := wazero.NewCompilationCacheWithDir(p.cache)
		if err == nil {
			runtime := wazero.NewRuntimeWithConfig(ctx, config.WithCompilationCache(cache))
			if module, err := runtime.CompileModule(ctx, code); err == nil {
				return runtime, module, nil
			}
			_ = runtime.Close(ctx)
		}
	}
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	module, err := runtime.CompileModule(ctx, code)
	return runtime, module, err
}

func (p *program) config() wazero.ModuleConfig {
	files := wazero.NewFSConfig()
	for _, dir := range p.dirs {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			files = files.WithDirMount(dir, dir)
		}
	}
	c := wazero.NewModuleConfig().WithStartFunctions(startFunction).WithFSConfig(files).
		WithStdin(p.stdin).WithStdout(p.stdout).WithStderr(p.stderr).WithArgs(p.args...).
		WithRandSource(rand.Reader).WithSysWalltime().WithSysNanotime().WithSysNanosleep()
	for _, entry := range p.env {
		name, value, _ := strings.Cut(entry, "=")
		c = c.WithEnv(name, value)
	}
	return c
}

// maxModuleBytes bounds what is translated.
const maxModuleBytes = 256 << 20

// prepare translates a module that is a program.
func prepare(ctx context.Context, from io.Reader, dir string) error {
	code, err := io.ReadAll(io.LimitReader(from, maxModuleBytes+1))
	if err != nil {
		return err
	}
	if len(code) > maxModuleBytes {
		return fmt.Errorf("the module has more than %d MiB", maxModuleBytes>>20)
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(cache))
	module, err := runtime.CompileModule(ctx, code)
	if err != nil {
		return fmt.Errorf("not a WebAssembly module that can be run: %w", err)
	}
	if _, starts := module.ExportedFunctions()[startFunction]; !starts {
		return errNoProgram
	}
	return errors.Join(runtime.Close(ctx), cache.Close(ctx))
}
