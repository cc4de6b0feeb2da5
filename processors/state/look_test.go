package state

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func lookAt(t *testing.T, root string, at int) (*Store, error) {
	t.Helper()
	found, err := List(root)
	if err != nil || len(found) <= at {
		t.Fatalf("found %v, %v", found, err)
	}
	return Look(found[at], slog.New(slog.DiscardHandler))
}

// Who looks sees what is there, is told of what is in use, and changes nothing, not even what is damaged.
func TestLookChangesNothing(t *testing.T) {
	d := newDisk(t, filepath.Join(t.TempDir(), "odd [name]*"))
	s := open(t, d, someID)
	apply(t, s, 5, "a", "1")
	if _, err := lookAt(t, d.root, 0); !errors.Is(err, ErrLocked) {
		t.Errorf("a store in use gave %v", err)
	}
	if err := errors.Join(s.Flush(), s.Close()); err != nil {
		t.Fatal(err)
	}
	before := files(t, s.dir)
	seen, err := lookAt(t, d.root, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(t, seen, ""); !slices.Equal(got, []string{"a=1"}) {
		t.Errorf("saw %q", got)
	}
	if c, ok, err := seen.Checkpoint(); err != nil || !ok || c.Next != 5 {
		t.Errorf("saw checkpoint %+v, %v, %v", c, ok, err)
	}
	if err := seen.Apply(changes("b", "2"), Checkpoint{}); err == nil {
		t.Error("who looks could write")
	}
	if err := seen.Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, s.dir, "*.sst")
	if _, err := lookAt(t, d.root, 0); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged store gave %v", err)
	}
	if after := files(t, s.dir); !slices.Equal(before, after) {
		t.Errorf("files were %q and are %q", before, after)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestListFindsStoresAndWhatIsSetAside(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"app/loads/inbox/10", "app/loads/inbox/9", "app/loads/inbox/9.aside-1", "app/loads/inbox/lost+found", "app/loads/x"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	found, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		aside := ""
		if f.Aside {
			aside = " aside"
		}
		got = append(got, f.ID.String()+aside)
	}
	if want := []string{"app/loads/inbox/9", "app/loads/inbox/9 aside", "app/loads/inbox/10"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if _, err := lookAt(t, root, 0); !errors.Is(err, ErrNoState) {
		t.Errorf("an empty directory gave %v", err)
	}
	if _, err := List(filepath.Join(root, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no root gave %v", err)
	}
}

// A store that was moved to another's place is not shown as that one's.
func TestLookTellsWhoseStateItIs(t *testing.T) {
	d := newDisk(t, t.TempDir())
	s := open(t, d, someID)
	apply(t, s, 5, "a", "1")
	if err := errors.Join(s.Flush(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.dir, filepath.Join(filepath.Dir(s.dir), "4")); err != nil {
		t.Fatal(err)
	}
	if _, err := lookAt(t, d.root, 0); err == nil {
		t.Error("taken for partition 4's")
	}
}
