package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/droverhq/drover/nodeagent/driver"
)

// dial serves one command and opens a websocket to it.
func dial(t *testing.T, tty bool, run Run) (context.Context, *websocket.Conn) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { Serve(w, r, tty, run) }))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return ctx, conn
}

func TestAConversationHasTheKnownForm(t *testing.T) {
	ctx, conn := dial(t, true, func(_ context.Context, c driver.Command) (driver.ExitResult, error) {
		size := <-c.Sizes
		in, err := io.ReadAll(c.Stdin)
		fmt.Fprintf(c.Stdout, "%d x %d: %s", size.Columns, size.Rows, in)
		fmt.Fprint(c.Stderr, "bad")
		return driver.ExitResult{ExitCode: 3}, err
	})
	for _, message := range []string{
		`{"version":1,"auth_token":""}`, // what some send first
		`{"tty_size":{"height":40,"width":100}}`, `{}`,
		`{"stdin":{"data":"aGVs"}}`, `{"stdin":{"data":"bG8K"}}`, `{"stdin":{"close":true}}`,
	} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		`{"stdout":{"data":"MTAwIHggNDA6IGhlbGxvCg=="}}`, `{"stderr":{"data":"YmFk"}}`,
		`{"stdout":{"close":true}}`, `{"stderr":{"close":true}}`, `{"exited":true,"result":{"exit_code":3}}`,
	} {
		if _, got, err := conn.Read(ctx); err != nil || string(got) != want {
			t.Fatalf("got %s, %v, want %s", got, err, want)
		}
	}
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("ended with %v", err)
	}
}

func TestACommandThatCanNotRunClosesWithTheReason(t *testing.T) {
	for reason, want := range map[string]string{
		"no such program":        "no such program",
		strings.Repeat("ü", 100): strings.Repeat("ü", 60) + "…",
	} {
		ctx, conn := dial(t, false, func(context.Context, driver.Command) (driver.ExitResult, error) {
			return driver.ExitResult{}, errors.New(reason)
		})
		_, _, err := conn.Read(ctx)
		var closed websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != websocket.StatusInternalError || closed.Reason != want {
			t.Errorf("ended with %v, want %q", err, want)
		}
	}
}

func TestACommandIsGivenUpWhenItsUserIsGoneOrOfNoSense(t *testing.T) {
	for name, leave := range map[string]func(ctx context.Context, conn *websocket.Conn) error{
		"gone": func(_ context.Context, conn *websocket.Conn) error { return conn.CloseNow() },
		"in order": func(_ context.Context, conn *websocket.Conn) error {
			return conn.Close(websocket.StatusNormalClosure, "")
		},
		"no JSON": func(ctx context.Context, conn *websocket.Conn) error {
			return conn.Write(ctx, websocket.MessageText, []byte("ls"))
		},
		"a long word": func(ctx context.Context, conn *websocket.Conn) error {
			return conn.Write(ctx, websocket.MessageText, make([]byte, maxMessage+1))
		},
	} {
		given := make(chan error, 1)
		ctx, conn := dial(t, false, func(ctx context.Context, c driver.Command) (driver.ExitResult, error) {
			<-ctx.Done()
			_, err := c.Stdout.Write([]byte("nobody reads this"))
			given <- err
			return driver.ExitResult{}, nil
		})
		if err := leave(ctx, conn); err != nil && name != "a long word" {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case err := <-given:
			if err == nil {
				t.Errorf("%s: what is written then gets through", name)
			}
		case <-ctx.Done():
			t.Errorf("%s: the command runs on", name)
		}
	}
}

func TestInputThatNobodyReadsHoldsNothingUp(t *testing.T) {
	ctx, conn := dial(t, false, func(context.Context, driver.Command) (driver.ExitResult, error) {
		return driver.ExitResult{}, nil
	})
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"stdin":{"data":"aGVs"}}`)); err != nil {
		t.Fatal(err)
	}
	for {
		_, got, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(got), "exited") {
			return
		}
	}
}

func TestAConversationThatIsGivenUpEndsThoughInputWasNotRead(t *testing.T) {
	request, giveUp := context.WithCancel(t.Context())
	ended, begun := make(chan struct{}), make(chan struct{})
	run := func(ctx context.Context, c driver.Command) (driver.ExitResult, error) {
		if _, err := c.Stdin.Read(make([]byte, 1)); err != nil { // the rest stays unread
			return driver.ExitResult{}, err
		}
		close(begun)
		<-ctx.Done()
		return driver.ExitResult{}, nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		Serve(w, r.WithContext(request), false, run)
	}))
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"stdin":{"data":"aGVs"}}`)); err != nil {
		t.Fatal(err)
	}
	<-begun
	giveUp()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
}
