package journal

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"github.com/nats-io/nats-server/v2/server"

	"sallyport/schemas"
)

// shortenCache sets how long the embedded server keeps a block of a stream (8 MiB) in memory after it was last used.
//
// The server's own ten seconds make memory grow with what is written: the condition of an append has the newest block
// looked at, so each stays for that long after the next was begun, which at 100 MB/s is a gigabyte, twice that with
// the collector's share. The server has a setting for it in its code (FileStoreConfig.CacheExpire) but takes it
// neither from its options nor from a stream's configuration, so it is set in the store itself, under the store's
// own locks. A server that is built otherwise is an error, and then it keeps its ten seconds.
//
// It holds for the blocks that are begun from now on.
func shortenCache(s *server.Server, stream schemas.Stream, keep time.Duration) error {
	store, err := storeOf(s, stream)
	if err != nil {
		return err
	}
	config, err := hidden(store, "fcfg", reflect.Struct)
	if err != nil {
		return err
	}
	unlock, err := locked(store)
	if err != nil {
		return err
	}
	defer unlock()
	c, ok := config.Addr().Interface().(*server.FileStoreConfig)
	if !ok {
		return fmt.Errorf("the embedded server's store is configured by a %s", config.Type())
	}
	c.CacheExpire = keep
	return nil
}

// storeOf returns a pointer to the store of a stream.
func storeOf(s *server.Server, name schemas.Stream) (reflect.Value, error) {
	stream, err := streamOf(s, name)
	if err != nil {
		return reflect.Value{}, err
	}
	store, err := hidden(stream, "store", reflect.Interface)
	if err != nil {
		return reflect.Value{}, err
	}
	return store.Elem(), nil
}

// streamOf returns a pointer to a stream of the server's.
func streamOf(s *server.Server, name schemas.Stream) (reflect.Value, error) {
	account := s.GlobalAccount()
	if account == nil {
		return reflect.Value{}, errors.New("the embedded server has no account")
	}
	jetStream, err := hidden(reflect.ValueOf(account), "js", reflect.Pointer)
	if err != nil {
		return reflect.Value{}, err
	}
	unlock, err := locked(jetStream)
	if err != nil {
		return reflect.Value{}, err
	}
	defer unlock()
	streams, err := hidden(jetStream, "streams", reflect.Map)
	if err != nil {
		return reflect.Value{}, err
	}
	if streams.Type().Key().Kind() != reflect.String {
		return reflect.Value{}, errors.New("the embedded server's streams have no names")
	}
	stream := streams.MapIndex(reflect.ValueOf(string(name)))
	if !stream.IsValid() {
		return reflect.Value{}, fmt.Errorf("the embedded server has no stream %s", name)
	}
	return stream, nil
}

// locked takes the lock mu of what v points to.
func locked(v reflect.Value) (unlock func(), err error) {
	field, err := hidden(v, "mu", reflect.Struct)
	if err != nil {
		return nil, err
	}
	mu, ok := field.Addr().Interface().(*sync.RWMutex)
	if !ok {
		return nil, fmt.Errorf("the embedded server locks with a %s", field.Type())
	}
	mu.Lock()
	return mu.Unlock, nil
}

// hidden returns a field of what v points to that is not exported, to be read and written.
func hidden(v reflect.Value, name string, kind reflect.Kind) (reflect.Value, error) {
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}, fmt.Errorf("what has the embedded server's %s is no structure", name)
	}
	field := v.Elem().FieldByName(name)
	if !field.IsValid() || field.Kind() != kind {
		return reflect.Value{}, fmt.Errorf("the embedded server's %s has no %s of the kind %s", v.Type(), name, kind)
	}
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem(), nil //nolint:gosec // there is no other way to it
}
