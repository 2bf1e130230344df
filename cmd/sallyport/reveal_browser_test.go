package main_test

import "testing"

// TestRevealInTheBrowser has a real Chromium reveal what masks hid from the recording of a real psql.
func TestRevealInTheBrowser(t *testing.T) {
	m := newMaskedGateway(t, columnMasks)
	m.run(t, "carol", m.carol, "SELECT ssn FROM customers WHERE id = 1;\nSELECT ssn::int FROM customers WHERE id = 1;\n", "psql", "-XAt")
	id := ""
	m.await("carol's session to be closed", func() bool {
		for _, s := range m.sessions() {
			if s.Principal == "carol" && !s.Open {
				id = s.ID
			}
		}
		return id != ""
	})
	b := &browser{t: t, g: m.gateway}
	b.play("reveal.mjs", "SALLYPORT_SESSION="+id, "SALLYPORT_VALUE="+planted()[2], "SALLYPORT_TOKEN="+m.carol, "SALLYPORT_GUEST="+m.alice,
		"SALLYPORT_REASON=which customer was called")
}
