package network

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockRetry is how often a lock that somebody else has is tried again.
const lockRetry = 20 * time.Millisecond

// take makes the folder and locks it, when nobody has it any more: another goroutine, or
// plugins that an agent started which was killed. The lock ends when it is closed here
// and by all programs that have inherited it.
func (f folder) take(ctx context.Context) (*os.File, error) {
	for {
		if err := os.MkdirAll(string(f), 0o711); err != nil {
			return nil, err
		}
		lock, err := os.OpenFile(f.path(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			continue // who had it has removed the folder
		}
		if err != nil {
			return nil, err
		}
		switch err := waitForLock(ctx, lock); {
		case err != nil:
			return nil, errors.Join(err, lock.Close())
		case f.has(lock):
			return lock, nil
		}
		if err := lock.Close(); err != nil {
			return nil, err
		}
	}
}

func waitForLock(ctx context.Context, lock *os.File) error {
	for {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// has reports whether the lock is that of the folder that is there now.
func (f folder) has(lock *os.File) bool {
	here, err := os.Stat(f.path(lockFile))
	if err != nil {
		return false
	}
	mine, err := lock.Stat()
	return err == nil && os.SameFile(here, mine)
}
