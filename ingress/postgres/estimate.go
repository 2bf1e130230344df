package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// estimator asks a target's planner what held commands would touch. It implements session.Estimator.
//
// Each question has a connection of its own, under an account that may only read, and a transaction that
// is read only and is rolled back. Nothing is run: EXPLAIN without ANALYZE plans. Planning does run
// functions that call themselves immutable or stable, on constants; what the enforcer lets through calls
// none but PostgreSQL's own by name, and what operators, casts, views and row security bring beside those
// is left with the rights of that account, the read-only transaction, and the time that it has.
//
// Reference: PostgreSQL, "EXPLAIN", "SET TRANSACTION"; src/backend/optimizer/util/clauses.c.
type estimator struct {
	srv      *Server
	name     string // of the target
	target   resources.Target
	database string
}

// estimator returns what asks a target's planner; nil when no account is declared for that.
func (s *Server) estimator(name string, t *resources.Target, database string) session.Estimator {
	if t.Postgres == nil || t.Postgres.Estimate == nil {
		return nil
	}
	own := *t
	own.Credential = *t.Postgres.Estimate
	return &estimator{srv: s, name: name, target: own, database: database}
}

// Why there is no estimate.
const (
	estimateSlow    = "the target took too long"
	estimateBusy    = "too many estimates are being made"
	estimateAway    = "the account for estimates cannot reach the target"
	estimateSuper   = "the account for estimates is a superuser"
	estimateStrange = "the target's plan does not have the expected form"
)

// Estimate implements session.Estimator.
func (e *estimator) Estimate(ctx context.Context, q session.Question) (out *schemas.Estimate) {
	defer func() {
		if p := recover(); p != nil {
			e.srv.log.Error("panic in an estimate", "panic", p, "stack", stack())
			out = &schemas.Estimate{Failure: "the gateway failed"}
		}
	}()
	select {
	case e.srv.estimates <- struct{}{}:
		defer func() { <-e.srv.estimates }()
	case <-ctx.Done():
		return &schemas.Estimate{Failure: estimateBusy}
	}
	found, err := e.ask(ctx, q)
	if err == nil {
		return found
	}
	if ctx.Err() == nil {
		e.srv.log.Debug("estimate", "target", e.name, "err", err)
	}
	return &schemas.Estimate{Failure: e.why(ctx, err)}
}

// why puts an error into words that quote nothing of the target's.
func (e *estimator) why(ctx context.Context, err error) string {
	var said *plannerError
	switch {
	case errors.As(err, &said):
		return said.why()
	case errors.Is(err, errSuperuser):
		return estimateSuper
	case errors.Is(err, errPlan):
		return estimateStrange
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		return estimateSlow
	}
	return estimateAway
}

func (e *estimator) ask(ctx context.Context, q session.Question) (*schemas.Estimate, error) {
	secret, err := e.srv.c.Credentials.Resolve(ctx, e.target.Credential.Password)
	if err != nil {
		return nil, err
	}
	d := &dialer{target: &e.target, name: e.name, database: e.database, password: secret, timeout: e.srv.c.Limits.Dial,
		start: &startup{parameters: []parameter{{"application_name", "sallyport"}, {"client_encoding", "UTF8"}}}}
	u, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer u.conn.Close()
	left := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		_ = u.conn.SetDeadline(deadline)
		left = time.Until(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = u.conn.SetDeadline(time.Now()) })
	defer stop()
	p := planner{catalogueReader{u: u, limit: maxPlan}}
	if err := p.begin(left, q.Path); err != nil {
		return nil, err
	}
	plan, err := p.explain(q)
	if err != nil {
		return nil, err
	}
	_, _ = u.conn.Write(message(message(nil, frontQuery, []byte("ROLLBACK"), []byte{0}), frontTerminate)) // it is rolled back in any case
	return decodePlan(plan)
}

// maxPlan bounds a plan, in bytes.
const maxPlan = 16 << 20

var (
	errSuperuser = errors.New("the account for estimates is a superuser")
	errPlan      = errors.New("unexpected plan")
)

// plannerError is the target's refusal.
type plannerError struct{ code string }

func (p *plannerError) Error() string { return "the target refused: SQLSTATE " + p.code }

func (p *plannerError) why() string {
	switch p.code {
	case "42501":
		return "the account for estimates may not read all of it"
	case "42P01", "42703", "3F000", "42704":
		return "the account for estimates does not find all that it names"
	case "55P03":
		return "a table is locked"
	case "57014":
		return estimateSlow
	}
	if len(p.code) == 5 && strings.Trim(p.code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return p.Error()
	}
	return "the target refused"
}

// planner asks over a connection that is its own.
type planner struct{ catalogueReader }

// begin starts a transaction that cannot write and does not last: it ends after left, and waits for a
// lock for half of that.
func (p *planner) begin(left time.Duration, path []string) error {
	ms := min(max(left.Milliseconds(), 2), 1<<31-1) // as much as PostgreSQL takes
	var schemas strings.Builder
	for i, name := range path {
		if i > 0 {
			schemas.WriteByte(',')
		}
		schemas.WriteString("'" + strings.ReplaceAll(name, "'", "''") + "'")
	}
	if len(path) == 0 {
		schemas.WriteString("''")
	}
	for _, sql := range []string{
		fmt.Sprintf("BEGIN READ ONLY; SET LOCAL default_transaction_read_only = on; SET LOCAL standard_conforming_strings = on; "+
			"SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d", ms, (ms+1)/2, ms),
		"SET LOCAL search_path = " + schemas.String(), // the strings are read as the statement before says
	} {
		if err := p.run(sql); err != nil {
			return err
		}
	}
	super := true
	err := p.rows("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user", 1, func(c []cell) error {
		super = c[0].is()
		return nil
	})
	if err == nil && super {
		err = errSuperuser
	}
	return err
}

// run is rows for what has none, with the target's code in the error.
func (p *planner) run(sql string) error {
	if _, err := p.u.conn.Write(message(nil, frontQuery, []byte(sql), []byte{0})); err != nil {
		return unreachable(err)
	}
	_, err := p.answer()
	return err
}

// explain plans, and returns the plan as JSON. The extended protocol takes one statement only.
func (p *planner) explain(q session.Question) ([]byte, error) {
	parse := &pgproto3.Parse{Query: "EXPLAIN (FORMAT JSON, VERBOSE) " + q.Text}
	bind := &pgproto3.Bind{}
	for _, v := range q.Parameters {
		format, data := int16(0), v.Data
		if v.Binary {
			format = 1
		}
		if v.Null {
			data = nil
		} else if data == nil {
			data = []byte{} // to the encoder nil is null
		}
		parse.ParameterOIDs = append(parse.ParameterOIDs, v.Type)
		bind.ParameterFormatCodes = append(bind.ParameterFormatCodes, format)
		bind.Parameters = append(bind.Parameters, data)
	}
	for _, m := range []pgproto3.FrontendMessage{parse, bind, &pgproto3.Execute{}, &pgproto3.Sync{}} {
		if err := send(p.u.conn, m); err != nil {
			return nil, err
		}
	}
	return p.answer()
}

// answer reads up to ReadyForQuery, and returns the one value of the last row.
func (p *planner) answer() (value []byte, err error) {
	for {
		typ, body, failed := readMessage(p.u.conn, p.limit)
		if failed != nil {
			return nil, unreachable(failed)
		}
		switch typ {
		case backReady:
			return value, err
		case backError:
			f, _ := decodeFailure(body)
			err = &plannerError{code: f.GetCode()}
		case backRow:
			cells, ok := decodeCells(body)
			if !ok || len(cells) != 1 {
				return nil, errPlan
			}
			value = []byte(cells[0].text)
		}
	}
}

// plan is what EXPLAIN (FORMAT JSON) says of a node. Expressions, which quote constants, are left out.
type plan struct {
	Node     string  `json:"Node Type"`
	Schema   string  `json:"Schema"`
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Plan Rows"`
	Cost     float64 `json:"Total Cost"`
	Plans    []plan  `json:"Plans"`
}

// decodePlan reads what EXPLAIN (FORMAT JSON) answers.
func decodePlan(data []byte) (*schemas.Estimate, error) {
	var statements []struct {
		Plan *plan `json:"Plan"`
	}
	if err := json.Unmarshal(data, &statements); err != nil || len(statements) != 1 || statements[0].Plan == nil {
		return nil, errPlan
	}
	top := statements[0].Plan
	out := &schemas.Estimate{Rows: max(top.Rows, 0), Cost: max(top.Cost, 0)}
	top.scans(out)
	return out, nil
}

func (p *plan) scans(out *schemas.Estimate) {
	if p.Relation != "" {
		relation := p.Relation
		if p.Schema != "" {
			relation = p.Schema + "." + relation
		}
		out.Scans = append(out.Scans, &schemas.PlannedScan{Node: p.Node, Relation: relation, Rows: max(p.Rows, 0)})
	}
	for i := range p.Plans {
		p.Plans[i].scans(out)
	}
}
