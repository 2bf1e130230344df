package shell

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

var (
	secretName   = regexp.MustCompile(`(?i)(pass(word|wd|phrase|code)?|pwd|secret|token|credentials?|api_?key|access_?key|private_?key|auth_?key|encryption_?key)s?$`)
	secretOption = regexp.MustCompile(`(?i)^--?([a-z0-9]+[-_.])*(pass(word|wd|phrase|code)?|pwd|secret|token|credentials?|api[-_]?key|access[-_]?key|private[-_]?key|auth[-_]?key|secret[-_]?key|oauth2-bearer|proxy-user)$`)
	// userInfo is the password in a URL (RFC 3986, 3.2.1).
	userInfo = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^/?#@\s:]*:([^/?#\s]+)@`)
	// header is a header of HTTP that proves who asks.
	header = regexp.MustCompile(`(?i)^(authorization|proxy-authorization|cookie|x-api-key|x-auth-token|private-token|x-[a-z-]*(token|key|secret))\s*:\s*`)
	// filePointers are values that say where a secret is and are none.
	filePointer = regexp.MustCompile(`(?i)[-_](file|path|stdin|command|cmd|prompt)$`)
)

func isSecretName(name string) bool { return secretName.MatchString(name) }

// Options of programs whose value is a secret: "attached" stands in the same word (mysql -pXXX), "next" in the next one.
var (
	attachedSecrets = map[string][]string{
		"mysql": {"-p"}, "mysqldump": {"-p"}, "mysqladmin": {"-p"}, "mysqlimport": {"-p"}, "mysqlcheck": {"-p"}, "mysqlshow": {"-p"},
		"mariadb": {"-p"}, "mariadb-dump": {"-p"}, "mariadb-admin": {"-p"}, "mysqlsh": {"-p"},
		"sshpass": {"-p"}, "7z": {"-p"}, "7za": {"-p"}, "7zr": {"-p"}, "rar": {"-p", "-hp"}, "unrar": {"-p"},
		"sqlcmd": {"-P"}, "bcp": {"-P"}, "isql": {"-P"}, "unzip": {"-P"}, "zip": {"-P"},
		"curl": {"-u", "-U"}, "ldapsearch": {"-w"}, "ldapadd": {"-w"}, "ldapmodify": {"-w"}, "ldapdelete": {"-w"}, "ldapwhoami": {"-w"}, "ldappasswd": {"-w", "-s", "-a"},
		"smbclient": {"-U"}, "rpcclient": {"-U"}, "xfreerdp": {"/p:"}, "rdesktop": {"-p"}, "mongo": {"-p"}, "mongosh": {"-p"}, "mongodump": {"-p"}, "mongorestore": {"-p"},
		"openssl": {"pass:"},
	}
	nextSecrets = map[string][]string{
		"sshpass": {"-p"}, "curl": {"-u", "-U", "--user", "--proxy-user"}, "redis-cli": {"-a"}, "mongo": {"-p"}, "mongosh": {"-p"}, "mongodump": {"-p"}, "mongorestore": {"-p"},
		"ldapsearch": {"-w"}, "ldapadd": {"-w"}, "ldapmodify": {"-w"}, "ldapdelete": {"-w"}, "ldapwhoami": {"-w"}, "ldappasswd": {"-w", "-s", "-a"},
		"smbclient": {"-U"}, "rpcclient": {"-U"}, "rdesktop": {"-p"}, "sqlcmd": {"-P"}, "bcp": {"-P"}, "isql": {"-P"}, "unzip": {"-P"}, "zip": {"-P"},
		"openssl": {"-k", "-K", "-passin", "-passout", "-pass", "-password"}, "docker": {"-p"}, "podman": {"-p"}, "az": {"-p"}, "oc": {"-p"},
		"usermod": {"-p"}, "useradd": {"-p"}, "kinit": {"--password"}, "ipmitool": {"-P"}, "snmpwalk": {"-A", "-X"}, "snmpget": {"-A", "-X"},
	}
	headerOptions = []string{"-H", "--header", "--proxy-header"}
	// passwordTakers read secrets from input.
	passwordTakers = []string{"passwd", "chpasswd", "smbpasswd", "htpasswd", "cryptsetup", "--password-stdin", "--stdin", "-S", "kinit", "ksu", "vault", "--passphrase-fd", "pass:stdin"}
)

// hideSecrets finds the words of a command that are secrets.
func (w *walker) hideSecrets(name string, argv []field, at place) {
	docker := name == "docker" || name == "podman" || name == "az" || name == "oc"
	for i, f := range argv {
		if i == 0 {
			continue
		}
		if option, value, ok := strings.Cut(f.text, "="); ok && value != "" && (secretOption.MatchString(option) || isVariable(option) && isSecretName(option)) && !filePointer.MatchString(option) {
			w.secret(f.word, option+"=", option+"=")
		}
		for _, p := range attachedSecrets[name] {
			if strings.HasPrefix(f.text, p) && (len(f.text) > len(p) || !f.known) {
				w.secret(f.word, p, p)
			}
		}
		if m := userInfo.FindStringSubmatchIndex(f.text); m != nil {
			w.secret(f.word, f.text[:m[2]], f.text[:m[2]])
		}
		before := argv[i-1].text
		next := secretOption.MatchString(before) && i > 1 || slices.Contains(nextSecrets[name], before) && (!docker || slices.ContainsFunc(argv, func(f field) bool { return f.text == "login" }))
		if next && !strings.HasPrefix(f.text, "--") {
			w.secret(f.word, "", "")
		}
		if slices.Contains(headerOptions, before) {
			if m := header.FindString(f.text); m != "" {
				w.secret(f.word, m, m)
			}
		}
	}
	w.hideWritten(name, argv, at)
}

// isVariable reports the name of a variable: `env PGPASSWORD=…` says one in a word.
func isVariable(s string) bool { return plainName.MatchString(s) }

// hideWritten hides what is written to a program that takes passwords from its input.
func (w *walker) hideWritten(name string, argv []field, at place) {
	if name == "htpasswd" && len(argv) > 2 {
		w.secret(argv[len(argv)-1].word, "", "")
	}
	if (name == "echo" || name == "printf") && at.feeds {
		for _, f := range argv[1:] {
			w.secret(f.word, "", "")
		}
	}
	if at.script != nil && slices.ContainsFunc(argv, func(f field) bool { return takesPassword(f.text) }) {
		w.secret(at.script, "", "")
	}
}

// takesPasswords reports whether a side of a pipeline names a program, or an option, that takes a password.
func takesPasswords(s *syntax.Stmt) (takes bool) {
	syntax.Walk(s, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			takes = takes || slices.ContainsFunc(call.Args, func(w *syntax.Word) bool { return takesPassword(w.Lit()) })
		}
		return !takes
	})
	return takes
}

func takesPassword(word string) bool { return slices.Contains(passwordTakers, path.Base(word)) }

// secret marks a word after its prefix, the whole word where that cannot be told apart in the source.
// keep is what the facts show before the marker.
func (w *walker) secret(word *syntax.Word, prefix, keep string) {
	if word == nil || len(word.Parts) == 0 {
		return
	}
	from, to := rangeOf(word)
	parts := word.Parts
	if quoted, ok := parts[0].(*syntax.DblQuoted); ok && len(parts) == 1 && len(quoted.Parts) > 0 && !quoted.Dollar {
		parts, to = quoted.Parts, to-1
		from++
	}
	switch p := parts[0].(type) {
	case *syntax.Lit:
		at, end := int(p.ValuePos.Offset()), int(p.ValueEnd.Offset())
		if end-at == len(p.Value) && strings.HasPrefix(p.Value, prefix) && !strings.Contains(prefix, `\`) {
			from = at + len(prefix)
		}
	case *syntax.SglQuoted:
		if at := int(p.Left.Offset()) + 1; len(parts) == 1 && !p.Dollar && strings.HasPrefix(p.Value, prefix) {
			from, to = at+len(prefix), to-1
		}
	}
	if from < to {
		w.found.secrets = append(w.found.secrets, span{from: from, to: to, keep: keep})
	}
}
