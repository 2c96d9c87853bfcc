// Package networks tests the networks that groups have to themselves with agents of the
// built binary, on a machine that passes for one: see networktest.
package networks
