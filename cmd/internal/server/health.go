package server

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"sallyport/replay"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// Health is how the system is, for administrators.
type Health struct {
	Version     string                  `json:"version"`
	Started     time.Time               `json:"started"`
	Ready       bool                    `json:"ready"`
	Services    []string                `json:"services"`
	Gateways    []string                `json:"gateways"` // incarnations with a lease
	Streams     []StreamHealth          `json:"streams"`
	Projections []ProjectionHealth      `json:"projections"`
	Rebuild     *replay.RebuildProgress `json:"rebuild"` // that runs in this process; null: none
	Storage     []StorageHealth         `json:"storage"`
	Disk        *DiskHealth             `json:"disk"`   // where the data directory is; null: unknown
	Memory      uint64                  `json:"memory"` // bytes that the process has from the system
	Problems    []string                `json:"problems"`
}

// StreamHealth is what a stream holds.
type StreamHealth struct {
	Name     string     `json:"name"`
	Messages uint64     `json:"messages"`
	Bytes    uint64     `json:"bytes"`
	First    uint64     `json:"first"` // sequences
	Last     uint64     `json:"last"`
	Oldest   *time.Time `json:"oldest"`
	Newest   *time.Time `json:"newest"`
	Replicas int        `json:"replicas"`
}

// ProjectionHealth is how far a projection is into a stream.
type ProjectionHealth struct {
	Name     string `json:"name"`
	Stream   string `json:"stream"`
	Position uint64 `json:"position"`
	Head     uint64 `json:"head"`
	Lag      uint64 `json:"lag"` // messages
}

// StorageHealth is what a part of the data directory holds.
type StorageHealth struct {
	Name  string `json:"name"`
	Bytes uint64 `json:"bytes"`
}

// DiskHealth is the disk that the data directory is on, in bytes.
type DiskHealth struct {
	Total uint64 `json:"total"`
	Free  uint64 `json:"free"`
}

// healthDeadline bounds what is asked for one answer.
const healthDeadline = 10 * time.Second

// scarce is the free share of the disk below which it is a problem.
const scarce = 10 // percent

func (m *Main) mountHealth(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/health", m.serveHealth)
	mux.HandleFunc("GET /api/v1/openapi.json", serveOpenAPI)
}

func (m *Main) serveHealth(w http.ResponseWriter, r *http.Request) {
	err := m.access.Authorize(r.Context(), "admin", "")
	if err != nil {
		problem.Write(w, r, m.logger, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), healthDeadline)
	defer cancel()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(m.health(ctx)) // the client is gone when this fails
}

// health says what can be found out; what cannot is a problem in it.
func (m *Main) health(ctx context.Context) *Health {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	h := &Health{
		Version: m.version, Started: m.began.UTC(), Ready: m.serving.Load(), Services: m.services.names(), Gateways: []string{},
		Streams: []StreamHealth{}, Projections: []ProjectionHealth{}, Storage: []StorageHealth{}, Memory: memory.Sys, Problems: []string{},
	}
	for _, part := range []func(context.Context, *Health) error{m.streamHealth, m.projectionHealth, m.storageHealth} {
		if err := part(ctx, h); err != nil {
			m.logger.Error("health", "error", err)
			h.Problems = append(h.Problems, schemas.Shown(err).Message)
		}
	}
	if h.Disk != nil && h.Disk.Free*100 < h.Disk.Total*scarce {
		h.Problems = append(h.Problems, "less than a tenth of the disk is free")
	}
	if err := m.log.Healthy(ctx); err != nil {
		h.Problems = append(h.Problems, "the log does not take writes")
	}
	return h
}

func (m *Main) streamHealth(ctx context.Context, h *Health) error {
	streams, err := m.log.Streams(ctx)
	if err != nil {
		return err
	}
	for _, s := range streams {
		one := StreamHealth{Name: string(s.Stream), Messages: s.Messages, Bytes: s.Bytes, First: s.First, Last: s.Last, Replicas: s.Replicas}
		if s.Messages > 0 {
			one.Oldest, one.Newest = &s.FirstTime, &s.LastTime
		}
		h.Streams = append(h.Streams, one)
	}
	gateways, err := m.log.Gateways(ctx)
	for _, id := range gateways {
		h.Gateways = append(h.Gateways, string(id))
	}
	return err
}

func (m *Main) projectionHealth(ctx context.Context, h *Health) error {
	add := func(name, stream string, position, head uint64) {
		one := ProjectionHealth{Name: name, Stream: stream, Position: position, Head: head}
		if head > position {
			one.Lag = head - position
		}
		h.Projections = append(h.Projections, one)
	}
	if m.read.search != nil {
		s, err := m.read.search.Status(ctx)
		if err != nil {
			return err
		}
		add("search", string(schemas.Facts), s.Position.Facts, s.Head.Facts)
		add("search", string(schemas.Frames), s.Position.Frames, s.Head.Frames)
	}
	if m.read.replay == nil {
		return nil
	}
	h.Rebuild = m.read.replay.Rebuilding()
	for _, projection := range []struct {
		name     string
		progress []replay.Progress
	}{{m.read.sessions.Name(), m.read.sessions.Progress()}, {m.read.events.Name(), m.read.events.Progress()}} {
		for _, p := range projection.progress {
			head, err := m.log.Head(ctx, p.Stream)
			if err != nil {
				return err
			}
			add(projection.name, string(p.Stream), p.Position, head)
		}
	}
	registry, err := m.registry.Progress(ctx)
	for _, p := range registry {
		add(p.Name, string(schemas.Controls), p.Position, p.Head)
	}
	return err
}

func (m *Main) storageHealth(_ context.Context, h *Health) error {
	dir := m.config.DataDir
	for _, name := range []string{"log", "index"} {
		n, err := sizeOf(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if n > 0 {
			h.Storage = append(h.Storage, StorageHealth{Name: name, Bytes: n})
		}
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return err
	}
	h.Disk = &DiskHealth{Total: s.Blocks * uint64(s.Bsize), Free: s.Bavail * uint64(s.Bsize)}
	return nil
}

// sizeOf is how many bytes the files below dir have; what vanishes meanwhile has none.
func sizeOf(dir string) (total uint64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			total += uint64(i.Size())
		}
		return err
	})
	return total, err
}
