package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// mostAnnotation bounds an annotation's text.
const mostAnnotation = 4 << 10

// remarks answers GET /sessions/{id}/remarks: [Remarks].
func (s *Service) remarks(w http.ResponseWriter, r *http.Request) error {
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	found, err := s.said.of(r.Context(), s.Log, s.Logger, one.ID)
	if err != nil {
		return err
	}
	for i := range found.Annotations {
		if err := s.place(r.Context(), one, &found.Annotations[i]); err != nil {
			return err
		}
	}
	return reply(w, found)
}

// place finds when the entry was that an annotation is about.
func (s *Service) place(ctx context.Context, one Session, a *Annotation) error {
	if a.Number == 0 {
		return nil
	}
	err := s.Log.ReadSession(ctx, one.ID, journal.ReadOptions{From: a.Number}, func(l journal.Located) error {
		a.AtMS = milliseconds(max(0, int64(at(l).Sub(one.Opened))))
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

// annotate records what the sender has to say about an entry, and answers with the annotation.
func (s *Service) annotate(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Number uint64 `json:"number"`
		Text   string `json:"text"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body); err != nil {
		return invalid("the body is not JSON such as {\"number\": 7, \"text\": \"…\"}")
	}
	body.Text = strings.TrimSpace(body.Text)
	if body.Text == "" || len(body.Text) > mostAnnotation || !utf8.ValidString(body.Text) {
		return invalid("text has 1 to %d bytes of UTF-8", mostAnnotation)
	}
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	a := Annotation{ID: schemas.NewID("n-"), Number: body.Number, At: s.Now().UTC(), By: s.Who(r.Context()), Text: body.Text}
	_, err = s.Log.AppendControl(r.Context(), schemas.AreaSession, string(one.ID), &schemas.Control{
		At: a.At.UnixNano(), By: a.By,
		Kind: &schemas.Control_Annotated{Annotated: &schemas.Annotated{Session: string(one.ID), Id: a.ID, Number: a.Number, Text: a.Text}},
	}, nil)
	if err != nil {
		return fmt.Errorf("record an annotation: %w", err)
	}
	if err := s.place(r.Context(), one, &a); err != nil {
		return err
	}
	return reply(w, a)
}

// removeAnnotation takes back what the sender said, or, for administrators, what anybody did. The
// fact of it stays on the log.
func (s *Service) removeAnnotation(w http.ResponseWriter, r *http.Request) error {
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	found, err := s.said.of(r.Context(), s.Log, s.Logger, one.ID)
	if err != nil {
		return err
	}
	a := found.annotation(r.PathValue("annotation"))
	if a == nil {
		return &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no such annotation"}
	}
	by := s.Who(r.Context())
	if a.By != by {
		if err := s.Authorizer.Authorize(r.Context(), "admin", one.Target); err != nil {
			return err
		}
	}
	_, err = s.Log.AppendControl(r.Context(), schemas.AreaSession, string(one.ID), &schemas.Control{
		At: s.Now().UnixNano(), By: by,
		Kind: &schemas.Control_AnnotationRemoved{AnnotationRemoved: &schemas.AnnotationRemoved{Session: string(one.ID), Id: a.ID}},
	}, nil)
	if err != nil {
		return fmt.Errorf("record that an annotation was removed: %w", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
