// Package web is the browser app: sign-in, the list of sessions, search, runs of agents, the inbox of
// requests for approval, access for a time, rules, audit and health for administrators, and the player
// that shows a session's history and its live tail.
//
// The app is Svelte and TypeScript in src, built by Vite into dist, and dist is committed and
// embedded, so that building Sallyport needs only Go. A build is byte-identical on every machine:
//
//	npm ci && npm run check && npm test && npm run build && git diff --exit-code -- dist
//
// What the first page needs is one script; every other page is a further one, fetched when it is
// opened. src/shell has what all share (navigation, routes, words for figures and times); every
// other folder of src is one kind of page. Every state of a page is in its address.
//
// [Handler] serves it. The app speaks only to /api/v1 of the host that served it:
//
//	browser                      Handler                  API (mounted beside it)
//	   | GET /sessions/ID?at=N      |                          |
//	   |--------------------------->| index.html (no-cache)    |
//	   | GET /assets/index-HASH.js  |                          |
//	   |--------------------------->| immutable, gzip          |
//	   | GET /api/v1/sessions/ID, …/entries                    |
//	   |------------------------------------------------------>|
//	   | websocket /api/v1/sessions/ID/play?from=N             |
//	   |<======================================================| history, then live
//
// e2e holds the browser's half of the end-to-end tests; its run.mjs says how it is driven.
//
// The content security policy allows nothing but the app's own files: no inline script or style,
// no other host, no frame. Text out of recordings is only ever written as text nodes.
//
// The package knows nothing of sessions, sign-in or authorisation: whatever the app may not show,
// the API does not say.
package web
