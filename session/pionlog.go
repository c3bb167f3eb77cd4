package session

import (
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog carries pion's logs into ours. What pion calls a warning or an error
// is mostly a packet or an address that did not work, while others do, so it
// is all for whoever debugs. Its own debug level shows ICE passwords and is
// dropped.
type pionLog struct{ to *slog.Logger }

func (p pionLog) NewLogger(scope string) logging.LeveledLogger {
	return pionScope{p.to.With("pion", scope)}
}

type pionScope struct{ to *slog.Logger }

func (pionScope) Trace(string)          {}
func (pionScope) Tracef(string, ...any) {}
func (pionScope) Debug(string)          {}
func (pionScope) Debugf(string, ...any) {}

func (p pionScope) Info(msg string)  { p.to.Debug(msg) }
func (p pionScope) Warn(msg string)  { p.to.Debug(msg) }
func (p pionScope) Error(msg string) { p.to.Debug(msg) }

func (p pionScope) Infof(format string, args ...any)  { p.to.Debug(fmt.Sprintf(format, args...)) }
func (p pionScope) Warnf(format string, args ...any)  { p.to.Debug(fmt.Sprintf(format, args...)) }
func (p pionScope) Errorf(format string, args ...any) { p.to.Debug(fmt.Sprintf(format, args...)) }
