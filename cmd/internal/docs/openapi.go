package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sources are the packages that mount routes.
var sources = []string{"cmd/internal/api", "cmd/internal/server", "replay", "approvals", "search"}

var routePattern = regexp.MustCompile(`^(GET|POST|PUT|DELETE) (/api/v1/[^ ]*|/healthz|/readyz|/metrics)$`)

// routes are the patterns that the code below root mounts, found in its text, so that none is
// forgotten here.
func routes(root string) ([]string, error) {
	found := map[string]bool{}
	for _, dir := range sources {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if s, err := strconv.Unquote(l.Value); err == nil && routePattern.MatchString(s) {
						found[s] = true
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("find routes: %w", err)
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// object is one of the document.
type object = map[string]any

// openAPI writes the OpenAPI 3.1 document of the API: every route that is mounted, with what
// operations says of it and schemas made from the Go types that are sent.
func openAPI(root string) (string, error) {
	mounted, err := routes(root)
	if err != nil {
		return "", err
	}
	said := maps.Clone(operations)
	maps.Copy(said, identityOperations())
	if err := complete(mounted, said); err != nil {
		return "", err
	}
	s := &schemer{schemas: object{}}
	s.of(problemDocument{})
	paths := object{}
	for _, pattern := range mounted {
		method, path, _ := strings.Cut(pattern, " ")
		item, ok := paths[path].(object)
		if !ok {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(method)] = s.operation(method, path, said[pattern])
	}
	document := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Sallyport", "version": "1", "license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "Everything that the browser app and the client commands do. Errors are RFC 9457 problem documents.",
		},
		"paths": paths,
		"components": object{
			"schemas": s.schemas,
			"securitySchemes": object{
				"token":   object{"type": "http", "scheme": "bearer"},
				"browser": object{"type": "apiKey", "in": "cookie", "name": "sallyport_session", "description": "Requests that change something carry the header X-Sallyport: 1."},
			},
		},
		"security": []object{{"token": []string{}}, {"browser": []string{}}},
	}
	out, err := json.MarshalIndent(document, "", " ")
	if err != nil {
		return "", fmt.Errorf("encode openapi: %w", err)
	}
	return string(out) + "\n", nil
}

// complete holds that something is said of every route that is mounted, and of no other.
func complete(mounted []string, said map[string]operation) error {
	var errs []error
	for pattern := range said {
		if !slices.Contains(mounted, pattern) {
			errs = append(errs, fmt.Errorf("openapi: nothing mounts %s", pattern))
		}
	}
	for _, pattern := range mounted {
		if said[pattern].summary == "" {
			errs = append(errs, fmt.Errorf("openapi: say in openapi_operations.go what %s is for", pattern))
		}
	}
	return errors.Join(errs...)
}

var parameterPattern = regexp.MustCompile(`\{(\w+)\}`)

func (s *schemer) operation(method, path string, o operation) object {
	parameters := []object{}
	for _, m := range parameterPattern.FindAllStringSubmatch(path, -1) {
		parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, q := range o.query {
		name, about, _ := strings.Cut(q, ": ")
		p := object{"name": name, "in": "query", "schema": object{"type": "string"}}
		if about != "" {
			p["description"] = about
		}
		parameters = append(parameters, p)
	}
	out := object{"operationId": operationID(method, path), "tags": []string{tagOf(path)}, "summary": o.summary}
	if len(parameters) > 0 {
		out["parameters"] = parameters
	}
	if o.body != nil {
		out["requestBody"] = object{"required": true, "content": s.content(o.body)}
	}
	answer := object{"description": "done"}
	status := "200"
	switch {
	case o.answer != nil:
		answer["content"] = s.content(o.answer)
	case o.leads:
		status, answer = "303", object{"description": "leads on"}
	case method != "GET":
		status = "2XX"
	}
	out["responses"] = object{
		status:    answer,
		"default": object{"description": "it was not done, and why", "content": object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}},
	}
	if o.open {
		out["security"] = []object{}
	}
	return out
}

func (s *schemer) content(v any) object {
	if m, ok := v.(media); ok {
		return object{string(m): object{"schema": object{}}}
	}
	return object{"application/json": object{"schema": s.of(v)}}
}

func operationID(method, path string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(path, "/api/v1"), func(r rune) bool { return strings.ContainsRune("/{}_-", r) })
	id := strings.ToLower(method)
	for _, w := range words {
		id += strings.ToUpper(w[:1]) + w[1:]
	}
	return id
}

func tagOf(path string) string {
	words := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
	return strings.Trim(words[0], "/")
}
