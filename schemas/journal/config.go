package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Sync says when an acknowledged message is on the disk of the embedded server. With an external
// NATS the servers' own configuration decides (sync_interval), together with Config.Replicas.
type Sync string

// Sync modes.
const (
	// SyncInterval: written to the file at acknowledgement, fsynced every Config.SyncInterval. A
	// crash or kill of the process loses nothing that was acknowledged. A power cut or a crash of
	// the machine loses at most what was acknowledged in the last interval: commands among it may
	// have reached their target without a trace. The chains stay whole, because what is lost is the
	// end of the streams, and the sessions that were open are closed as gateway_lost.
	SyncInterval Sync = "interval"
	// SyncAlways: fsynced before acknowledgement. A power cut loses nothing that was acknowledged,
	// if the disk keeps what it says it has. A Commit then takes as long as an fsync.
	SyncAlways Sync = "always"
)

// Config is what Open needs. The zero value of a limit means its default.
type Config struct {
	URL          string // of an external NATS; empty: embedded
	Credentials  string // NATS credentials file, external only
	Dir          string // of the embedded server's store
	Sync         Sync
	SyncInterval time.Duration // 200 ms by default; SyncInterval only
	KeepBlocks   time.Duration // how long a block of FRAMES (8 MiB) stays in the embedded server's memory after its last use; 300 ms by default
	Replicas     int           // of each stream; 1 by default
	LeaseTTL     time.Duration // 10 s by default; the same for every process of a cluster
	FlushEvery   time.Duration // pending facts and frames are published after this, or earlier: see Writer.Hasten; 25 ms by default
	MaxPending   int           // bytes of a session's frames not yet acknowledged; 256 KiB by default
	MaxAge       time.Duration // longest that output may be unacknowledged before its writer blocks; 100 ms by default
	AckTimeout   time.Duration // how long to try for an acknowledgement before the writer fails; 10 s by default
	Logger       *slog.Logger
	Now          func() time.Time // time.Now by default
}

func (c Config) withDefaults() Config {
	setDefault(&c.Sync, SyncInterval)
	setDefault(&c.SyncInterval, 200*time.Millisecond)
	setDefault(&c.KeepBlocks, 300*time.Millisecond)
	setDefault(&c.Replicas, 1)
	setDefault(&c.LeaseTTL, 10*time.Second)
	setDefault(&c.FlushEvery, 25*time.Millisecond)
	setDefault(&c.MaxPending, 256<<10)
	setDefault(&c.MaxAge, 100*time.Millisecond)
	setDefault(&c.AckTimeout, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c Config) check() error {
	switch {
	case c.URL == "" && c.Dir == "":
		return errors.New("neither a NATS URL nor a directory for the embedded server is given")
	case c.Sync != SyncInterval && c.Sync != SyncAlways:
		return fmt.Errorf("sync is %q: it must be %q or %q", c.Sync, SyncInterval, SyncAlways)
	case c.LeaseTTL < minLeaseTTL:
		return fmt.Errorf("lease time %s is below %s", c.LeaseTTL, minLeaseTTL)
	case c.Replicas < 1 || c.SyncInterval < 0 || c.KeepBlocks < 0 || c.FlushEvery < 0 || c.MaxPending < 0 || c.MaxAge < 0 || c.AckTimeout < 0:
		return errors.New("a limit of the log is negative")
	case c.URL == "" && c.Replicas != 1:
		return errors.New("the embedded server keeps one replica; more need an external NATS")
	}
	return nil
}

// minLeaseTTL is bounded by what JetStream accepts as an age (100 ms).
const minLeaseTTL = 200 * time.Millisecond
