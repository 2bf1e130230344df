package journal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sallyport/schemas"
)

// StreamState is what a stream of the log holds.
type StreamState struct {
	Stream    schemas.Stream
	Messages  uint64
	Bytes     uint64 // on disk, of one replica
	First     uint64 // sequence
	Last      uint64
	FirstTime time.Time
	LastTime  time.Time
	Replicas  int
}

// Streams says what each stream of the log holds.
func (l *Log) Streams(ctx context.Context) ([]StreamState, error) {
	var out []StreamState
	for _, s := range []schemas.Stream{schemas.Facts, schemas.Frames, schemas.Controls, schemas.Events} {
		var r struct {
			Error  *apiError `json:"error"`
			Config struct {
				Replicas int `json:"num_replicas"`
			} `json:"config"`
			State struct {
				Messages  uint64    `json:"messages"`
				Bytes     uint64    `json:"bytes"`
				FirstSeq  uint64    `json:"first_seq"`
				FirstTime time.Time `json:"first_ts"`
				LastSeq   uint64    `json:"last_seq"`
				LastTime  time.Time `json:"last_ts"`
			} `json:"state"`
		}
		err := l.read.api(ctx, "STREAM.INFO."+string(s), nil, &r)
		if err == nil && r.Error != nil {
			err = r.Error
		}
		if err != nil {
			return nil, fmt.Errorf("state of %s: %w", s, err)
		}
		out = append(out, StreamState{
			Stream: s, Messages: r.State.Messages, Bytes: r.State.Bytes, First: r.State.FirstSeq, Last: r.State.LastSeq,
			FirstTime: r.State.FirstTime, LastTime: r.State.LastTime, Replicas: r.Config.Replicas,
		})
	}
	return out, nil
}

// HeadOf returns the last sequence of a stream on subjects, which may have wildcards; 0 when there
// is none.
func (l *Log) HeadOf(ctx context.Context, s schemas.Stream, subjects schemas.Subject) (uint64, error) {
	return l.lastOf(ctx, s, subjects)
}

// Gateways are the incarnations of gateways whose lease is alive.
func (l *Log) Gateways(ctx context.Context) ([]schemas.GatewayID, error) {
	now, err := l.leasesNow(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]schemas.GatewayID, 0, len(now.living))
	for id, alive := range now.living {
		if alive {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}
