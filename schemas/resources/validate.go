package resources

import (
	"fmt"
	"net"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)
	envPattern    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	columnPattern = regexp.MustCompile(`^([^.\s]+\.){0,2}[^.\s]+$`)
)

// problem is one thing wrong with a resource.
type problem struct{ path, message string }

// Validate reports the first thing that is wrong with a resource that did not come through Load.
func Validate(r *Resource) error {
	if _, err := r.spec(); err != nil {
		return err
	}
	if ps := problems(r); len(ps) > 0 {
		return &Error{Path: ps[0].path, Message: ps[0].message}
	}
	return nil
}

// checker collects problems.
type checker struct{ found []problem }

func (c *checker) fail(path, format string, args ...any) {
	c.found = append(c.found, problem{path, fmt.Sprintf(format, args...)})
}

// problems is everything wrong with r, tags first.
func problems(r *Resource) []problem {
	var c checker
	c.tags(reflect.ValueOf(r.Metadata), "metadata")
	spec, err := r.spec()
	if err != nil {
		c.fail("spec", "%v", err)
		return c.found
	}
	c.tags(reflect.ValueOf(spec).Elem(), "spec")
	switch r.Kind {
	case KindTarget:
		c.target(r.Target)
	case KindRole:
		c.role(r.Role)
	case KindPolicy:
		c.policy(r.Policy)
	case KindMask:
		c.mask(r.Mask)
	}
	return c.found
}

// tags holds a value against the tags of its type.
func (c *checker) tags(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.tags(v.Elem(), path)
		}
	case reflect.Struct:
		for i, f := range fieldsOf(v.Type()) {
			at, value, r := join(path, f.name), v.Field(i), rule(f.tag)
			c.value(value, at, r)
			c.tags(value, at)
		}
	case reflect.Slice:
		for i := range v.Len() {
			c.tags(v.Index(i), path+"["+strconv.Itoa(i)+"]")
		}
	}
}

func (c *checker) value(v reflect.Value, path string, r rules) {
	switch v.Kind() {
	case reflect.String:
		c.text(v.String(), path, r)
	case reflect.Slice:
		if v.Len() < r.min {
			c.fail(path, "must not be empty")
		}
		if v.Type().Elem().Kind() == reflect.String {
			for i := range v.Len() {
				c.text(v.Index(i).String(), path+"["+strconv.Itoa(i)+"]", rules{required: true, enum: r.enum})
			}
		}
	case reflect.Int:
		if n := v.Int(); n != 0 && n < int64(r.min) {
			c.fail(path, "must be at least %d", r.min)
		}
	}
}

func (c *checker) text(s, path string, r rules) {
	switch {
	case s == "" && r.required:
		c.fail(path, "must not be empty")
	case s == "":
	case strings.ContainsRune(s, 0):
		c.fail(path, "must not contain NUL")
	case r.name && !namePattern.MatchString(s):
		c.fail(path, "%q is not a name: up to 63 of a-z, 0-9, dot, dash and underscore, a letter or digit first and last", s)
	case len(r.enum) > 0 && !contains(r.enum, s):
		c.fail(path, "%q is not one of %s", s, strings.Join(r.enum, ", "))
	}
}

func (c *checker) target(t *Target) {
	if err := checkAddress(t.Address); t.Address != "" && err != "" {
		c.fail("spec.address", "%q is not an address: %s", t.Address, err)
	}
	if t.Postgres != nil && t.Protocol != ProtocolPostgres {
		c.fail("spec.postgres", "is for postgres targets only")
	}
	if p := t.Postgres; p != nil && p.Estimate != nil {
		c.estimate(p.Estimate, t.Credential.Username)
	}
	c.ssh(t)
	c.secret(t.Credential.Password, "spec.credential.password")
	c.secret(t.Credential.Key, "spec.credential.key")
}

// estimate holds the account under which a planner is asked to being another one than the sessions'.
func (c *checker) estimate(e *Credential, sessions string) {
	const at = "spec.postgres.estimate"
	if e.Username != "" && e.Username == sessions {
		c.fail(at+".username", "must be another account than spec.credential.username, one that may only read")
	}
	if e.Key != nil || e.Certificate {
		c.fail(at, "key and certificate are for ssh targets only")
	}
	c.secret(e.Password, at+".password")
}

func (c *checker) secret(p *SecretRef, path string) {
	if p != nil {
		set := 0
		for _, s := range []string{p.Env, p.File, p.Sealed} {
			if s != "" {
				set++
			}
		}
		if set != 1 {
			c.fail(path, "exactly one of env, file and sealed must be set")
		}
		if p.Env != "" && !envPattern.MatchString(p.Env) {
			c.fail(path+".env", "is not the name of an environment variable")
		}
	}
}

// checkAddress returns what is wrong with an address, empty when nothing is.
func checkAddress(a string) string {
	i := strings.LastIndexByte(a, ':')
	if i < 0 {
		return "a port is missing"
	}
	if n, err := strconv.ParseUint(a[i+1:], 10, 16); err != nil || n == 0 {
		return "the port must be a number from 1 to 65535"
	}
	if strings.HasPrefix(a, "/") {
		return ""
	}
	host, _, err := net.SplitHostPort(a)
	switch {
	case err != nil:
		return "an IPv6 address is written in brackets"
	case host == "" || strings.ContainsAny(host, " \t\r\n/@"):
		return "the host is missing or malformed"
	}
	return ""
}

// selector refuses the star as the name of a label, which would select less than it seems to.
func (c *checker) selector(s Selector) {
	if _, star := s.Labels[Any]; star {
		c.fail("spec.targets.labels", "%q is not a label; names: [%q] selects every target", Any, Any)
	}
}

func (c *checker) policy(p *Policy) {
	c.selector(p.Targets)
	if strings.TrimSpace(p.When) == "" {
		c.fail("spec.when", "must not be empty; true holds always")
	}
	if p.Approval == nil {
		return
	}
	if p.Verdict != VerdictHold {
		c.fail("spec.approval", "is for the verdict hold only")
	}
	c.approval(p.Approval, "spec.approval")
}

func (c *checker) role(r *Role) {
	c.selector(r.Targets)
	if r.Request == nil {
		return
	}
	for _, p := range r.Permissions() {
		if p != PermissionConnect {
			c.fail("spec.can", "only connect can be asked for")
		}
	}
	if a := r.Request.Approval; a != nil {
		c.approval(a, "spec.request.approval")
		if a.Auto != "" || len(a.BreakGlass) > 0 {
			c.fail("spec.request.approval", "auto and breakGlass are for commands")
		}
	}
}

func (c *checker) mask(m *Mask) {
	c.selector(m.Targets)
	if len(m.Columns) == 0 && len(m.Detect) == 0 {
		c.fail("spec", "columns or detect must say what is masked")
	}
	for i, column := range m.Columns {
		if !columnPattern.MatchString(column) {
			c.fail(fmt.Sprintf("spec.columns[%d]", i), "%q is not column, table.column or schema.table.column", column)
		}
	}
}
