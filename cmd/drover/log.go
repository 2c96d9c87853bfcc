package main

import (
	"bytes"
	"fmt"
	"io"
	"log"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/droverhq/drover/config"
)

// newLogger returns the logger that a configuration asks for. Levels WARN and ERROR
// leave out what is merely informative; DEBUG adds V(1).
func newLogger(cfg *config.Agent, w io.Writer) (logr.Logger, error) {
	var level zapcore.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		return logr.Logger{}, fmt.Errorf("log_level: %w", err)
	}
	enc := zap.NewProductionEncoderConfig()
	enc.TimeKey = "time"
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	var encoder zapcore.Encoder
	if cfg.LogJSON {
		encoder = zapcore.NewJSONEncoder(enc)
	} else {
		enc.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000Z07:00")
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		enc.ConsoleSeparator = " "
		encoder = zapcore.NewConsoleEncoder(enc)
	}
	log.SetOutput(quiet{w})
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level)
	return zapr.NewLogger(zap.New(core)), nil
}

// quiet passes on what libraries write to the log of the standard library, but for what
// they say of each of their steps.
type quiet struct{ io.Writer }

func (q quiet) Write(line []byte) (int, error) {
	for _, level := range []string{"[TRACE]", "[DEBUG]", "[INFO]"} {
		if bytes.Contains(line, []byte(level)) {
			return len(line), nil
		}
	}
	return q.Writer.Write(line)
}
