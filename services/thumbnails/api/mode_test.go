package thumbnailsapi

import (
	"net/url"
	"strings"
	"testing"
)

func TestTheParametersOfClients(t *testing.T) {
	for query, want := range map[string]Mode{
		"preview=1":           {Width: 32, Height: 32},
		"preview=1&x=64&y=48": {Width: 64, Height: 48},
		"preview=1&x=64":      {Width: 64, Height: 32},
		"x=36&y=36&forceIcon=0&preview=1&c=5d41402abc4b2a": {Width: 36, Height: 36}, // ownCloud 10
		"a=1&c=39&preview=1&scalingup=0&x=1280&y=1280":     {Width: 1280, Height: 1280},
		"a=0&x=64&y=64":                 {Width: 64, Height: 64, Crop: true},
		"x=64&y=64&processor=thumbnail": {Width: 64, Height: 64, Crop: true},
		"x=64&y=64&processor=fill&a=1":  {Width: 64, Height: 64, Crop: true},
		"x=64&y=64&processor=fit&a=0":   {Width: 64, Height: 64},
		"x=64&y=64&processor=sepia":     {Width: 64, Height: 64},
		"scalingup=1":                   {Width: 32, Height: 32, Enlarge: true},
		"x=4000&y=2000":                 {Width: 1920, Height: 960},
		"x=2147483647&y=1":              {Width: 1920, Height: 1},
	} {
		parsed, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseMode(parsed)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", query, got, err)
		}
	}
}

func TestASizeThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"0", "-1", "0.5", "true", "A", "/", "99999999999", "1e3", " 1"} {
		for key, name := range map[string]string{"x": "width", "y": "height"} {
			if _, err := ParseMode(url.Values{key: {text}}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: %v", key, text, err)
			}
		}
	}
}

func TestModesAreWrittenAndNamedDifferently(t *testing.T) {
	names := map[string]bool{}
	for _, mode := range []Mode{
		{1, 1, false, false}, {11, 1, false, false}, {1, 11, false, false},
		{1, 1, true, false}, {1, 1, false, true}, {1920, 1920, true, true},
	} {
		query, err := url.ParseQuery(mode.Query())
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseMode(query); err != nil || again != mode || names[mode.String()] {
			t.Errorf("%+v is written as %s and named %s: %+v, %v", mode, mode.Query(), mode, again, err)
		}
		names[mode.String()] = true
	}
}

func FuzzParametersAreWithinBoundsOrRefused(f *testing.F) {
	f.Add("preview=1&x=64&y=48&a=0&scalingup=1&processor=fit")
	f.Add("x=-1&y=99999999999999999999")
	f.Fuzz(func(t *testing.T, query string) {
		values, _ := url.ParseQuery(query)
		mode, err := ParseMode(values)
		if err != nil {
			return
		}
		if mode.Width < 1 || mode.Height < 1 || mode.Width > MaxSide || mode.Height > MaxSide {
			t.Errorf("%+v", mode)
		}
		values, err = url.ParseQuery(mode.Query())
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseMode(values); err != nil || again != mode {
			t.Errorf("%+v, and then %+v, %v", mode, again, err)
		}
	})
}
