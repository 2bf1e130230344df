package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// policy is what a page of the app may do. Svelte makes its templates through one named Trusted
// Types policy; nothing else may turn a string into markup.
const policy = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; " +
	"form-action 'self'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

// file is one embedded file as it is sent. Its fields are never written after Handler returned.
type file struct {
	body       []byte
	gzipped    []byte // empty: not worth it
	kind       string // media type
	etag       string
	cacheAsset bool // its name carries a hash of its contents
}

// Handler serves the app: its files by name, and index.html for every other path outside of /api,
// because the app routes them itself. It is safe for concurrent use.
func Handler() http.Handler {
	files, err := load(dist)
	if err != nil {
		// The files are part of the binary: an error here is a broken build.
		panic("web: " + err.Error())
	}
	return &handler{files: files}
}

type handler struct {
	files map[string]*file // by path without the leading slash
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	f, ok := h.files[name]
	switch {
	case ok:
	case name == "api" || strings.HasPrefix(name, "api/") || strings.HasPrefix(name, "assets/"):
		// A page in place of an asset of another build would only confuse the browser.
		http.NotFound(w, r)
		return
	default:
		f = h.files["index.html"]
	}
	f.serve(w, r)
}

func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache")
	if f.cacheAsset {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if len(f.gzipped) > 0 {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body = f.gzipped
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // a browser that went away needs no answer
}

// acceptsGzip reads an Accept-Encoding header as far as browsers and curl use it.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return strings.ReplaceAll(weight, " ", "") != "q=0"
		}
	}
	return false
}

// load reads dist and compresses what is worth it, once.
func load(fsys fs.FS) (map[string]*file, error) {
	root, err := fs.Sub(fsys, "dist")
	if err != nil {
		return nil, fmt.Errorf("open dist: %w", err)
	}
	files := map[string]*file{}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files[name], err = newFile(name, body)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read dist: %w", err)
	}
	if files["index.html"] == nil {
		return nil, fmt.Errorf("read dist: it has no index.html")
	}
	return files, nil
}

func newFile(name string, body []byte) (*file, error) {
	sum := sha256.Sum256(body)
	f := &file{
		body:       body,
		kind:       mediaType(name),
		etag:       `"` + hex.EncodeToString(sum[:12]) + `"`,
		cacheAsset: strings.HasPrefix(name, "assets/"),
	}
	if len(body) < 1024 {
		return f, nil
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if b.Len() < len(body) {
		f.gzipped = b.Bytes()
	}
	return f, nil
}

// mediaType does not ask the machine's own tables for what the app is made of: they differ.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}
