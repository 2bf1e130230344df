package server

// Services says which parts run in this process.
type Services struct {
	Gateway   bool // clients connect to it
	Enforcer  bool
	Approvals bool // answers gateways that hold commands; whoever serves the API serves reviewers
	Replay    bool // API, browser app, projections
	Search    bool
}

// Everything is `sallyport up`.
func Everything() Services {
	return Services{Gateway: true, Enforcer: true, Approvals: true, Replay: true, Search: true}
}

// Only is one service alone. Search serves its part of the API itself, so it brings the web
// listener along.
func Only(name string) Services {
	return Services{Gateway: name == "gateway", Enforcer: name == "enforcer", Approvals: name == "approvals", Replay: name == "replay", Search: name == "search"}
}

// names are the services that run here.
func (s Services) names() []string {
	out := []string{}
	for _, one := range []struct {
		name string
		runs bool
	}{{"gateway", s.Gateway}, {"enforcer", s.Enforcer}, {"approvals", s.Approvals}, {"replay", s.Replay}, {"search", s.Search}} {
		if one.runs {
			out = append(out, one.name)
		}
	}
	return out
}
