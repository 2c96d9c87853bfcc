// Package faults breaks the whole system from outside and looks at what is left:
// agents, shims and tasks are killed and stopped at random moments, servers vanish
// and come back, cables are cut, disks fill up, clients send garbage or never read.
//
// Every test ends with the same question, asked of /proc rather than of the agent: is
// what runs exactly what is wanted, and does the API say so?
//
// What is random is drawn from a seed, which a failing test prints. DROVER_FAULTS=N
// makes the tests that repeat themselves do it N times as often.
package faults
