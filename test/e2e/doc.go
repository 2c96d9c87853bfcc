// Package e2e tests the whole system from outside: real agents started from the
// built binary, real processes, the command line as a user types it.
package e2e
