package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is the NATS server inside this process, and the lock on its directory.
type embedded struct {
	server *server.Server
	lock   *os.File
}

// maxPayload is what the server takes: maxMessage, and headers.
const maxPayload = 1 << 20

// startTimeout is long, because a large store is checked at start.
const startTimeout = 5 * time.Minute

func startEmbedded(c Config) (*embedded, error) {
	lock, err := lockDir(c.Dir)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "sallyport", DontListen: true, NoSigs: true, DisableJetStreamBanner: true,
		MaxPayload: maxPayload,
		JetStream:  true, StoreDir: c.Dir,
		// Without these the server takes a share of what is free now, and refuses its own store
		// when the disk fills up later. The disk is the limit.
		JetStreamMaxMemory: 1 << 40, JetStreamMaxStore: 1 << 60,
		SyncInterval: c.SyncInterval, SyncAlways: c.Sync == SyncAlways,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up the embedded server: %w", err), lock.Close())
	}
	s.SetLoggerV2(serverLog{c.Logger}, false, false, false)
	s.Start()
	e := &embedded{server: s, lock: lock}
	if !s.ReadyForConnections(startTimeout) || !s.JetStreamEnabled() {
		return nil, errors.Join(fmt.Errorf("the embedded server did not start on %s", c.Dir), e.stop())
	}
	return e, nil
}

func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the log's directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the log's directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the log's directory: %s is in use by another process: %w", dir, err), f.Close())
	}
	return f, nil
}

func (e *embedded) stop() error {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	return e.lock.Close() // and the lock with it
}

// serverLog hands the server's warnings and errors to slog. They name streams and files, and
// never hold payload.
type serverLog struct{ *slog.Logger }

func (s serverLog) Noticef(string, ...any) {}
func (s serverLog) Debugf(string, ...any)  {}
func (s serverLog) Tracef(string, ...any)  {}

func (s serverLog) Warnf(format string, v ...any)  { s.Warn("nats: " + fmt.Sprintf(format, v...)) }
func (s serverLog) Errorf(format string, v ...any) { s.Error("nats: " + fmt.Sprintf(format, v...)) }
func (s serverLog) Fatalf(format string, v ...any) { s.Error("nats: " + fmt.Sprintf(format, v...)) }
