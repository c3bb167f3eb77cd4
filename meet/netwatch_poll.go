//go:build !linux

package meet

import (
	"context"
	"time"
)

// networkEvents says every two seconds that something may have changed.
func networkEvents(ctx context.Context) <-chan struct{} {
	events := make(chan struct{}, 1)
	go func() {
		ticker := time.NewTicker(pollEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				tell(events)
			}
		}
	}()
	return events
}
