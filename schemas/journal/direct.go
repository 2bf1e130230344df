package journal

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/nats-io/nats-server/v2/server"

	"sallyport/schemas"
)

// direct appends to the embedded server's streams in the caller's own goroutine, by the function that the server
// itself calls for each message that it has received. A command waits for its append: over a connection, even one
// inside of the process, an append and its acknowledgement are handed from goroutine to goroutine seven times, which
// takes four times as long as storing.
//
// The server exports nothing of the kind, so the function is linked by its name. What it takes, and that it needs
// no lock held, was looked at for one version alone, directVersion: with another, appends take a connection, and a
// test fails until somebody has looked again.
//
// What fails here is sent again over a connection, whose answer says why, or that it had been stored after all.
type direct struct {
	over     appender
	elapsed  func() time.Duration
	patience time.Duration // after which an append that has not returned is one that the log does not take
	streams  map[schemas.Stream]*directStream
}

// directVersion is the version of the server for which processJetStreamMsg and lastSeq are declared.
const directVersion = "2.15.2"

// directStream is a stream of the embedded server, to which nobody else appends.
type directStream struct {
	since atomic.Int64 // when the append began that is under way, on the log's clock; 0: none is

	mu     sync.Mutex // held while appending: the stream's last sequence is then that of what was appended
	stream unsafe.Pointer
	header []byte
}

// openDirect returns an error when the server is not of directVersion, or is built otherwise.
func openDirect(s *server.Server, over appender, c Config, elapsed func() time.Duration, streams ...schemas.Stream) (*direct, error) {
	if server.VERSION != directVersion {
		return nil, fmt.Errorf("the embedded server is version %s, not %s", server.VERSION, directVersion)
	}
	d := &direct{over: over, patience: c.AckTimeout, elapsed: elapsed, streams: make(map[schemas.Stream]*directStream)}
	for _, name := range streams {
		v, err := streamOf(s, name)
		if err != nil {
			return nil, err
		}
		if v.Kind() != reflect.Pointer || v.IsNil() {
			return nil, errors.New("the embedded server's stream is no pointer")
		}
		d.streams[name] = &directStream{stream: v.UnsafePointer()}
	}
	return d, nil
}

// append implements appender. It does not return before the disk has taken a; see watch.
func (d *direct) append(ctx context.Context, a *addition, timeout time.Duration) (uint64, error) {
	if s := d.streams[a.stream]; s != nil {
		if sequence, ok := s.append(a, d.elapsed); ok {
			return sequence, nil
		}
	}
	return d.over.append(ctx, a, timeout)
}

func (s *directStream) append(a *addition, elapsed func() time.Duration) (sequence uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since.Store(int64(elapsed()))
	defer s.since.Store(0)
	s.header = appendHeader(s.header[:0], a)
	before := lastSeq(s.stream)
	if processJetStreamMsg(s.stream, string(a.subject), "", s.header, a.data, 0, 0, nil, false, true) != nil {
		return 0, false
	}
	sequence = lastSeq(s.stream)
	return sequence, sequence == before+1 // a stream that is not active stores nothing, and says nothing
}

// watch tells broke when an append does not return, as on a disk that hangs, until done is closed.
func (d *direct) watch(done <-chan struct{}, broke func(error)) {
	tick := time.NewTicker(max(d.patience/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		for name, s := range d.streams {
			if since := s.since.Load(); since > 0 && d.elapsed()-time.Duration(since) > d.patience {
				broke(unacknowledged(name, d.patience, errTimeout))
			}
		}
	}
}

// appendHeader adds the header of a, with its condition, to h
// (https://docs.nats.io/reference/reference-protocols/nats-protocol, HPUB).
func appendHeader(h []byte, a *addition) []byte {
	h = append(h, "NATS/1.0\r\n"...)
	for k, v := range a.header {
		h = append(append(append(append(h, k...), ": "...), v...), "\r\n"...)
	}
	name := headerLastOfSubject
	if a.whole {
		name = headerLastOfStream
	}
	h = append(append(h, name...), ": "...)
	return append(strconv.AppendUint(h, a.last, 10), "\r\n\r\n"...)
}

//go:linkname processJetStreamMsg github.com/nats-io/nats-server/v2/server.(*stream).processJetStreamMsg
func processJetStreamMsg(stream unsafe.Pointer, subject, reply string, header, message []byte, last uint64, at int64, trace unsafe.Pointer, sourced, isolate bool) error

//go:linkname lastSeq github.com/nats-io/nats-server/v2/server.(*stream).lastSeq
func lastSeq(stream unsafe.Pointer) uint64
