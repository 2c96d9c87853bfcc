// Package hostile runs tasks that mean harm on a real agent: fork and memory bombs, floods
// of output, archives and links that lead elsewhere. A neighbour on the same node has to go
// on answering, nothing outside of their allocations may be changed, and nothing of them is
// left when they have been stopped.
package hostile
