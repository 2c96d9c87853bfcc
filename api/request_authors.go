package api

// Answers of the routes for authors of controllers, never stored.
//
//msgp:ignore IndexResponse

// IndexResponse answers a write: the index at which it was made.
type IndexResponse struct {
	Index uint64
}
