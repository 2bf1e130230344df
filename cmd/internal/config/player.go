package config

import (
	"errors"
	"time"
)

// Player is how recordings are indexed for players to seek in.
type Player struct {
	IndexEvery      time.Duration `yaml:"index_every" doc:"How often the indexes of open sessions are brought up to date. Whoever looks has theirs brought up to date at once."`
	KeyframeBytes   int           `yaml:"keyframe_bytes" doc:"Bytes of a terminal's output from one keyframe to the next, about: what a seek has to read."`
	KeyframeEntries int           `yaml:"keyframe_entries" doc:"Entries from one keyframe to the next, at most."`
	KeyframeEvery   time.Duration `yaml:"keyframe_every" doc:"Time from one keyframe to the next, where there is output. In sessions of more than a thousand keyframes they are further apart. Indexes of recordings are made anew, when somebody looks, after a change."`
}

func defaultPlayer() Player {
	return Player{IndexEvery: 30 * time.Second, KeyframeBytes: 128 << 10, KeyframeEntries: 400, KeyframeEvery: time.Minute}
}

func (p *Player) check() []error {
	if p.IndexEvery <= 0 || p.KeyframeBytes <= 0 || p.KeyframeEntries <= 0 || p.KeyframeEvery <= 0 {
		return []error{errors.New("player: index_every, keyframe_bytes, keyframe_entries and keyframe_every must be above zero")}
	}
	return nil
}
