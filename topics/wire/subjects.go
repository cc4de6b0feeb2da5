package wire

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/sr"

	"waybill/avro"
	"waybill/topics"
)

// Subject is a registry subject and the record type whose schema it holds.
type Subject struct {
	Name   string
	Record string
}

// Subjects lists the subjects of topics, in their order.
func Subjects(of ...topics.Topic) []Subject {
	var subjects []Subject
	for _, t := range of {
		for _, record := range t.Records {
			s := Subject{topics.Subject(t.Name, record), record}
			if !slices.Contains(subjects, s) {
				subjects = append(subjects, s)
			}
		}
	}
	return subjects
}

// State is how a schema of ours stands to its subject.
type State string

// The states.
const (
	StateRegistered State = "registered" // the registry has it as it is
	StateChanged    State = "changed"    // it is new, and compatible with all before it
	StateNew        State = "new"        // the subject has no version yet
	StateBreaks     State = "breaks"     // it must not be registered; Faults says why
)

// Finding is what was found out about one subject.
type Finding struct {
	Subject
	State    State
	ID       int // of the schema, where registered
	Versions int // how many the subject has
	Faults   []error
}

// CheckAll holds our schemas against those in the registry (see Check). An error means that the registry did not answer;
// schemas that break are findings.
func CheckAll(ctx context.Context, client *sr.Client, subjects []Subject) ([]Finding, error) {
	findings := make([]Finding, 0, len(subjects))
	for _, s := range subjects {
		f, err := check(ctx, client, s)
		if err != nil {
			return nil, fmt.Errorf("check subject %s: %w", s.Name, err)
		}
		findings = append(findings, f)
	}
	return findings, nil
}

func check(ctx context.Context, client *sr.Client, s Subject) (Finding, error) {
	f := Finding{Subject: s, State: StateNew}
	text, err := schemaOf(s)
	if err != nil {
		return f, err
	}
	versions, err := client.Schemas(ctx, s.Name)
	if err != nil && !isNotFound(err) {
		return f, classified(err)
	}
	var old []string
	for _, v := range versions {
		old = append(old, v.Schema.Schema)
	}
	f.Versions = len(old)
	if len(old) > 0 {
		f.State = StateChanged
	}
	if f.Faults = Check(old, text); len(f.Faults) > 0 {
		f.State = StateBreaks
		return f, nil
	}
	return f, f.lookUp(ctx, client, text)
}

// lookUp asks the registry itself whether it has the schema: it knows best which texts are equal.
func (f *Finding) lookUp(ctx context.Context, client *sr.Client, text string) error {
	if f.State == StateNew {
		return nil
	}
	found, err := client.LookupSchema(ctx, f.Name, sr.Schema{Schema: text})
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return classified(err)
	}
	f.State, f.ID = StateRegistered, found.ID
	return nil
}

// BreaksError lists schemas that must not be registered.
type BreaksError struct{ Findings []Finding }

func (e *BreaksError) Error() string {
	text := fmt.Sprintf("%d schemas break what was registered before; nothing was registered", len(e.Findings))
	for _, f := range e.Findings {
		for _, fault := range f.Faults {
			text += fmt.Sprintf("\n%s: %v", f.Name, fault)
		}
	}
	return text
}

// RegisterAll checks all subjects and, if none breaks, registers what is new or changed, and sets each subject's level to
// FULL_TRANSITIVE, so that the registry holds others to the same. It returns the findings as they are afterwards.
func RegisterAll(ctx context.Context, client *sr.Client, subjects []Subject) ([]Finding, error) {
	findings, err := CheckAll(ctx, client, subjects)
	if err != nil {
		return nil, err
	}
	if broken := slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.State != StateBreaks }); len(broken) > 0 {
		return findings, &BreaksError{broken}
	}
	for i := range findings {
		if err := findings[i].register(ctx, client); err != nil {
			return findings, fmt.Errorf("register subject %s: %w", findings[i].Name, err)
		}
	}
	return findings, nil
}

func (f *Finding) register(ctx context.Context, client *sr.Client) error {
	if f.State == StateRegistered {
		return nil
	}
	text, err := schemaOf(f.Subject)
	if err != nil {
		return err
	}
	made, err := client.CreateSchema(ctx, f.Name, sr.Schema{Schema: text})
	if err != nil {
		return classified(err)
	}
	f.State, f.ID, f.Versions = StateRegistered, made.ID, f.Versions+1
	for _, r := range client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFullTransitive}, f.Name) {
		if r.Err != nil {
			return classified(fmt.Errorf("set compatibility FULL_TRANSITIVE: %w", r.Err))
		}
	}
	return nil
}

func schemaOf(s Subject) (string, error) {
	r, ok := avro.New(s.Record)
	if !ok {
		return "", fmt.Errorf("there is no record type %s", s.Record)
	}
	return r.AvroSchema(), nil
}
