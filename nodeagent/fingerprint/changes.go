package fingerprint

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Changes tells, until ctx is cancelled, when something may have changed of a machine that
// the kernel says so of: its network interfaces, addresses and routes, its cores, memory
// and devices, and what is in some folders. Several changes may be told as one. wait
// returns when nothing is told any more. Of what could not be watched it says so in err:
// one looks again from time to time anyway.
func Changes(ctx context.Context, folders []string) (changed <-chan struct{}, wait func(), err error) {
	c := make(chan struct{}, 1)
	tell := func() {
		select {
		case c <- struct{}{}:
		default: // it is to be told already
		}
	}
	var watching sync.WaitGroup
	files, filesErr := watchFolders(ctx, folders, tell, &watching)
	kernel, kernelErr := watchKernel(tell, &watching)
	watching.Go(func() {
		<-ctx.Done()
		for _, stop := range append(kernel, files...) {
			_ = stop() // nobody reads any more
		}
	})
	return c, watching.Wait, errors.Join(filesErr, kernelErr)
}

// watchFolders tells of changes in folders. Those that are not there are not watched.
func watchFolders(ctx context.Context, folders []string, tell func(), watching *sync.WaitGroup) ([]func() error, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, dir := range folders {
		if err := w.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			wrong = append(wrong, &os.PathError{Op: "watch", Path: dir, Err: err})
		}
	}
	watching.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case _, open := <-w.Events:
				if !open {
					return
				}
			case _, open := <-w.Errors: // events were lost
				if !open {
					return
				}
			}
			tell()
		}
	})
	return []func() error{w.Close}, errors.Join(wrong...)
}
