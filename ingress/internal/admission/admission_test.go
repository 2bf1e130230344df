package admission_test

import (
	"net"
	"testing"

	"sallyport/ingress/internal/admission"
)

func TestBounds(t *testing.T) {
	a := admission.New(3, 2)
	from := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }
	first, ok := a.Enter(from("10.0.0.1"))
	if !ok {
		t.Fatal("the first is turned away")
	}
	if _, ok := a.Enter(from("10.0.0.1")); !ok {
		t.Error("the second of an address is turned away")
	}
	if release, ok := a.Enter(from("10.0.0.1")); ok || release == nil {
		t.Error("the third of an address is admitted")
	}
	if _, ok := a.Enter(from("10.0.0.2")); !ok {
		t.Error("another address is turned away")
	}
	if _, ok := a.Enter(from("10.0.0.3")); ok {
		t.Error("more than all are admitted")
	}
	first()
	first()
	if _, ok := a.Enter(from("10.0.0.3")); !ok {
		t.Error("who left still counts")
	}
	if _, ok := a.Enter(from("10.0.0.3")); ok {
		t.Error("who left twice counts twice")
	}
}
