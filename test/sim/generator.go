package sim

import (
	"fmt"
	"math/rand/v2"
)

// Generate returns the history of a seed: length ops that do not depend on what becomes
// of them. Where one can't happen, nothing happens.
func Generate(seed uint64, length int) []Op {
	g := generator{rand.New(rand.NewPCG(seed, 2))}
	nodes := 2 + g.IntN(4)
	out := make([]Op, 0, length)
	for n := range nodes {
		out = append(out, g.op("node", fmt.Sprintf("n%d", n+1), "rack="+g.of("a", "b")))
	}
	for _, name := range []string{"v1", "own[0]", "own[1]", "own[2]"} {
		out = append(out, g.op("volume", name))
	}
	for len(out) < length {
		out = append(out, g.next(nodes))
	}
	return out
}

type generator struct{ *rand.Rand }

func (g generator) op(verb string, args ...string) Op {
	return Op{Verb: verb, Args: args, Seed: g.Uint64() >> 32}
}

// of returns one of a few, by chance.
func (g generator) of(words ...string) string { return words[g.IntN(len(words))] }

// maybe appends one of a few to args, once in a number of times.
func (g generator) maybe(args []string, in int, words ...string) []string {
	if g.IntN(in) == 0 {
		return append(args, g.of(words...))
	}
	return args
}

func (g generator) job() string {
	return g.of("s1", "s1", "s1", "s2", "s2", "s2", "b1", "b1", "b2", "b2", "a1", "a1", "y1", "z1", "p1", "d1", "w1")
}

// next returns the next op of a history.
func (g generator) next(nodes int) Op {
	node := fmt.Sprintf("n%d", 1+g.IntN(nodes))
	if g.IntN(6) == 0 {
		return g.control(node)
	}
	if g.IntN(40) == 0 {
		return g.op(g.of("tag", "tag", "untag"), g.maybe([]string{g.job(), g.of("good", "best")}, 3, "any")...)
	}
	if g.IntN(25) == 0 {
		return g.storage(node)
	}
	if g.IntN(25) == 0 {
		return g.op("dispatch", g.maybe([]string{"d1"}, 3, "priority=80")...)
	}
	switch n := g.IntN(100); {
	case n < 26:
		return g.apply()
	case n < 30:
		return g.op("stop", g.maybe([]string{g.job()}, 3, "purge")...)
	case n < 32:
		return g.op("evaluate", g.job())
	case n < 34:
		return g.op("stop-alloc", g.job())
	case n < 40:
		return g.op("exit", g.job(), g.of("code=1", "code=1", "code=0"))
	case n < 43:
		return g.op("crash", node)
	case n < 46:
		return g.op("disconnect", node)
	case n < 47:
		return g.op("leave", node)
	case n < 51:
		return g.op("connect", node)
	case n < 55:
		return g.op("node", g.maybe([]string{node}, 4, "wiped")...)
	case n < 58:
		return g.op("eligibility", node, g.of("eligible", "ineligible"))
	case n < 60:
		return g.op("gc")
	case n < 62:
		return g.op("takeover", g.maybe(nil, 3, "skew=3s", "skew=-3s", "skew=1m")...)
	case n < 65:
		return g.op("hurt", g.of(hurtBefore, hurtAfter, hurtRefuse, hurtUnsure, hurtHalt, hurtHalt, hurtForget), fmt.Sprintf("in=%d", g.IntN(6)))
	}
	return g.op("advance", g.of("100ms", "1s", "1s", "3s", "5s", "5s", "10s", "10s", "30s", "30s", "1m", "3m", "20m"))
}

// apply returns the registration of a job, or of another version of it.
func (g generator) apply() Op {
	id := g.job()
	args := []string{id, "v=" + g.of("1", "2", "3")}
	switch {
	case id[0] == 'a':
		args = g.array(args)
	case typeOf(id) == "service" || typeOf(id) == "batch":
		args = append(args, "count="+g.of("0", "1", "2", "3", "3", "4", "5"))
	}
	switch typeOf(id) {
	case "batch", "sysbatch":
		args = append(args, "run="+g.of("done:5s", "done:20s", "done:2m", "crash:5s", "again:5s", "flaky:10s", "forever"))
	default:
		args = append(args, "run="+g.of("forever", "forever", "forever", "flaky:3s", "flaky:20s", "crash:3s", "nostart"))
	}
	args = append(args, "cpu="+g.of("100", "200", "300", "600"))
	args = g.maybe(args, 8, "cores=1", "cores=2")
	args = g.maybe(args, 5, "csi=single-node-writer", "csi=single-node-writer", "csi=multi-node-single-writer", "csi=multi-node-single-writer,ro", "csi=multi-node-multi-writer")
	args = g.maybe(args, 8, "sticky")
	args = g.maybe(args, 2, "parallel=1", "parallel=1", "parallel=2", "parallel=3")
	args = g.maybe(args, 3, "progress=0s", "progress=2m")
	args = g.maybe(args, 3, "healthy=10s")

	args = g.maybe(args, 2, "attempts=0", "attempts=1", "attempts=3")
	args = g.maybe(args, 3, "delay=1m", "delay=1s")
	args = g.maybe(args, 4, "function=exponential", "function=fibonacci")
	args = g.maybe(args, 3, "restarts=1", "restarts=2")
	args = g.maybe(args, 4, "priority=20", "priority=80")
	switch id[0] {
	case 'p':
		args = g.maybe(args, 2, "no_overlap")
	case 'd':
		args = g.maybe(args, 1, "concurrent=1", "concurrent=2")
	case 'w':
		args = g.maybe(args, 2, "when=completion", "when=failure")
	}
	args = g.maybe(args, 6, "rack=a", "rack=b")
	args = g.maybe(args, 8, "distinct")
	args = g.maybe(args, 8, "second")
	if typeOf(id) != "system" && typeOf(id) != "sysbatch" && id[0] != 'a' {
		args = g.maybe(args, 6, "gang", "gang", "at_once")
	}
	args = g.maybe(args, 8, "port=8080")
	switch typeOf(id) {
	case "batch", "sysbatch":
		args = g.maybe(args, 4, "deadline=30s", "deadline=2m", "deadline=15m")
		args = g.maybe(args, 4, "ttl=0s", "ttl=30s", "ttl=10m")
	case "service":
		args = g.checks(args)
		args = g.maybe(args, 4, "canary=1", "canary=2", "canary=5")
		args = g.maybe(args, 4, "promote")
		args = g.maybe(args, 4, "revert")
	}
	if g.IntN(6) == 0 {
		args = g.maybe(append(args, "lost_after="+g.of("30s", "2m")), 3, "replace=false")
		args = g.maybe(args, 2, "reconcile=keep_original", "reconcile=keep_replacement", "reconcile=best_score", "reconcile=longest_running")
	} else {
		args = g.maybe(args, 10, "keep_lost")
	}
	return g.op("apply", args...)
}

// storage returns what operators do to volumes.
func (g generator) storage(node string) Op {
	name := g.of("v1", "v1", "own[0]", "own[1]", "own[3]")
	switch g.IntN(6) {
	case 5:
		return g.op("unstick", g.job())
	case 0, 1:
		return g.op("volume", g.maybe([]string{name, "off"}, 3, "force")...)
	case 2:
		return g.op("detach", name, node)
	}
	return g.op("volume", g.maybe([]string{name}, 4, "zone=a", "zone=b")...)
}

// array returns the arguments of an indexed group.
func (g generator) array(args []string) []string {
	args = append(args, "completions="+g.of("1", "3", "5", "8"), "parallelism="+g.of("1", "2", "3"))
	return g.maybe(g.maybe(args, 2, "tries=0", "tries=1", "tries=2"), 4, "max_failed=0", "max_failed=1")
}

// checks returns the arguments of a service that is checked, sometimes.
func (g generator) checks(args []string) []string {
	if g.IntN(3) != 0 {
		return args
	}
	args = append(args, "check="+g.of("pass", "pass", "late:20s", "dies:30s", "flap:40s", "fail"))
	return g.maybe(g.maybe(args, 2, "by=checks"), 3, "unwell=1", "unwell=2")
}

// control returns what operators do to nodes and rollouts.
func (g generator) control(node string) Op {
	switch g.IntN(8) {
	case 0, 1:
		return g.op("drain", g.maybe(g.maybe([]string{node}, 2, "deadline=10s", "deadline=1m"), 3, "ignore_system")...)
	case 2:
		return g.op("drain", node, "off")
	case 3:
		return g.op("scale", g.of("s1", "s2", "b1"), "count="+g.of("0", "1", "2", "4", "5"))
	case 4, 5:
		return g.op("steer", g.of("s1", "s2"), g.of("promote", "promote", "promote", "pause", "resume", "fail"))
	case 6:
		return g.op("revert", g.of("s1", "s2"))
	}
	return g.op("purge", node)
}
