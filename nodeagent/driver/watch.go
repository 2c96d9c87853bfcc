package driver

import "context"

// Watcher is a driver that notices by itself that what Fingerprint says has changed.
type Watcher interface {
	// Watch returns when it may have, or when ctx is done. It is called again after
	// Fingerprint was.
	Watch(ctx context.Context)
}
