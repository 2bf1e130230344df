package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"sallyport/schemas"
)

// tail reads a stream in order, from a sequence to its end and on, over an ephemeral consumer of
// its own. It asks for a bounded portion at a time (messages and bytes), and for the next one when that is
// taken, so a slow reader holds no more than one portion. Whatever goes wrong (a lost message,
// connection or consumer), it makes a new consumer after the last message taken. It
// belongs to one goroutine.
type tail struct {
	log      *Log
	stream   schemas.Stream
	subjects []schemas.Subject
	next     uint64        // sequence wanted
	newest   bool          // only the last message of each subject, and what comes; until the first is taken
	portion  int           // messages asked for at once
	linger   time.Duration // how long a new message waits for others; 0: not at all
	behind   bool          // there is more than was taken: with linger, take it at once
	reading  time.Duration // with linger, what the last portion took
	own      *recent       // with linger, what this process appended last; nil: everything is read

	consumer string
	sub      *nats.Subscription
	messages chan *nats.Msg
	epoch    <-chan struct{} // closed when the connection was made anew
	timer    *time.Timer
	ordinal  uint64 // of the last message, counted by the consumer
	asked    int    // messages still to come for the open request; 0: no request is open
	empty    bool   // the new consumer has nothing to deliver, and the caller does not know yet
}

// pullRequest asks a consumer for messages.
type pullRequest struct {
	Batch     int           `json:"batch"`
	MaxBytes  int           `json:"max_bytes"`
	Expires   time.Duration `json:"expires,omitempty"`
	Heartbeat time.Duration `json:"idle_heartbeat,omitempty"`
	NoWait    bool          `json:"no_wait,omitempty"`
}

const (
	portionBytes  = 1 << 20 // above maxMessage, or the server could not deliver
	pullExpiry    = 30 * time.Second
	pullHeartbeat = 5 * time.Second
)

func (l *Log) tail(s schemas.Stream, subjects []schemas.Subject, from uint64, portion int) *tail {
	t := &tail{log: l, stream: s, subjects: subjects, next: max(from, 1), portion: portion, timer: time.NewTimer(time.Hour)}
	t.timer.Stop()
	return t
}

// take waits for messages, and returns as many as are there, up to most. caughtUp says that they
// reach what was the end of the stream (of what the filter lets through); it is true once without
// messages when there is nothing at first.
func (t *tail) take(ctx context.Context, most int) (ms []Message, caughtUp bool, err error) {
	switch {
	case t.own != nil:
		return t.gatherOwn(ctx, most)
	case t.linger > 0:
		return t.gather(ctx, most)
	}
	for {
		if err := t.ready(ctx, t.portion, false); err != nil {
			return nil, false, err
		}
		if t.empty {
			t.empty = false
			return nil, true, nil
		}
		m, ok, err := t.wait(ctx)
		if err != nil {
			return nil, false, err
		}
		for ok && m != nil {
			message, pending, good := t.accept(m)
			if good {
				ms = append(ms, message)
				caughtUp = pending == 0
			}
			if t.consumer == "" || len(ms) == most {
				break
			}
			m = t.poll()
		}
		if len(ms) > 0 {
			return ms, caughtUp, nil
		}
	}
}

// wait blocks for one message; ok is false when the consumer was given up.
func (t *tail) wait(ctx context.Context) (m *nats.Msg, ok bool, err error) {
	if m := t.poll(); m != nil {
		return m, true, nil
	}
	t.timer.Reset(2*pullHeartbeat + pullHeartbeat/2)
	defer t.timer.Stop()
	select {
	case m := <-t.messages:
		return m, true, nil
	case <-t.epoch:
	case <-t.timer.C:
	case <-t.log.done:
		return nil, false, fmt.Errorf("read %s: %w", t.stream, ErrClosed)
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
	t.drop()
	return nil, false, nil
}

func (t *tail) poll() *nats.Msg {
	select {
	case m := <-t.messages:
		return m
	default:
		return nil
	}
}

// accept takes a message in; good is false for what is not one: a heartbeat, the end of a
// request, or the trace of a loss.
func (t *tail) accept(m *nats.Msg) (message Message, pending uint64, good bool) {
	meta, err := m.Metadata()
	if err != nil { // a status, which has no such reply subject
		switch m.Header.Get("Status") {
		case "100": // heartbeat
		case "404", "408", "409": // request over: nothing there, expired, or the next message does not fit
			if m.Header.Get("Description") == "Batch Completed" {
				break // of a request that is counted already; the next one may be open
			}
			t.asked = 0
			if deleted := m.Header.Get("Description"); deleted == "Consumer Deleted" || deleted == "Leadership Change" {
				t.drop()
			}
		default: // 503: no such consumer any more
			t.drop()
		}
		return Message{}, 0, false
	}
	if meta.Sequence.Consumer != t.ordinal+1 {
		t.drop()
		return Message{}, 0, false
	}
	t.ordinal++
	t.asked--
	t.next, t.newest = meta.Sequence.Stream+1, false
	return Message{
		Stream: t.stream, Sequence: meta.Sequence.Stream, Subject: schemas.Subject(m.Subject),
		Time: meta.Timestamp, Data: m.Data, Header: flatHeader(m.Header),
	}, meta.NumPending, true
}

// ready sees to it that there is a consumer with an open request for most messages: those that
// are there now, or else also those that come.
func (t *tail) ready(ctx context.Context, most int, now bool) error {
	for wait := 20 * time.Millisecond; t.consumer == ""; wait = min(2*wait, time.Second) {
		err := t.create(ctx)
		if err == nil {
			break
		}
		if t.log.closed() {
			return fmt.Errorf("read %s: %w", t.stream, ErrClosed)
		}
		if e, ok := errors.AsType[*apiError](err); ok && e.Code == 400 {
			return fmt.Errorf("read %s: %w", t.stream, err)
		}
		t.log.logger.Warn("read stream", "stream", t.stream, "error", err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.log.done:
		case <-time.After(wait):
		}
	}
	if t.asked > 0 || len(t.messages) > 0 {
		return nil
	}
	r := pullRequest{Batch: most, MaxBytes: portionBytes, NoWait: now}
	if !now {
		r.Expires, r.Heartbeat = pullExpiry, pullHeartbeat
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.stream, err)
	}
	subject := "$JS.API.CONSUMER.MSG.NEXT." + string(t.stream) + "." + t.consumer
	t.asked = most
	if err := t.log.read.nc.PublishRequest(subject, t.sub.Subject, body); err != nil {
		t.drop() // and round again: the connection is away
	}
	return nil
}

// create makes a consumer that starts at t.next.
func (t *tail) create(ctx context.Context) error {
	t.epoch = t.log.read.reconnected()
	c := jetstream.ConsumerConfig{
		Name: "t" + nuid.Next(), AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: t.next,
		InactiveThreshold: 3 * pullHeartbeat, MaxDeliver: 1,
	}
	if t.newest {
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverLastPerSubjectPolicy, 0
	}
	for _, s := range t.subjects {
		c.FilterSubjects = append(c.FilterSubjects, string(s))
	}
	if t.newest && len(c.FilterSubjects) == 0 {
		c.FilterSubjects = []string{">"}
	}
	var r struct {
		Error      *apiError `json:"error"`
		NumPending uint64    `json:"num_pending"`
	}
	request := map[string]any{"stream_name": t.stream, "config": c, "action": "create"}
	if err := t.log.read.api(ctx, "CONSUMER.CREATE."+string(t.stream)+"."+c.Name, request, &r); err != nil {
		return fmt.Errorf("create consumer: %w", err)
	}
	if r.Error != nil {
		return fmt.Errorf("create consumer: %w", r.Error)
	}
	t.messages = make(chan *nats.Msg, t.portion+16)
	sub, err := t.log.read.nc.ChanSubscribe(nats.NewInbox(), t.messages)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	t.consumer, t.sub, t.ordinal, t.asked, t.empty = c.Name, sub, 0, 0, r.NumPending == 0
	return nil
}

// drop gives the consumer up, here and on the server.
func (t *tail) drop() {
	if t.consumer == "" {
		return
	}
	// Both fail only when the connection is away; the server then collects the consumer in time.
	_ = t.sub.Unsubscribe()
	_ = t.log.read.nc.Publish("$JS.API.CONSUMER.DELETE."+string(t.stream)+"."+t.consumer, nil)
	t.consumer, t.asked = "", 0
}
