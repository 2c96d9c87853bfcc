package artifact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Options is what a Fetcher needs.
type Options struct {
	// Program is how this program is started so that it calls Main: its path, and the
	// name to give it (Name). Default: the running program.
	Program []string
	Limits  Limits
	// Open lets the process read and write whatever its user may.
	Open bool
	// ReadPaths are further places that the process may read; sources of type file must
	// be below them, unless it is Open.
	ReadPaths []string
	// TrustLinks leaves what was fetched unseen.
	TrustLinks bool
	// Env are the names of the agent's environment variables that the process gets, beside
	// those for proxies and PATH.
	Env []string
}

// Fetcher fetches artifacts. It may be used concurrently.
type Fetcher struct{ o Options }

// New returns a fetcher.
func New(o Options) *Fetcher {
	o.Limits = o.Limits.withDefaults()
	if len(o.Program) == 0 {
		if self, err := os.Executable(); err == nil {
			o.Program = []string{self, Name}
		}
	}
	return &Fetcher{o}
}

// brief is what the process is told.
type brief struct {
	Source, Mode string
	Headers      map[string]string
	Insecure     bool
	Limits       Limits
	// Temp is the directory that it may write to, Target where in it to put what it
	// fetches.
	Temp, Target string
	User         *Owner // who it is to be; nil: who it is
	Open         bool
	ReadPaths    []string
}

const (
	// killWait is how long the output of a process that was killed is waited for.
	killWait = 2 * time.Second
	// gotten is where what is fetched is, below the directory for what is under way.
	gotten = "got"
)

// Fetch fetches what is ordered and returns when it is in its place, or, with an *Error,
// when it can't be had.
func (f *Fetcher) Fetch(ctx context.Context, o Order) error {
	err := f.fetch(ctx, o)
	var failed *Error
	if err == nil || errors.As(err, &failed) {
		return err
	}
	return &Error{Source: redact(o.Source), Reason: err.Error(), permanent: errors.Is(err, errHopeless)}
}

func (f *Fetcher) fetch(ctx context.Context, o Order) (err error) {
	if kind := absent(o.Source); kind != "" {
		return hopeless("sources of type " + kind + " are not supported; offer it over https or git")
	}
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	who := f.user(o.Root)
	temp := filepath.Join(o.Scratch, ".artifact-"+uuid.NewString())
	if err := makeDirs(root, temp, who); err != nil {
		return fmt.Errorf("make a directory for what is under way: %w", err)
	}
	defer func() { err = errors.Join(err, root.RemoveAll(temp)) }()
	got := filepath.Join(temp, gotten)
	b := brief{
		Source: o.Source, Mode: o.Mode, Headers: o.Headers, Insecure: o.Insecure,
		Limits: f.o.Limits, User: who, Open: f.o.Open, ReadPaths: f.o.ReadPaths,
		Temp: filepath.Join(o.Root, temp), Target: filepath.Join(o.Root, got),
	}
	if err := f.run(ctx, b); err != nil {
		return err
	}
	if !f.o.TrustLinks {
		if err := inspect(root, got); err != nil {
			return err
		}
	}
	if o.Chown != nil {
		who = o.Chown
		if err := chown(root, got, *who); err != nil {
			return fmt.Errorf("give it to the task's user: %w", err)
		}
	}
	if err := makeDirs(root, filepath.Dir(o.Place), who); err != nil {
		return fmt.Errorf("make the destination: %w", err)
	}
	if err := move(root, got, o.Place); err != nil {
		return fmt.Errorf("put it into its place: %w", err)
	}
	return nil
}

// errHopeless says that to try again can't help.
var errHopeless = errors.New("hopeless")

// hopeless is an error after which to try again can't help.
func hopeless(reason string) error { return fmt.Errorf("%s%w", reason, silent{errHopeless}) }

// silent marks an error without a word in its text.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

// run has the process fetch.
func (f *Fetcher) run(ctx context.Context, b brief) (err error) {
	if len(f.o.Program) == 0 {
		return errors.New("the path of this program is not known")
	}
	orders, err := letter(b)
	if err != nil {
		return err
	}
	// The process ends when nobody holds the other end of its input any more.
	alive, hold, err := os.Pipe()
	if err != nil {
		return errors.Join(err, orders.Close())
	}
	defer func() { err = errors.Join(err, orders.Close(), alive.Close(), hold.Close()) }()
	var out tail
	cmd := exec.CommandContext(ctx, f.o.Program[0])
	cmd.Args = f.o.Program[1:]
	cmd.Dir = "/"
	cmd.Env = f.environment(b.Temp)
	cmd.Stdin, cmd.Stderr, cmd.ExtraFiles = alive, &out, []*os.File{orders}
	cmd.WaitDelay = killWait
	isolate(cmd)
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		return nil
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("start the process that fetches: %w", err)
	}
	reason := strings.TrimSpace(out.String())
	if reason == "" {
		reason = "the process that fetches ended: " + err.Error()
	}
	if exit.ExitCode() == exitHopeless {
		return hopeless(reason)
	}
	return errors.New(reason)
}

// letter puts what the process is told into a file that has no name. It may hold
// secrets.
func letter(b brief) (*os.File, error) {
	f, err := os.CreateTemp("", "drover-artifact-")
	if err != nil {
		return nil, err
	}
	err = os.Remove(f.Name())
	if err == nil {
		err = json.NewEncoder(f).Encode(b)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// passed are the variables that the process gets if the agent has them.
var passed = []string{"PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"}

func (f *Fetcher) environment(temp string) []string {
	env := []string{"HOME=" + temp, "TMPDIR=" + temp, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1"}
	for _, name := range slices.Concat(passed, f.o.Env) {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

const maxTail = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	n, err := t.Buffer.Write(b)
	if over := t.Len() - maxTail; over > 0 {
		t.Next(over)
	}
	return n, err
}
