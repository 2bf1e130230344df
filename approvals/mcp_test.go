package approvals_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"sallyport/approvals"
	"sallyport/schemas"
	"sallyport/schemas/journal/journaltest"
)

// TestAgentsReview lets an agent review over MCP what a rule lets it, and nothing else.
func TestAgentsReview(t *testing.T) {
	l := journaltest.Open(t)
	o := open(t, l, func(c *approvals.Config) { c.Authorizer = may{"review-bot": "*", "bob": "*"} })
	bot := approvals.Reviewer{Principal: &schemas.Principal{Name: "review-bot", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT, Groups: []string{"dba"}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, bot)))
	}))
	defer server.Close()
	client, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: server.URL + "/api/v1/approvals/mcp"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	call := func(tool string, args map[string]any, out any) string {
		t.Helper()
		r, err := client.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
		if err != nil {
			t.Fatal(err)
		}
		text := r.Content[0].(*mcp.TextContent).Text
		if !r.IsError && out != nil {
			if err := json.Unmarshal([]byte(text), out); err != nil {
				t.Fatal(err)
			}
		}
		if r.IsError {
			return text
		}
		return ""
	}
	o.request(l, ask("a-1", func(a *schemas.ApprovalAsk) { a.Need.Rules[0].Any[0].Agents = []string{"review-bot"} }))
	o.request(l, ask("a-2"))
	o.request(l, ask("a-3", func(a *schemas.ApprovalAsk) {
		a.Principal = bot.Principal
		a.Need.Rules[0].Any[0].Agents = []string{"review-bot"}
	}))
	var out approvals.Listed
	if e := call("list_requests", map[string]any{"target": "orders"}, &out); e != "" || len(out.Approvals) != 3 {
		t.Errorf("list: %s, %d", e, len(out.Approvals))
	}
	var a approvals.Approval
	if e := call("show_request", map[string]any{"id": "a-1"}, &a); e != "" || a.Text != "DROP TABLE x" || !a.MayReview {
		t.Errorf("show: %s %+v", e, a)
	}
	if e := call("review_request", map[string]any{"id": "a-1", "decision": "approve", "reason": "harmless"}, &a); e != "" || a.Status != "approved" || a.By[0] != "review-bot" {
		t.Errorf("review: %s %+v", e, a)
	}
	for id, want := range map[string]string{"a-2": "for reviewers in dba", "a-3": "ask for themselves", "a-9": "no such request"} {
		if e := call("review_request", map[string]any{"id": id, "decision": "approve", "reason": "x"}, nil); !strings.Contains(e, want) {
			t.Errorf("%s: %q, want %q", id, e, want)
		}
	}
	if e := call("review_request", map[string]any{"id": "a-3", "decision": "break_glass", "reason": "x"}, nil); !strings.Contains(e, "approve or deny") {
		t.Errorf("break-glass: %q", e)
	}
}
