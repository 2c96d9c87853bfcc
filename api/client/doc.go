// Package client is the Go client of drover's HTTP API.
//
//	c, err := client.New(client.FromEnv())
//	…
//	jobs, meta, err := c.Jobs.List(ctx, client.Query{Prefix: "shop"})
//	…
//	// Wait for the next change.
//	jobs, meta, err = c.Jobs.List(ctx, client.Query{Prefix: "shop", WaitIndex: meta.LastIndex})
//
// Answers with an error status come back as *StatusError, for which errors.Is
// knows api.ErrNotFound, api.ErrConflict, api.ErrDenied, api.ErrNoLeader,
// api.ErrTooLarge and api.ErrNotSupported. A Client may be used concurrently.
package client
