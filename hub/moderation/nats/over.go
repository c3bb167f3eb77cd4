package nats

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"kith/hub/cluster"
	"kith/hub/moderation"
	"kith/hubapi"
)

// nothing is the log of a hub that kept none.
type nothing struct{ moderation.Log }

// All implements moderation.Log.
func (nothing) All() []*hubapi.Notice { return nil }

// AllBlocks implements moderation.Log.
func (nothing) AllBlocks(time.Time) map[hubapi.Key]time.Time { return nil }

// takeOver writes what a hub kept alone into streams that hold nothing else, so
// that numbers of notices go on: devices ask by them for what they missed. After
// a crash it goes on where it was.
func (l *Log) takeOver(ctx context.Context, alone moderation.Log) error {
	last, err := l.lastNotice(ctx)
	if err != nil {
		return err
	}
	for _, n := range alone.All() {
		if n.ID < last {
			continue
		}
		// Another one under this number: the cluster has a past of its own.
		if kept, err := l.keep(ctx, n); err != nil || !kept {
			return err
		}
	}
	return l.takeOverBlocks(ctx, alone)
}

func (l *Log) takeOverBlocks(ctx context.Context, alone moderation.Log) error {
	info, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return l.blocks.Info(ctx) })
	if err != nil {
		return failed("count the blocks", err)
	}
	if info.State.LastSeq > 0 {
		return nil
	}
	for device, until := range alone.AllBlocks(time.Now()) {
		if err := l.set(ctx, device, until, time.Now()); err != nil {
			return err
		}
	}
	return nil
}
