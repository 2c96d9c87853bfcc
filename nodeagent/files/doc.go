// Package files answers requests for the files of allocations on this node: the
// routes /v1/client/fs/… of the API.
//
//	h, err := files.New(files.Options{Resolve: agent.filesOf, Log: log})
//	…
//	http.ListenAndServe(…, h) // or served over the node's session
//
//	GET /v1/client/fs/ls/ALLOC?path=      the entries of a directory
//	GET /v1/client/fs/stat/ALLOC?path=    one file or directory
//	GET /v1/client/fs/cat/ALLOC?path=     a file
//	GET /v1/client/fs/readat/ALLOC?path=&offset=&limit=
//	GET /v1/client/fs/stream/ALLOC?path=&offset=&origin=&limit=&follow=&plain=
//	GET /v1/client/fs/logs/ALLOC?task=&type=&offset=&origin=&follow=&plain=
//
// The last two answer with a stream of api.StreamFrame, each with what was read and,
// as Offset, where that ended in File; {} every second is a heartbeat. A stream
// that follows waits for the kernel to tell of changes. It ends when the client goes
// away, when the file was deleted, and, for logs, at the end of the output of a task that
// has ended.
//
// Paths are relative to the allocation's directory and can't leave it, by .. or by a
// link; the secrets directories of tasks are closed. Errors are plain text with a 4xx
// status.
package files
