package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Outcomes of a delivery.
const (
	outcomeDelivered = "delivered"
	outcomeRetrying  = "retrying"
	outcomeFailed    = "failed"
)

func deliveryKey(notifier, request string) string {
	return schemas.Token(notifier) + "." + schemas.Token(request)
}

// delivery returns what became of telling a notifier of a request; empty, when it was not told yet.
func (s *Service) delivery(ctx context.Context, notifier, request string) (*schemas.Delivery, error) {
	d := &schemas.Delivery{}
	item, err := s.bucket.Get(ctx, deliveryKey(notifier, request))
	if errors.Is(err, journal.ErrNotFound) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read delivery: %w", err)
	}
	if err := d.UnmarshalVT(item.Value); err != nil {
		return nil, fmt.Errorf("decode delivery: %w", err)
	}
	return d, nil
}

func (s *Service) record(ctx context.Context, d *schemas.Delivery) error {
	data, err := d.MarshalVT()
	if err != nil {
		return fmt.Errorf("encode delivery: %w", err)
	}
	if _, err := s.bucket.Put(ctx, deliveryKey(d.Notifier, d.Request), data); err != nil {
		return fmt.Errorf("record delivery: %w", err)
	}
	return nil
}

// prune forgets deliveries that are older than Config.Kept.
func (s *Service) prune(ctx context.Context, notifier string) error {
	_, all, err := s.read(ctx)
	if err != nil {
		return err
	}
	before := s.c.Now().Add(-s.c.Kept).UnixNano()
	for _, d := range all {
		if d.Notifier == notifier && d.At < before && d.Outcome != outcomeRetrying {
			if err := s.bucket.Delete(ctx, deliveryKey(d.Notifier, d.Request)); err != nil {
				return fmt.Errorf("forget delivery: %w", err)
			}
		}
	}
	return nil
}

func (s *Service) read(ctx context.Context) (positions map[string]*schemas.DeliveryPosition, all []*schemas.Delivery, err error) {
	items, err := s.bucket.All(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read deliveries: %w", err)
	}
	positions = make(map[string]*schemas.DeliveryPosition)
	for _, item := range items {
		if strings.Contains(item.Key, ".") {
			d := &schemas.Delivery{}
			if err := d.UnmarshalVT(item.Value); err != nil {
				return nil, nil, fmt.Errorf("decode delivery %s: %w", item.Key, err)
			}
			all = append(all, d)
			continue
		}
		p := &schemas.DeliveryPosition{}
		if err := p.UnmarshalVT(item.Value); err != nil {
			return nil, nil, fmt.Errorf("decode position %s: %w", item.Key, err)
		}
		positions[p.Notifier] = p
	}
	return positions, all, nil
}

// Deliveries is what the API answers about notifiers.
type Deliveries struct {
	Notifiers  []NotifierStatus `json:"notifiers"`
	Deliveries []Delivery       `json:"deliveries"` // the last first
}

// NotifierStatus is how one notifier stands.
type NotifierStatus struct {
	Name      string     `json:"name"`
	Kind      string     `json:"kind"`
	Position  uint64     `json:"position"` // of CONTROL, up to which everything is told
	Running   bool       `json:"running"`  // some process delivers
	Delivered int        `json:"delivered"`
	Failed    int        `json:"failed"`
	Retrying  int        `json:"retrying"`
	Error     string     `json:"error"` // of what is tried again
	Next      *time.Time `json:"next"`  // when it is
}

// Delivery is what became of telling one notifier of one request.
type Delivery struct {
	Notifier string     `json:"notifier"`
	Request  string     `json:"request"`
	What     string     `json:"what"`    // of the request, as told last
	Outcome  string     `json:"outcome"` // delivered, retrying, failed
	Attempts uint32     `json:"attempts"`
	Told     uint64     `json:"told"` // messages that were taken
	Error    string     `json:"error"`
	At       time.Time  `json:"at"`
	Next     *time.Time `json:"next"`
}

// Status returns how every notifier of this process's configuration stands, and the last limit
// deliveries.
func (s *Service) Status(ctx context.Context, limit int) (*Deliveries, error) {
	positions, all, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *schemas.Delivery) int {
		return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Notifier+a.Request, b.Notifier+b.Request))
	})
	out := &Deliveries{Notifiers: []NotifierStatus{}, Deliveries: []Delivery{}}
	for _, r := range s.c.Routes {
		n := NotifierStatus{Name: r.Name, Kind: r.Kind, Position: positions[r.Name].GetSequence(), Running: positions[r.Name].GetOwner() != ""}
		for _, d := range all {
			if d.Notifier != r.Name {
				continue
			}
			switch d.Outcome {
			case outcomeDelivered:
				n.Delivered++
			case outcomeFailed:
				n.Failed++
			case outcomeRetrying:
				n.Retrying++
				n.Error, n.Next = d.Error, stamp(d.Next)
			}
		}
		out.Notifiers = append(out.Notifiers, n)
	}
	for _, d := range all[:min(limit, len(all))] {
		out.Deliveries = append(out.Deliveries, Delivery{Notifier: d.Notifier, Request: d.Request, What: d.Status, Outcome: d.Outcome,
			Attempts: d.Attempts, Told: d.Told, Error: d.Error, At: time.Unix(0, d.At).UTC(), Next: stamp(d.Next)})
	}
	return out, nil
}

func stamp(ns int64) *time.Time {
	if ns == 0 {
		return nil
	}
	t := time.Unix(0, ns).UTC()
	return &t
}
