package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/config"
)

// Options is what the command line needs of its process.
type Options struct {
	In       io.Reader
	Out, Err io.Writer
	Version  string
	// RunAgent runs an agent until ctx is cancelled; notes are for its log.
	RunAgent func(ctx context.Context, cfg *config.Agent, notes []string) error
	// Terminal says that Out is one, so that progress may be drawn over.
	Terminal bool
	// Columns returns the width of that terminal; may be nil.
	Columns func() int
}

// exitError ends the process with a code; err, if not nil, is printed first.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit returns an error that ends the process silently with a code.
func exit(code int) error { return &exitError{code: code} }

// failf returns an error that ends the process with a code and a message.
func failf(code int, format string, args ...any) error {
	return &exitError{code: code, err: fmt.Errorf(format, args...)}
}

// cli is one run of the command line.
type cli struct {
	Options
	conn   connection
	resume string // what to add when a signal has ended the command
}

// connection are the flags that every command which talks to a server has.
type connection struct {
	address, region, namespace, token string
	noColor, forceColor               bool
}

// Run runs the command that args name and returns the exit code.
func Run(ctx context.Context, args []string, o Options) int {
	c := &cli{Options: o}
	root := c.root()
	root.SetArgs(oneDash(root, args))
	root.SetIn(o.In)
	root.SetOut(o.Out)
	root.SetErr(o.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: 1, err: err}
	}
	if e.err != nil {
		fmt.Fprintln(o.Err, e.err)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		fmt.Fprintln(o.Err, "No agent answers there. Start one (drover agent -dev, to try things out), or name\nanother with -address or DROVER_ADDR.")
	}
	return e.code
}

// interrupted is the exit code of a command that a signal ended: what a shell makes
// of SIGINT.
const interrupted = 130

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "drover",
		Short: "Run jobs on a fleet of machines",
		Long: `drover runs jobs on a fleet of machines: it finds room for them, starts them,
watches them, replaces what fails and rolls out new versions.

  drover agent -dev              start everything on this machine
  drover apply hello.nomad.hcl   run a job, and follow it until it is healthy
  drover job status hello        see how it does
  drover alloc logs ALLOC        see what it prints`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Without it every usage line would end in "[flags]".
		DisableFlagsInUseLine: true,
		Version:               c.Version,
		Args:                  onlyCommands,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("drover {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(c.Out, help(cmd)) })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(
		c.agent(), c.apply(), c.plan("plan FILE"), c.get(), c.remove(), c.job(), c.alloc(), c.node(), c.service(),
		c.eval(), c.deployment(), c.server(), c.system(), c.operator(), c.version(),
		c.scaling(), c.namespace(), c.variable(), c.volume(), c.plugin(),
		alias(c.jobRun(), "run FILE"), alias(c.jobStatus(), "status [JOB]"), alias(c.jobStop(), "stop JOB"),
	)
	return root
}

// alias offers a job's verb at the top, where the reference has it too.
func alias(cmd *cobra.Command, use string) *cobra.Command {
	cmd.Use = use
	cmd.Hidden = true
	return cmd
}

// noun returns a command that only holds others.
func noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, DisableFlagsInUseLine: true,
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(cmd.Help(), exit(1))
		},
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(verbs...)
	return cmd
}

// onlyCommands refuses what is not the name of a command.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		hint = fmt.Sprintf(" Did you mean %q?", s[0])
	}
	return failf(1, "%s has no command %q.%s\nSee: %[1]s -h", cmd.CommandPath(), args[0], hint)
}

// verb is a command that talks to a server.
func (c *cli) verb(use, short, long string, args cobra.PositionalArgs, run func(ctx context.Context, cl *client.Client, args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: short + ".\n\n" + strings.TrimSpace(long), DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, a []string) error {
			if args(cmd, a) != nil {
				return failf(1, "%s does not take %s.\nUsage: %s\nMore: %[1]s -h", cmd.CommandPath(), counted(len(a), "argument"), useLine(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := c.client()
			if err != nil {
				return err
			}
			err = run(cmd.Context(), cl, args)
			if err != nil && cmd.Context().Err() != nil {
				return failf(interrupted, "interrupted%s", c.resume)
			}
			return err
		},
	}
	c.connectionFlags(cmd.Flags())
	return cmd
}

func (c *cli) connectionFlags(fs *pflag.FlagSet) {
	env := client.FromEnv()
	fs.StringVar(&c.conn.address, "address", env.Address, "`URL` of a server; DROVER_ADDR, else "+client.DefaultAddress)
	fs.StringVar(&c.conn.region, "region", env.Region, "`region` to ask; DROVER_REGION")
	fs.StringVar(&c.conn.namespace, "namespace", env.Namespace, "`namespace` to ask for, * for all; DROVER_NAMESPACE, else default")
	fs.StringVar(&c.conn.token, "token", "", "secret `ID` of an access token; DROVER_TOKEN")
	fs.BoolVar(&c.conn.noColor, "no-color", os.Getenv("NO_COLOR") != "" || client.Env("CLI_NO_COLOR") != "", "print without colors; DROVER_CLI_NO_COLOR")
	fs.BoolVar(&c.conn.forceColor, "force-color", client.Env("CLI_FORCE_COLOR") != "", "print with colors to a file, too; DROVER_CLI_FORCE_COLOR")
	for _, name := range []string{"address", "region", "namespace", "token", "no-color", "force-color"} {
		fs.Lookup(name).Annotations = map[string][]string{connectionGroup: nil}
	}
}

func (c *cli) client() (*client.Client, error) {
	cfg := client.Config{Address: c.conn.address, Region: c.conn.region, Namespace: c.conn.namespace, Token: c.conn.token}
	if cfg.Token == "" {
		cfg.Token = client.FromEnv().Token
	}
	return client.New(cfg)
}

// oneDash gives long flags that have one dash a second one. What follows -- is left
// alone, and so is what follows a flag that takes a value, and the command line of a
// command to run.
func oneDash(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil {
		cmd = root // the arguments are wrong in any case
	}
	_, runs := cmd.Annotations[runsCommand]
	words := strings.Count(cmd.CommandPath(), " ") // of the command's own name
	out := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") {
			words--
		}
		if arg == "--" || runs && words < 0 {
			return append(out, args[i:]...)
		}
		name, isLong := longName(arg)
		if isLong {
			arg = "--" + strings.TrimLeft(arg, "-")
		}
		out = append(out, arg)
		f := cmd.Flags().Lookup(name)
		if isLong && f != nil && f.NoOptDefVal == "" && !strings.Contains(arg, "=") && i+1 < len(args) {
			i++
			out = append(out, args[i])
		}
	}
	return out
}

// longName returns the name of the long flag that an argument sets.
func longName(arg string) (name string, ok bool) {
	trimmed := strings.TrimLeft(arg, "-")
	dashes := len(arg) - len(trimmed)
	name, _, _ = strings.Cut(trimmed, "=")
	if dashes == 0 || dashes > 2 || len(name) < 2 || trimmed[0] >= '0' && trimmed[0] <= '9' {
		return "", false
	}
	return name, true
}
