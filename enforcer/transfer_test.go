package enforcer_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"sallyport/schemas"
)

func paths(names ...string) (out []*schemas.TransferPath) {
	for _, n := range names {
		out = append(out, &schemas.TransferPath{Path: n})
	}
	return out
}

// What the old scp runs at its far end is understood; whatever hides what is moved is refused.
func TestFarEndOfScp(t *testing.T) {
	in := func(dir string) []*schemas.TransferPath { return []*schemas.TransferPath{{Path: dir, Pattern: true}} }
	unknown := []*schemas.TransferPath{{Unknown: true}}
	for text, want := range map[string]*schemas.Transfer{
		"scp -t /srv/x":            {Upload: true, Paths: paths("/srv/x")},
		"scp -v -r -p -d -t /srv":  {Upload: true, Preserve: true, Paths: paths("/srv")},
		"scp -rpt .":               {Upload: true, Preserve: true, Paths: paths(".")},
		"/usr/bin/scp -t -- -x":    {Upload: true, Paths: paths("-x")},
		`scp -f 'with space' b\ c`: {Paths: paths("with space", "b c")},
		"scp -f ~/x ~":             {Paths: paths("./x", ".")},
		"scp -f /var/log/*.log":    {Paths: in("/var/log/")},
		"scp -f a*":                {Paths: in(".")},
		"scp -f ~/*.log":           {Paths: in("./")},
		"scp -f /home/*/x":         {Paths: unknown},
		"scp -f ~bob/x":            {Paths: unknown},
		"scp -t /srv/*":            {Upload: true, Paths: unknown},
		"scp -f {/etc,/srv}/x":     {Paths: unknown},
		"scp -p -i tf -P 22 a b:":  nil,
		"ls -t":                    nil,
	} {
		e, _ := newEnforcer(t, load(t, sshRules("deny")), nil)
		got := e.Verdict(t.Context(), execAsk(text))
		if d := cmp.Diff(want, got.Transfer, protocmp.Transform()); d != "" || got.Outcome != schemas.Outcome_OUTCOME_ALLOW {
			t.Errorf("%s: %v\n%s", text, got, d)
		}
	}
	for _, ask := range []*schemas.VerdictAsk{
		execAsk("cd /etc && scp -t ."), execAsk("sudo scp -t /etc"), execAsk("scp -t /srv > /etc/x"), execAsk("sh -c 'scp -f /etc/shadow'"),
		execAsk("scp -f /etc/shadow | gzip"), execAsk("scp -S x -t /srv"), execAsk("scp -t -f /srv"), execAsk("scp -f x -r"), execAsk("scp x -t /srv"), execAsk("scp -t"),
		execAsk(`scp -f -"t" /srv`), execAsk("A=b scp -t x"), execAsk("scp -t x &"), execAsk("scp -t a b"), terminalAsk("scp -t /srv"), lineAsk("scp -t /srv"),
	} {
		for _, unparsed := range []string{"deny", "allow"} {
			e, _ := newEnforcer(t, load(t, sshRules(unparsed, "a allow true")), nil)
			got := e.Verdict(t.Context(), ask)
			if got.Outcome != schemas.Outcome_OUTCOME_DENY || got.Transfer != nil || !cmp.Equal(policies(got), []string{"builtin/scp"}) {
				t.Errorf("%s: %v", fmt.Sprint(ask.Text, ask.Terminal), got)
			}
		}
	}
}
