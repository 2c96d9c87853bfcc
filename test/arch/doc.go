// Package arch holds the design's import table as a test: which folder of the
// module may import which. Imports only point down.
package arch
