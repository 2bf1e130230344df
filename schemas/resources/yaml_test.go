package resources_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas/resources"
)

// TestYAMLIsTheSame holds that what people are shown to change is what is declared.
func TestYAMLIsTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := resources.Load(file, data)
		if err != nil {
			continue // a file of what is wrong
		}
		for _, r := range rs {
			text, err := resources.MarshalYAML(r)
			if err != nil {
				t.Fatal(err)
			}
			again, err := resources.Load("again", text)
			if err != nil {
				t.Errorf("%s: %v in\n%s", r.ID(), err, text)
				continue
			}
			want, err := resources.MarshalCanonical(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := resources.MarshalCanonical(again[0])
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("%s: %s", r.ID(), d)
			}
		}
	}
}
