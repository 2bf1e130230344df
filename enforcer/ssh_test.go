package enforcer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/schemas"
)

const (
	kindExec      = schemas.CommandKind_COMMAND_KIND_EXEC
	kindShell     = schemas.CommandKind_COMMAND_KIND_SHELL
	kindLine      = schemas.CommandKind_COMMAND_KIND_LINE
	kindSubsystem = schemas.CommandKind_COMMAND_KIND_SUBSYSTEM
	kindFile      = schemas.CommandKind_COMMAND_KIND_FILE
	kindForward   = schemas.CommandKind_COMMAND_KIND_FORWARD
)

func fileAsk(op *schemas.FileOperation) *schemas.VerdictAsk {
	a := sshAsk(kindFile, op.Operation+" "+op.Path)
	a.Operation = op
	return a
}

func forwardAsk(direction, host string, port uint32) *schemas.VerdictAsk {
	a := sshAsk(kindForward, direction+" "+host)
	a.Forward = &schemas.Forward{Direction: direction, Host: host, Port: port}
	return a
}

func terminalAsk(text string) *schemas.VerdictAsk {
	a := execAsk(text)
	a.Terminal = true
	return a
}

func lineAsk(text string) *schemas.VerdictAsk {
	a := terminalAsk(text)
	a.Kind = kindLine
	return a
}

func TestSSHVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		ask   *schemas.VerdictAsk
		want  string
		by    []string
	}{
		"nothing speaks":                      {sshRules("deny"), execAsk("ls"), "allow", nil},
		"program":                             {sshRules("deny", "a deny 'curl' in command.exec.programs"), execAsk("ls | sudo curl x"), "deny", []string{"a"}},
		"program elsewhere is not the same":   {sshRules("deny", "a deny !command.exec.programs.all(p, p == 'ls')"), execAsk("/tmp/ls"), "deny", []string{"a"}},
		"program in the system's place":       {sshRules("deny", "a deny !command.exec.programs.all(p, p == 'ls')"), execAsk("/bin/ls"), "allow", nil},
		"commands":                            {sshRules("deny", "a hold command.exec.commands.exists(c, c.program == 'rm' && c.argv.exists(a, a.startsWith('-') && a.contains('r')))"), execAsk("cd / && rm -rf x"), "hold", []string{"a"}},
		"argv of one":                         {sshRules("deny", "a hold command.exec.argv == ['systemctl', 'restart', 'nginx']"), execAsk("systemctl restart 'nginx'"), "hold", []string{"a"}},
		"argv of several is empty":            {sshRules("deny", "a hold command.exec.argv != []"), execAsk("ls; ls"), "allow", nil},
		"opaque":                              {sshRules("deny"), execAsk("eval $x"), "deny", []string{"builtin/opaque"}},
		"opaque held by the target":           {sshRules("hold"), execAsk("eval $x"), "hold", []string{"builtin/opaque"}},
		"opaque allowed by the target":        {sshRules("allow"), execAsk("eval $x"), "allow", nil},
		"opaque allowed by name":              {sshRules("deny", "a allow command.exec.opaque"), execAsk("eval $x"), "allow", []string{"a"}},
		"opaque of SQL is another":            {sshRules("deny", "a allow !command.sql.opaque"), execAsk("eval $x"), "deny", []string{"builtin/opaque"}},
		"facts do not allow the opaque":       {sshRules("deny", "a allow command.exec.programs.all(p, p in ['eval'])"), execAsk("eval $x"), "deny", []string{"builtin/opaque"}},
		"unparsed":                            {sshRules("deny"), execAsk("ls )"), "deny", []string{"builtin/unparsed"}},
		"unparsed line":                       {sshRules("deny"), sshAsk(kindLine, "ls )"), "deny", []string{"builtin/unparsed"}},
		"line of a restricted shell":          {sshRules("deny"), sshAsk(kindLine, "ls -l"), "allow", nil},
		"a shell in a restricted shell":       {sshRules("deny", "a allow true"), lineAsk("sudo bash"), "deny", []string{"builtin/restricted"}},
		"an editor in a restricted shell":     {sshRules("allow"), lineAsk("vi x"), "deny", []string{"builtin/restricted"}},
		"writes":                              {sshRules("deny", "a deny command.exec.writes.exists(w, w.startsWith('/etc/') || w == '*')"), execAsk("echo x >> /tmp/../etc/passwd"), "deny", []string{"a"}},
		"writes that are not known":           {sshRules("deny", "a deny command.exec.writes.exists(w, w.startsWith('/etc/') || w == '*')"), execAsk(`echo x >> "$f"`), "deny", []string{"a"}},
		"login":                               {sshRules("deny", "a deny command.exec.login == 'deploy'"), execAsk("ls"), "deny", []string{"a"}},
		"terminal":                            {sshRules("deny", "a deny command.exec.terminal"), terminalAsk("ls"), "deny", []string{"a"}},
		"kind":                                {sshRules("deny", "a deny command.kind == 'exec'"), execAsk("ls"), "deny", []string{"a"}},
		"shell":                               {sshRules("deny"), sshAsk(kindShell, ""), "allow", nil},
		"whole session held":                  {sshRules("deny", "a hold command.exec.interactive"), sshAsk(kindShell, ""), "hold", []string{"a"}},
		"a shell by exec is one":              {sshRules("deny", "a hold command.exec.interactive"), terminalAsk("sudo bash -l"), "hold", []string{"a"}},
		"a shell in sudo is one":              {sshRules("deny", "a hold command.exec.interactive"), terminalAsk("sudo -i"), "hold", []string{"a"}},
		"so is an interpreter":                {sshRules("deny", "a hold command.exec.interactive"), terminalAsk("python3"), "hold", []string{"a"}},
		"so is a pager":                       {sshRules("deny", "a hold command.exec.interactive"), terminalAsk("less /etc/motd"), "hold", []string{"a"}},
		"a shell without a terminal":          {sshRules("deny"), execAsk("bash"), "deny", []string{"builtin/opaque"}},
		"subsystem":                           {sshRules("deny", "a deny command.kind == 'subsystem' && command.text == 'sftp'"), sshAsk(kindSubsystem, "sftp"), "deny", []string{"a"}},
		"file":                                {sshRules("deny"), fileAsk(&schemas.FileOperation{Operation: "open", Path: "/srv/x", Reads: true}), "allow", nil},
		"file by its clean name":              {sshRules("deny", "a deny command.file.path.startsWith('/etc/')"), fileAsk(&schemas.FileOperation{Operation: "open", Path: "/srv//../etc/./shadow", Reads: true}), "deny", []string{"a"}},
		"file with two slashes":               {sshRules("deny", "a deny command.file.path.startsWith('/etc/')"), fileAsk(&schemas.FileOperation{Operation: "open", Path: "//etc/shadow", Reads: true}), "deny", []string{"a"}},
		"file that is written":                {sshRules("deny", "a deny command.file.writes"), fileAsk(&schemas.FileOperation{Operation: "open", Path: "/srv/x", Writes: true}), "deny", []string{"a"}},
		"the other file":                      {sshRules("deny", "a deny command.file.to.startsWith('/etc/')"), fileAsk(&schemas.FileOperation{Operation: "rename", Path: "/srv/x", To: "/srv/../etc/cron.d/x"}), "deny", []string{"a"}},
		"file by a relative name":             {sshRules("deny", "a allow !command.file.path.startsWith('/etc/')"), fileAsk(&schemas.FileOperation{Operation: "open", Path: "../etc/shadow", Reads: true}), "deny", []string{"builtin/unparsed"}},
		"where one is":                        {sshRules("deny"), fileAsk(&schemas.FileOperation{Operation: "realpath", Path: "."}), "allow", nil},
		"file without an operation":           {sshRules("deny"), fileAsk(&schemas.FileOperation{Path: "/x"}), "deny", []string{"builtin/unparsed"}},
		"forward":                             {sshRules("deny"), forwardAsk("local", "10.0.0.1", 22), "deny", []string{"builtin/forward"}},
		"forward by the target's rules":       {sshRules("deny"), forwardAsk("local", "DB1.internal.", 5432), "allow", nil},
		"forward to another port":             {sshRules("deny"), forwardAsk("local", "db1.internal", 22), "deny", []string{"builtin/forward"}},
		"listening by the target's rules":     {sshRules("deny"), forwardAsk("remote", "localhost", 8080), "allow", nil},
		"a rule may still be overruled":       {sshRules("deny", "a deny command.forward.port == 5432"), forwardAsk("local", "db1.internal", 5432), "deny", []string{"a"}},
		"forward by a policy":                 {sshRules("deny", "a allow command.forward.host == 'h' && command.forward.port == 1"), forwardAsk("local", "h", 1), "allow", []string{"a"}},
		"a policy about all does not mean it": {sshRules("deny", "a allow true"), forwardAsk("local", "h", 1), "deny", []string{"builtin/forward"}},
		"forward held":                        {sshRules("deny", "a hold command.forward.direction == 'local'"), forwardAsk("local", "h", 1), "hold", []string{"a"}},
		"a hold of all does not open it":      {sshRules("deny", "a hold true"), forwardAsk("local", "h", 1), "deny", []string{"builtin/forward"}},
		"forward in another direction":        {sshRules("allow", "a allow command.forward.port > 0"), forwardAsk("sideways", "h", 1), "deny", []string{"builtin/failure"}},
		"SQL over ssh":                        {sshRules("allow"), sshAsk(schemas.CommandKind_COMMAND_KIND_QUERY, "SELECT 1"), "deny", []string{"builtin/failure"}},
		"empty for other protocols":           {rules("deny", "a deny command.exec.programs == [] && command.file.path == '' && command.forward.port == 0 && command.kind == 'query'"), ask("SELECT 1"), "deny", []string{"a"}},
		"SQL is empty":                        {sshRules("deny", "a deny command.sql.kinds == [] && command.sql.statements == 0"), execAsk("ls"), "deny", []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEnforcer(t, load(t, c.rules), nil)
			got := e.Verdict(t.Context(), c.ask)
			if d := cmp.Diff(c.by, policies(got), cmpopts.EquateEmpty()); got.Outcome != outcomes[c.want] || d != "" {
				t.Errorf("%v, want %s: %s\n%v", got.Outcome, c.want, d, got)
			}
		})
	}
}

func TestObservedCommands(t *testing.T) {
	const (
		denies = "a deny 'curl' in command.exec.programs"
		kills  = "k deny command.observed && 'curl' in command.exec.programs"
		alerts = "h hold command.observed && 'curl' in command.exec.programs"
	)
	for name, c := range map[string]struct {
		rules string
		text  string
		want  string
		by    []string
	}{
		"nothing speaks":                   {sshRules("deny"), "curl x", "allow", nil},
		"opaque is no reason":              {sshRules("deny"), "eval $x", "allow", nil},
		"a policy about commands alerts":   {sshRules("deny", denies), "curl x", "hold", []string{"a"}},
		"a policy about observations ends": {sshRules("deny", kills), "curl x", "deny", []string{"k"}},
		"or alerts":                        {sshRules("deny", alerts), "curl x", "hold", []string{"h"}},
		"both":                             {sshRules("deny", denies, kills), "curl x", "deny", []string{"k", "a"}},
		"another command":                  {sshRules("deny", denies, kills), "ls", "allow", nil},
		"an error alerts":                  {sshRules("deny", "a deny target.labels['nothing'] == ''"), "ls", "hold", []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEnforcer(t, load(t, c.rules), nil)
			a := sshAsk(kindLine, c.text)
			a.Observed = true
			got := e.Verdict(t.Context(), a)
			if d := cmp.Diff(c.by, policies(got), cmpopts.EquateEmpty()); got.Outcome != outcomes[c.want] || d != "" || len(got.Approval) > 0 {
				t.Errorf("%v, want %s: %s\n%v", got.Outcome, c.want, d, got)
			}
		})
	}
}

func TestSecretsOfCommandLines(t *testing.T) {
	e, _ := newEnforcer(t, load(t, sshRules("allow")), nil)
	for text, want := range map[string]string{
		"mysql -ps3cr3t -u root":                   "mysql -p‹secret› -u root",
		"mysql -p -u root":                         "mysql -p -u root",
		"mysql --password=s3cr3t":                  "mysql --password=‹secret›",
		`mysql "--password=s3cr3t" db`:             `mysql "--password=‹secret›" db`,
		`mysql -p's3cr3t'`:                         `mysql -p‹secret›`,
		"PGPASSWORD=s3cr3t psql -h db":             "PGPASSWORD=‹secret› psql -h db",
		"export AWS_SECRET_ACCESS_KEY=s3cr3t":      "export AWS_SECRET_ACCESS_KEY=‹secret›",
		"env MYSQL_PWD=s3cr3t mysql":               "env MYSQL_PWD=‹secret› mysql",
		"curl -u bob:s3cr3t http://h/":             "curl -u ‹secret› http://h/",
		"curl -ubob:s3cr3t http://h/":              "curl -u‹secret› http://h/",
		"curl https://bob:s3cr3t@h/x":              "curl https://bob:‹secret›",
		`curl -H "Authorization: Bearer s3cr3t" h`: `curl -H "Authorization: ‹secret›" h`,
		"sshpass -p s3cr3t ssh h":                  "sshpass -p ‹secret› ssh h",
		"sudo redis-cli -a s3cr3t ping":            "sudo redis-cli -a ‹secret› ping",
		"tool --api-key s3cr3t run":                "tool --api-key ‹secret› run",
		"tool --password-file /etc/x run":          "tool --password-file /etc/x run",
		"echo s3cr3t | sudo -S ls":                 "echo ‹secret› | sudo -S ls",
		"echo root:s3cr3t | chpasswd":              "echo ‹secret› | chpasswd",
		"chpasswd <<E\nroot:s3cr3t\nE":             "chpasswd <<E\n‹secret›",
		`sh -c "mysql -ps3cr3t"`:                   `sh -c "‹secret›"`,
		`sh -c 'sh -c "PGPASSWORD=s3cr3t psql"'`:   `sh -c '‹secret›'`,
		"docker login -u bob -p s3cr3t":            "docker login -u bob -p ‹secret›",
		"openssl enc -pass pass:s3cr3t -in f":      "openssl enc -pass ‹secret› -in f",
		"mysql -ps3cr3t )":                         "‹unparsed›",
		"ls -p":                                    "ls -p",
	} {
		t.Run(text, func(t *testing.T) {
			got := e.Verdict(t.Context(), execAsk(text))
			if marked := marked(text, got.Secrets); marked != want {
				t.Errorf("%s, want %s", marked, want)
			}
			for _, c := range got.Exec.Commands {
				if slices.ContainsFunc(c.Argv, func(a string) bool { return strings.Contains(a, "s3cr3t") }) {
					t.Errorf("the facts hold it: %v", got.Exec)
				}
			}
		})
	}
}

func TestMasksOverSSH(t *testing.T) {
	const masks = `---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: mail}
spec: {targets: {names: [web1]}, detect: [email], except: {groups: [privacy]}}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: columns}
spec: {targets: {names: [web1]}, columns: ["*.email"]}
`
	e, _ := newEnforcer(t, load(t, sshRules("deny")+masks), nil)
	got := e.Verdict(t.Context(), execAsk("cat f"))
	if got.Outcome != schemas.Outcome_OUTCOME_ALLOW || !slices.Equal(got.Masks, []string{"mail"}) || len(got.Plan.GetRules()) != 1 || got.Plan.Rules[0].Revealed {
		t.Errorf("%v", got)
	}
	read := fileAsk(&schemas.FileOperation{Operation: "open", Path: "/x", Reads: true})
	if got := e.Verdict(t.Context(), read); got.Outcome != schemas.Outcome_OUTCOME_DENY || !slices.Equal(policies(got), []string{"builtin/mask"}) {
		t.Errorf("a file that may hold it: %v", got)
	} else if m := got.Reasons[0].Message; !strings.Contains(m, "mask mail hides email") || !strings.Contains(m, "read it with a command") {
		t.Errorf("the reason is %q", m)
	}
	excepted := execAsk("cat f")
	excepted.Principal.Groups = []string{"eng", "privacy"}
	if got := e.Verdict(t.Context(), excepted); len(got.Masks) != 0 || !got.Plan.GetRules()[0].GetRevealed() {
		t.Errorf("excepted: %v", got)
	}
	read.Principal.Groups = excepted.Principal.Groups
	if got := e.Verdict(t.Context(), read); got.Outcome != schemas.Outcome_OUTCOME_ALLOW || !got.Plan.GetRules()[0].GetRevealed() {
		t.Errorf("a file, excepted: %v", got)
	}
	some := strings.Replace(masks, "name: mail", "name: calls", 1)
	some = strings.Replace(strings.Replace(some, "[email]", "[phone]", 1), "[privacy]", "[support]", 1)
	e, _ = newEnforcer(t, load(t, sshRules("deny")+masks+strings.Split(some, "---\napiVersion: sallyport/v1\nkind: Mask\nmetadata: {name: columns}")[0]), nil)
	if got := e.Verdict(t.Context(), read); got.Outcome != schemas.Outcome_OUTCOME_DENY || len(got.Reasons) != 1 || !strings.Contains(got.Reasons[0].Message, "mask calls") {
		t.Errorf("a file, excepted from one of two: %v", got)
	}
	external := strings.Replace(masks, "detect: [email]", "detect: [external]", 1)
	e, _ = newEnforcer(t, load(t, sshRules("deny")+external), nil)
	if got := e.Verdict(t.Context(), execAsk("cat f")); got.Outcome != schemas.Outcome_OUTCOME_DENY {
		t.Errorf("external: %v", got)
	}
}

// TestPoliciesOfTheDocument loads what deploy/docs/commands.md shows, and holds it against what it says.
func TestPoliciesOfTheDocument(t *testing.T) {
	blocks := strings.Split(string(file(t, "../deploy/docs/commands.md")), "```yaml\n")[1:]
	var shown []string
	for _, b := range blocks {
		yaml, _, _ := strings.Cut(b, "```")
		shown = append(shown, yaml)
	}
	rs := load(t, strings.Replace(sshBase, "UNPARSED", "deny", 1)+"---\n"+strings.Join(shown, "---\n"))
	e, _ := newEnforcer(t, rs, nil)
	typed := sshAsk(kindLine, "sudo cat /etc/shadow")
	typed.Observed = true
	for _, c := range []struct {
		ask *schemas.VerdictAsk
		by  string
	}{
		{execAsk("sudo env wget x"), "no-downloads"},
		{execAsk("sudo systemctl restart nginx"), "restart-with-consent"},
		{sshAsk(kindShell, ""), "shells-with-consent"},
		{execAsk("echo >> /etc/passwd"), "leave-etc-alone"},
		{fileAsk(&schemas.FileOperation{Operation: "open", Path: "/etc/x", Writes: true}), "leave-etc-alone"},
		{forwardAsk("local", "db1.internal", 5432), "to-the-database"},
		{typed, "end-on-shadow"},
	} {
		if got := e.Verdict(t.Context(), c.ask); !slices.Equal(policies(got), []string{c.by}) {
			t.Errorf("%s %s: %v", c.ask.Kind, c.ask.Text, got)
		}
	}
}

func marked(text string, secrets []*schemas.Span) string {
	for _, s := range slices.Backward(secrets) {
		text = text[:s.Offset] + s.Marker + text[s.Offset+s.Length:]
	}
	return text
}
