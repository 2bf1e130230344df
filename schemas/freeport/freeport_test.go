package freeport_test

import (
	"net"
	"strconv"
	"testing"

	"sallyport/schemas/freeport"
)

func TestFindGivesEachPortOnce(t *testing.T) {
	seen := make(map[int]bool)
	for range 500 {
		port, err := freeport.Find()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Fatalf("%d was given twice", port)
		}
		seen[port] = true
	}
	for port := range seen {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			_ = l.Close()
			return
		}
	}
	t.Error("none of the ports could be used")
}
