package pgsql

import (
	"regexp"
	"slices"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"sallyport/schemas"
)

// Markers: what is recorded in place of a secret, and of a text that cannot be parsed. The first
// is a string literal, so that what is recorded is still SQL.
const (
	MarkerSecret   = "'‹secret›'"
	MarkerUnparsed = "‹unparsed›"
)

var (
	secretName = regexp.MustCompile(`(?i)pass|pwd|secret|token|credential|api_?key|access_?key|private|conninfo`)
	secretText = regexp.MustCompile(`(?i)pass|pwd|secret|://|=`)
)

// want is a part of the text in which literals are secrets.
type want struct {
	from, to int
	after    string // keyword after which the next literal is one; empty: every literal
	at       int    // place of one literal, -1: not a single one
}

// secrets collects where secrets are. Offsets are those of the client's text.
type secrets struct {
	from, to int // the statement that is being walked
	wants    []want
}

// in begins a statement.
func (s *secrets) in(from, length, size int) {
	s.from, s.to = from, from+length
	if length == 0 {
		s.to = size
	}
}

func (s *secrets) wanted() bool { return len(s.wants) > 0 }

func (s *secrets) all()                 { s.wants = append(s.wants, want{s.from, s.to, "", -1}) }
func (s *secrets) next(keyword string)  { s.wants = append(s.wants, want{s.from, s.to, keyword, -1}) }
func (s *secrets) literal(location int) { s.wants = append(s.wants, want{s.from, s.to, "", location}) }

// secretive notes the secrets of statements that the grammar knows to hold some.
func (w *walker) secretive(m proto.Message) {
	switch s := m.(type) {
	case *pgtypes.CreateRoleStmt:
		w.secretRole(s.Options)
	case *pgtypes.AlterRoleStmt:
		w.secretRole(s.Options)
	case *pgtypes.CreateUserMappingStmt, *pgtypes.AlterUserMappingStmt:
		w.secrets.all()
	case *pgtypes.CreateSubscriptionStmt:
		w.secrets.next("CONNECTION")
	case *pgtypes.AlterSubscriptionStmt:
		w.secrets.next("CONNECTION")
	case *pgtypes.CreateForeignServerStmt:
		w.secretOptions(s.Options, s)
	case *pgtypes.AlterForeignServerStmt:
		w.secretOptions(s.Options, s)
	case *pgtypes.CreateFdwStmt:
		w.secretOptions(s.Options, s)
	case *pgtypes.AlterFdwStmt:
		w.secretOptions(s.Options, s)
	case *pgtypes.AlterRoleSetStmt:
		w.secretSetting(s.Setstmt)
	case *pgtypes.AlterDatabaseSetStmt:
		w.secretSetting(s.Setstmt)
	case *pgtypes.AlterTableCmd:
		if d := s.Def.GetList(); d != nil && s.Subtype == pgtypes.AlterTableType_AT_GenericOptions {
			w.secretOptions(d.Items, s)
		}
	}
}

func (w *walker) secretRole(options []*pgtypes.Node) {
	for _, o := range options {
		if o.GetDefElem().GetDefname() == "password" {
			w.secrets.next("PASSWORD")
		}
	}
}

// secretOptions notes options whose name or value looks like a secret.
func (w *walker) secretOptions(options []*pgtypes.Node, _ proto.Message) {
	for _, o := range options {
		d := o.GetDefElem()
		if secretName.MatchString(d.GetDefname()) || strings.Contains(d.GetArg().GetString_().GetSval(), "://") {
			w.secrets.all()
			return
		}
	}
}

func (w *walker) secretSetting(s *pgtypes.VariableSetStmt) {
	if secretName.MatchString(s.GetName()) {
		w.secrets.all()
	}
}

// secretCall notes arguments of functions that take secrets.
func (w *walker) secretCall(name string, f *pgtypes.FuncCall) {
	var which []int
	switch name {
	case "crypt":
		which = []int{0}
	case "hmac", "encrypt", "decrypt", "encrypt_iv", "decrypt_iv", "pgp_sym_encrypt", "pgp_sym_decrypt",
		"pgp_sym_encrypt_bytea", "pgp_sym_decrypt_bytea", "pgp_pub_decrypt", "pgp_pub_decrypt_bytea":
		which = []int{1, 2}
	case "set_config":
		if v, _ := fold(arg(f, 0)); v.known && secretName.MatchString(v.text) {
			which = []int{1}
		}
	}
	for _, i := range which {
		w.secretConstants(arg(f, i), func(string) bool { return true })
	}
	if strings.HasPrefix(name, "dblink") {
		for _, a := range f.Args {
			w.secretConstants(a, secretText.MatchString)
		}
	}
}

func arg(f *pgtypes.FuncCall, i int) *pgtypes.Node {
	if i < len(f.Args) {
		if n := f.Args[i].GetNamedArgExpr(); n != nil {
			return n.Arg
		}
		return f.Args[i]
	}
	return nil
}

// secretConstants notes the string constants of a simple expression.
func (w *walker) secretConstants(n *pgtypes.Node, wanted func(string) bool) {
	switch {
	case n.GetAConst().GetSval() != nil:
		if wanted(n.GetAConst().GetSval().Sval) {
			w.secrets.literal(int(n.GetAConst().Location))
		}
	case n.GetTypeCast() != nil:
		w.secretConstants(n.GetTypeCast().Arg, wanted)
	case n.GetNamedArgExpr() != nil:
		w.secretConstants(n.GetNamedArgExpr().Arg, wanted)
	case n.GetAExpr() != nil:
		w.secretConstants(n.GetAExpr().Lexpr, wanted)
		w.secretConstants(n.GetAExpr().Rexpr, wanted)
	case n.GetFuncCall() != nil:
		for _, a := range n.GetFuncCall().Args {
			w.secretConstants(a, wanted)
		}
	}
}

// spans returns the places of the secrets in the client's text, in order. A secret inside a nested
// text hides every literal of the whole.
func (w *walker) spans() []*schemas.Span {
	if w.hides {
		w.secrets.wants = append(w.secrets.wants, want{0, len(w.root), "", -1})
	}
	if len(w.secrets.wants) == 0 {
		return nil
	}
	tokens, err := w.a.tokens(w.root)
	if err != nil {
		return []*schemas.Span{{Length: uint64(len(w.root)), Marker: MarkerUnparsed}}
	}
	found := map[int]int{}
	for _, want := range w.secrets.wants {
		if !want.find(tokens, w.root, found) { // it must be there: rather too much than too little
			return []*schemas.Span{{Length: uint64(len(w.root)), Marker: MarkerSecret}}
		}
	}
	var spans []*schemas.Span
	for from, to := range found {
		spans = append(spans, &schemas.Span{Offset: uint64(from), Length: uint64(to - from), Marker: MarkerSecret})
	}
	slices.SortFunc(spans, func(a, b *schemas.Span) int { return int(a.Offset) - int(b.Offset) })
	return spans
}

// find adds the literals that w wants, and reports whether the one it names was there.
func (w want) find(tokens []*pgtypes.ScanToken, text string, found map[int]int) bool {
	armed, ok := w.after == "", w.after == "" && w.at < 0
	for _, t := range tokens {
		from, to := int(t.Start), int(t.End)
		if from < w.from || from >= w.to {
			continue
		}
		switch {
		case w.after != "" && strings.EqualFold(text[from:to], w.after):
			armed = true
		case w.after != "" && armed && t.Token == pgtypes.Token_NULL_P:
			armed, ok = false, true
		case armed && literal(t.Token) && (w.at < 0 || w.at == from):
			found[from] = to
			ok = true
			armed = w.after == ""
		}
	}
	return ok
}

func literal(t pgtypes.Token) bool {
	switch t {
	case pgtypes.Token_SCONST, pgtypes.Token_USCONST, pgtypes.Token_BCONST, pgtypes.Token_XCONST:
		return true
	}
	return false
}

// after returns what follows the first keyword outside parentheses in the statement that is being
// walked.
func (w *walker) after(keyword string) (string, bool) {
	from, to := w.secrets.from, w.secrets.to
	if to > len(w.root) || from > to {
		return "", false
	}
	statement := w.root[from:to]
	tokens, err := w.a.tokens(statement)
	if err != nil {
		return "", false
	}
	depth := 0
	for i, t := range tokens {
		word := statement[t.Start:t.End]
		switch {
		case word == "(":
			depth++
		case word == ")":
			depth--
		case i > 1 && depth == 0 && strings.EqualFold(word, keyword): // PREPARE as AS …: the second word is the name
			return strings.TrimSpace(statement[t.End:]), true
		}
	}
	return "", false
}
