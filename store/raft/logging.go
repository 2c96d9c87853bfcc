package raft

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"github.com/lni/dragonboat/v3/logger"
)

// dragonboatLog is where Dragonboat's log goes. Dragonboat has one log per process;
// so there is one of these, and the store that was opened last decides.
var dragonboatLog logRouter

type logRouter struct {
	install sync.Once

	mu    sync.RWMutex // guards what follows
	log   logr.Logger
	fatal func(error)
}

// use sends the log to a store's.
func (r *logRouter) use(log logr.Logger, fatal func(error)) {
	r.mu.Lock()
	r.log, r.fatal = log, fatal
	r.mu.Unlock()
	r.install.Do(func() {
		logger.SetLoggerFactory(func(part string) logger.ILogger { return routedLog{r, part} })
	})
}

func (r *logRouter) to() (logr.Logger, func(error)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.log, r.fatal
}

// routedLog is the log of one part of Dragonboat. What it says in normal operation is
// for debugging only; its warnings are mostly of things that it gets over by itself.
type routedLog struct {
	router *logRouter
	part   string
}

func (l routedLog) SetLevel(logger.LogLevel) {}

func (l routedLog) info(level int, format string, args []any) {
	if log, _ := l.router.to(); log.V(level).Enabled() {
		log.V(level).Info(strings.TrimSpace(fmt.Sprintf(format, args...)), "part", l.part)
	}
}

func (l routedLog) Debugf(format string, args ...any)   { l.info(3, format, args) }
func (l routedLog) Infof(format string, args ...any)    { l.info(2, format, args) }
func (l routedLog) Warningf(format string, args ...any) { l.info(1, format, args) }

func (l routedLog) Errorf(format string, args ...any) {
	log, _ := l.router.to()
	log.Error(fmt.Errorf(format, args...), "raft", "part", l.part)
}

// Panicf is called when Dragonboat can't go on, above all when its disk fails.
func (l routedLog) Panicf(format string, args ...any) {
	err := fmt.Errorf("raft log: %s: "+format, append([]any{l.part}, args...)...)
	_, fatal := l.router.to()
	fatal(err)
	panic(err)
}
