package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
)

// Error codes of Confluent's Schema Registry API reference.
const (
	codeVersionNotFound    = 40402
	codeIncompatibleSchema = 409
	codeInvalidSchema      = 42201
)

// apiError is a refusal as the protocol words it.
type apiError struct {
	status, code int
	message      string
}

func (e *apiError) Error() string { return e.message }

// checkCompatibility answers POST /compatibility/subjects/{subject}/versions[/{version}], to which srfake always says yes.
func (r *Registry) checkCompatibility(w http.ResponseWriter, req *http.Request) bool {
	path, ok := strings.CutPrefix(req.URL.Path, "/compatibility/subjects/")
	if !ok || req.Method != http.MethodPost {
		return false
	}
	subject, version, _ := strings.Cut(path, "/versions")
	candidate, err := readSchema(req.Body)
	if err != nil {
		return refuse(w, err)
	}
	against, err := r.versionsFor(req.Context(), subject, strings.TrimPrefix(version, "/"))
	if err != nil {
		return refuse(w, err)
	}
	level, err := r.level(req.Context(), subject)
	if err != nil {
		return refuse(w, err)
	}
	faults, err := incompatibilities(level, candidate, against)
	if err != nil {
		return refuse(w, err)
	}
	answer := map[string]any{"is_compatible": len(faults) == 0}
	if req.URL.Query().Get("verbose") == "true" {
		answer["messages"] = faults
	}
	return respond(w, http.StatusOK, answer)
}

// refuseIncompatible answers POST /subjects/{subject}/versions with 409 where the level forbids the schema; otherwise
// srfake registers it.
func (r *Registry) refuseIncompatible(w http.ResponseWriter, req *http.Request) bool {
	path, under := strings.CutPrefix(req.URL.Path, "/subjects/")
	subject, versions := strings.CutSuffix(path, "/versions")
	if !under || !versions || req.Method != http.MethodPost {
		return false
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		return refuse(w, err)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	candidate, err := readSchema(bytes.NewReader(body))
	if err != nil {
		return refuse(w, err)
	}
	level, err := r.level(req.Context(), subject)
	if err != nil {
		return refuse(w, err)
	}
	against, err := r.known(req.Context(), subject)
	if err != nil {
		return refuse(w, err)
	}
	if !transitive(level) && len(against) > 1 {
		against = against[len(against)-1:]
	}
	faults, err := incompatibilities(level, candidate, against)
	if err != nil {
		return refuse(w, err)
	}
	if len(faults) == 0 {
		return false
	}
	return refuse(w, &apiError{http.StatusConflict, codeIncompatibleSchema, fmt.Sprintf("schema for subject %s is not %s compatible: %s", subject, level, strings.Join(faults, "; "))})
}

// versionsFor returns the registered schemas to compare with: one version, "latest", or for "" as many as the level asks for.
func (r *Registry) versionsFor(ctx context.Context, subject, version string) ([]sr.SubjectSchema, error) {
	all, err := r.known(ctx, subject)
	if err != nil || version == "" {
		return all, err
	}
	if len(all) == 0 {
		return nil, nil // nothing registered: all is compatible, as Confluent answers
	}
	if version == "latest" || version == "-1" {
		return all[len(all)-1:], nil
	}
	n, err := strconv.Atoi(version)
	i := slices.IndexFunc(all, func(s sr.SubjectSchema) bool { return s.Version == n })
	if err != nil || i < 0 {
		return nil, &apiError{http.StatusNotFound, codeVersionNotFound, "Version " + version + " not found."}
	}
	return all[i : i+1], nil
}

// known lists a subject's versions, oldest first; none for a subject nobody registered.
func (r *Registry) known(ctx context.Context, subject string) ([]sr.SubjectSchema, error) {
	if !r.fake.SubjectExists(subject) {
		return nil, nil
	}
	return r.client.Schemas(ctx, subject)
}

func (r *Registry) level(ctx context.Context, subject string) (sr.CompatibilityLevel, error) {
	res := r.client.Compatibility(ctx, subject)
	return res[0].Level, res[0].Err
}

func transitive(l sr.CompatibilityLevel) bool {
	return l == sr.CompatBackwardTransitive || l == sr.CompatForwardTransitive || l == sr.CompatFullTransitive
}

// incompatibilities lists what stands between the candidate and each registered schema: backward means that the
// candidate reads what they wrote, forward that they read what it writes, full both.
func incompatibilities(level sr.CompatibilityLevel, candidate *avro.Schema, against []sr.SubjectSchema) ([]string, error) {
	backward := level == sr.CompatBackward || level == sr.CompatBackwardTransitive
	forward := level == sr.CompatForward || level == sr.CompatForwardTransitive
	if level == sr.CompatFull || level == sr.CompatFullTransitive {
		backward, forward = true, true
	}
	faults := []string{}
	for _, s := range against {
		old, err := avro.Parse(s.Schema.Schema)
		if err != nil {
			return nil, fmt.Errorf("parse %s version %d: %w", s.Subject, s.Version, err)
		}
		if err := avro.CheckCompatibility(old, candidate); backward && err != nil {
			faults = append(faults, fmt.Sprintf("it cannot read version %d: %v", s.Version, err))
		}
		if err := avro.CheckCompatibility(candidate, old); forward && err != nil {
			faults = append(faults, fmt.Sprintf("version %d cannot read it: %v", s.Version, err))
		}
	}
	return faults, nil
}

func readSchema(body io.Reader) (*avro.Schema, error) {
	var s sr.Schema
	if err := json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&s); err != nil {
		return nil, &apiError{http.StatusUnprocessableEntity, codeInvalidSchema, "Invalid request: " + err.Error()}
	}
	parsed, err := avro.Parse(s.Schema)
	if err != nil {
		return nil, &apiError{http.StatusUnprocessableEntity, codeInvalidSchema, "Invalid schema: " + err.Error()}
	}
	return parsed, nil
}

// refuse answers with the error, and reports the request as handled.
func refuse(w http.ResponseWriter, err error) bool {
	var api *apiError
	if !errors.As(err, &api) {
		api = &apiError{http.StatusInternalServerError, 50001, err.Error()}
	}
	return respond(w, api.status, map[string]any{"error_code": api.code, "message": api.message})
}

func respond(w http.ResponseWriter, status int, body any) bool {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error here is the client's connection, and it knows
	return true
}

// heldAnswer keeps an answer until release.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

func (h *heldAnswer) release(w http.ResponseWriter) {
	for k, v := range h.header {
		w.Header()[k] = v
	}
	w.WriteHeader(h.status)
	_, _ = w.Write(h.body.Bytes())
}
