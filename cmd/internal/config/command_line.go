package config

import (
	"fmt"

	"sallyport/enforcer"
)

// CommandLine bounds what the enforcer spends on understanding one command line.
type CommandLine struct {
	Size     int `yaml:"size" doc:"Bytes of a command line that is parsed, 16777216 at most; a longer one is unparsed. The default is the longest word that Linux lets a shell be given."`
	Nesting  int `yaml:"nesting" doc:"Brackets and other signs of it that may nest, 20000 at most; with more it is unparsed."`
	Commands int `yaml:"commands" doc:"Commands found in it; with more it is unparsed."`
	Depth    int `yaml:"depth" doc:"Command lines within it, as of sh -c, 64 at most; what is deeper is opaque."`
}

func defaultCommandLine() CommandLine {
	return CommandLine{Size: 128 << 10, Nesting: 2000, Commands: 10_000, Depth: 8}
}

// check holds what a reader takes from the stack in bounds.
func (l CommandLine) check() []error {
	var errs []error
	for name, n := range map[string]struct{ value, most int }{
		"size": {l.Size, 16 << 20}, "nesting": {l.Nesting, 20_000}, "commands": {l.Commands, 1 << 30}, "depth": {l.Depth, 64},
	} {
		if n.value <= 0 || n.value > n.most {
			errs = append(errs, fmt.Errorf("limits.command_line.%s: must be above zero, and %d at most", name, n.most))
		}
	}
	return errs
}

// Enforcer is the limits as the enforcer takes them.
func (l CommandLine) Enforcer() enforcer.ShellConfig {
	return enforcer.ShellConfig{MaxText: l.Size, MaxNesting: l.Nesting, MaxCommands: l.Commands, MaxDepth: l.Depth}
}
