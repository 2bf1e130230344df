package config_test

import (
	"strings"
	"testing"
	"time"
)

func TestPlayer(t *testing.T) {
	c, err := load(t, "player: {index_every: 5s, keyframe_bytes: 4096}")
	if err != nil || c.Player.IndexEvery != 5*time.Second || c.Player.KeyframeBytes != 4096 || c.Player.KeyframeEntries != 400 || c.Player.KeyframeEvery != time.Minute {
		t.Errorf("%+v, %v", c, err)
	}
	for _, wrong := range []string{"index_every: 0s", "keyframe_bytes: 0", "keyframe_entries: -1", "keyframe_every: 0s"} {
		if _, err := load(t, "player: {"+wrong+"}"); err == nil || !strings.Contains(err.Error(), "above zero") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
