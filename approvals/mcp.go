package approvals

import (
	"context"
	"errors"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// mountMCP serves agents that review, where a rule names them: the tools list_requests, show_request
// and review_request over the Model Context Protocol's streamable HTTP transport (2025-06-18), each
// request on its own, under the token that it comes with.
func (s *Service) mountMCP(mux *http.ServeMux) {
	h := mcp.NewStreamableHTTPHandler(func(r *http.Request) *mcp.Server { return s.tools(context.WithoutCancel(r.Context())) },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		mux.Handle(method+" /api/v1/approvals/mcp", h)
	}
}

type (
	listInput struct {
		Target string `json:"target,omitempty" jsonschema:"only requests for this target"`
	}
	showInput struct {
		ID string `json:"id" jsonschema:"of the request"`
	}
	reviewInput struct {
		ID       string `json:"id" jsonschema:"of the request"`
		Decision string `json:"decision" jsonschema:"approve or deny"`
		Reason   string `json:"reason" jsonschema:"why, for whoever asked and for the record"`
	}
)

// tools is a server for one request, whose sender is who's.
func (s *Service) tools(who context.Context) *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "sallyport-approvals", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "list_requests", Description: "Lists the requests for consent that wait and that you may see, the newest first.",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}},
		func(_ context.Context, _ *mcp.CallToolRequest, in listInput) (*mcp.CallToolResult, *Listed, error) {
			out, err := s.listed(who, string(approval.Pending), in.Target, "", listed)
			return nil, out, told(err)
		})
	mcp.AddTool(server, &mcp.Tool{Name: "show_request", Description: "Shows a request whole: the exact text and parameters, who asks, on whose behalf, what it reads and writes, who is needed.",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}},
		func(_ context.Context, _ *mcp.CallToolRequest, in showInput) (*mcp.CallToolResult, *Approval, error) {
			state, err := s.Look(who, in.ID)
			if err != nil {
				return nil, nil, told(err)
			}
			out, err := s.view(who, state)
			return nil, out, told(err)
		})
	mcp.AddTool(server, &mcp.Tool{Name: "review_request", Description: "Approves or denies a request. It counts only where a rule names you, and never for what you or your run asked for."},
		func(_ context.Context, _ *mcp.CallToolRequest, in reviewInput) (*mcp.CallToolResult, *Approval, error) {
			if err := s.Ready(who); err != nil {
				return nil, nil, told(err)
			}
			if in.Decision == approval.BreakGlass {
				in.Decision = "" // that is no review
			}
			state, err := s.Review(who, in.ID, in.Decision, in.Reason)
			if err != nil {
				return nil, nil, told(err)
			}
			out, err := s.view(who, state)
			return nil, out, told(err)
		})
	return server
}

// told is an error as the agent reads it.
func told(err error) error {
	if err == nil {
		return nil
	}
	shown := schemas.Shown(err)
	if shown.Hint != "" {
		return errors.New(shown.Message + " (" + shown.Hint + ")")
	}
	return errors.New(shown.Message)
}
