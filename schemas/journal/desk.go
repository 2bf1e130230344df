package journal

import (
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"sallyport/schemas"
)

// mostIncoming is how many requests may wait for the desk, which only starts goroutines. One that finds no room gets
// no answer.
const mostIncoming = 16 << 10

// desk takes the requests of all subscriptions to those who answer them. A gateway has a subscription for each
// of its sessions: a goroutine for each, which is what the client library makes of a callback, would be as many
// that do nothing.
type desk struct {
	incoming chan *nats.Msg

	mu        sync.Mutex
	answerers map[*nats.Subscription]*answerer
}

func newDesk() *desk {
	return &desk{incoming: make(chan *nats.Msg, mostIncoming), answerers: map[*nats.Subscription]*answerer{}}
}

// subscribe has a answer from now on.
func (d *desk) subscribe(nc *nats.Conn, subject schemas.Subject, queue string, a *answerer) (*nats.Subscription, error) {
	d.mu.Lock() // a request that comes at once waits until it is known whose it is
	defer d.mu.Unlock()
	sub, err := nc.ChanQueueSubscribe(string(subject), queue, d.incoming)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	d.answerers[sub] = a
	return sub, nil
}

func (d *desk) unsubscribe(sub *nats.Subscription) {
	_ = sub.Unsubscribe() // fails only when the connection is closed
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.answerers, sub)
}

// serve hands requests on until done is closed.
func (d *desk) serve(done <-chan struct{}) {
	for {
		select {
		case m := <-d.incoming:
			d.mu.Lock()
			a := d.answerers[m.Sub]
			d.mu.Unlock()
			if a != nil { // else it has stopped
				a.take(m)
			}
		case <-done:
			return
		}
	}
}
