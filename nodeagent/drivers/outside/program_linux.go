package outside

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// What is agreed between the agent and a program before they talk, so that a program
// that is started by hand can say that it is none to be started by hand.
const (
	cookieName   = "NOMAD_PLUGIN_MAGIC_COOKIE"
	cookieValue  = "e4327c2e01eabfd75a8a67adb114fb34a757d57eee7728d857a8cec6e91a7255"
	coreProtocol = "1"
	appProtocol  = "1"
)

// program is a running program and the connection to it.
type program struct {
	conn *grpc.ClientConn
	kill func()
	done chan struct{} // closed when it has ended
}

// start starts a program and waits for its address.
func start(ctx context.Context, path string, args []string, runDir string, log logr.Logger) (*program, error) {
	hello := &greeting{line: make(chan string, 1)}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), cookieName+"="+cookieValue, "PLUGIN_PROTOCOL_VERSIONS="+appProtocol,
		"PLUGIN_MIN_PORT=10000", "PLUGIN_MAX_PORT=25000", "PLUGIN_UNIX_SOCKET_DIR="+runDir, "TMPDIR="+runDir)
	cmd.Stdout, cmd.Stderr = hello, &logged{log: log}
	// It ends with the agent, but not by what is typed at the agent's terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second // tasks may have its outputs
	p := &program{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() { // until the program ends
		defer close(p.done)
		// The kernel takes the end of this thread for that of the agent.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			err = cmd.Wait()
			log.Info("driver program ended", "why", fmt.Sprint(cmp.Or(err, errors.New("by itself"))))
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.kill = func() { _ = cmd.Process.Kill() }
	err := p.connect(ctx, hello)
	if err != nil {
		p.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func (p *program) connect(ctx context.Context, hello *greeting) error {
	var line string
	select {
	case line = <-hello.line:
	case <-p.done:
		return errors.New("it ended without saying where it can be reached: is it a driver program?")
	case <-ctx.Done():
		return errors.New("it does not say where it can be reached: is it a driver program?")
	}
	network, address, err := parseGreeting(line)
	if err != nil {
		return err
	}
	p.conn, err = grpc.NewClient("passthrough:"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	return err
}

// maxMessage bounds what is sent at a time, in bytes.
const maxMessage = 64 << 20

// parseGreeting reads the line by which a program says where it can be reached:
// core version | version of the protocol | network | address | kind | …
func parseGreeting(line string) (network, address string, err error) {
	parts := strings.Split(strings.TrimSpace(line), "|")
	const least = 5
	if len(parts) < least {
		return "", "", fmt.Errorf("it says %.100q, not where it can be reached: is it a driver program?", line)
	}
	switch {
	case parts[0] != coreProtocol || parts[1] != appProtocol:
		return "", "", fmt.Errorf("it speaks version %s.%s of the protocol, not %s.%s", parts[0], parts[1], coreProtocol, appProtocol)
	case parts[2] != "unix" && parts[2] != "tcp":
		return "", "", fmt.Errorf("it is to be reached by %q", parts[2])
	case parts[4] != "grpc":
		return "", "", fmt.Errorf("it speaks %q, not grpc", parts[4])
	}
	return parts[2], parts[3], nil
}

// close ends the program.
func (p *program) close() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.kill()
	<-p.done
}

// greeting takes the first line that a program writes.
type greeting struct {
	line chan string
	text bytes.Buffer
	told bool
}

// maxLine bounds what is read of one line, in bytes.
const maxLine = 64 << 10

func (g *greeting) Write(b []byte) (int, error) {
	if !g.told {
		g.text.Write(b)
		line, _, whole := bytes.Cut(g.text.Bytes(), []byte("\n"))
		if whole || g.text.Len() > maxLine {
			g.told = true
			g.line <- string(line)
		}
	}
	return len(b), nil
}

// logged writes what a program says on its standard error to the agent's log: lines, or
// objects of JSON with a level and a message.
type logged struct {
	log  logr.Logger
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	for {
		line, rest, whole := bytes.Cut(l.text.Bytes(), []byte("\n"))
		if !whole && l.text.Len() < maxLine {
			return len(b), nil
		}
		l.say(line)
		rest = bytes.Clone(rest)
		l.text.Reset()
		l.text.Write(rest)
	}
}

func (l *logged) say(line []byte) {
	var entry map[string]any
	if json.Unmarshal(line, &entry) != nil || entry["@message"] == nil {
		l.log.Info("driver program says", "text", string(line))
		return
	}
	message := fmt.Sprint(entry["@message"])
	var more []any
	for key, value := range entry {
		if !strings.HasPrefix(key, "@") {
			more = append(more, key, value)
		}
	}
	switch entry["@level"] {
	case "error":
		l.log.Error(errors.New(message), "driver program failed", more...)
	case "warn", "info":
		l.log.Info("driver program says", append(more, "text", message)...)
	default:
		l.log.V(1).Info("driver program says", append(more, "text", message)...)
	}
}
