// Package server is the server role of an agent: it holds a replica of the store,
// serves the HTTP API (server/httpapi) and node sessions (server/sessions), and runs
// the controllers while it leads.
//
//	s, err := server.New(server.Options{DataDir: dir, HTTP: httpListener, Sessions: sessionListener, …})
//	…
//	err = s.Start(ctx) // until ctx is cancelled
package server
