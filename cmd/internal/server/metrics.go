package server

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sallyport/schemas"
)

// scrapeDeadline bounds what one scrape asks of the log.
const scrapeDeadline = 5 * time.Second

// metrics are the process's own and what the log and the index say when they are asked.
func (m *Main) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), m.notifyMetrics(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &logMetrics{
		m:      m,
		heads:  prometheus.NewDesc("sallyport_log_last_sequence", "Last sequence of a stream of the log.", []string{"stream"}, nil),
		lag:    prometheus.NewDesc("sallyport_search_lag_messages", "Messages of the log that cannot be searched yet.", nil, nil),
		behind: prometheus.NewDesc("sallyport_search_behind_seconds", "For how long the index has been behind the log.", nil, nil),
		tokens: prometheus.NewDesc("sallyport_tokens", "Tokens that are neither revoked nor known to have expired.", nil, nil),
	})
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{Timeout: scrapeDeadline})
}

// logMetrics collects when scraped; what cannot be asked is left out of the scrape.
type logMetrics struct {
	m                          *Main
	heads, lag, behind, tokens *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *logMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.heads, c.lag, c.behind, c.tokens} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *logMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeDeadline)
	defer cancel()
	for _, s := range []schemas.Stream{schemas.Facts, schemas.Frames, schemas.Controls, schemas.Events} {
		if head, err := c.m.log.Head(ctx, s); err == nil {
			to <- prometheus.MustNewConstMetric(c.heads, prometheus.GaugeValue, float64(head), string(s))
		}
	}
	to <- prometheus.MustNewConstMetric(c.tokens, prometheus.GaugeValue, float64(len(c.m.registry.Snapshot().AllTokens())))
	if c.m.read.search == nil {
		return
	}
	if s, err := c.m.read.search.Status(ctx); err == nil {
		to <- prometheus.MustNewConstMetric(c.lag, prometheus.GaugeValue, float64(s.Lag))
		to <- prometheus.MustNewConstMetric(c.behind, prometheus.GaugeValue, s.Behind.Seconds())
	}
}
