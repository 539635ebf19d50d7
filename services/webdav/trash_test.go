package webdav

import (
	"context"
	"encoding/xml"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

const bin = "/remote.php/dav/trash-bin/alice"

// fakeTrash is a storage with a trash, which it lists two at a time.
type fakeTrash struct {
	*fakeStorage
	items    []*storageapi.TrashItem // newest first
	restored *storageapi.RestoreTrashRequest
	purged   *storageapi.PurgeTrashRequest
	lost     int // so many pages after the first are lost on their way
}

func (f *fakeTrash) ListTrash(_ context.Context, in *storageapi.ListTrashRequest, _ ...client.CallOption) (*storageapi.ListTrashResponse, error) {
	if err := f.arrives(); err != nil {
		return nil, err
	}
	if in.After != "" && f.lost > 0 {
		f.lost--
		return nil, microerrors.New("go.micro.client", "connection lost", 503)
	}
	response, after := &storageapi.ListTrashResponse{}, in.After != ""
	for _, item := range f.items {
		switch {
		case in.Id == item.Id:
			response.Items = []*storageapi.TrashItem{item}
			return response, nil
		case in.Id != "":
		case after:
			after = item.Id != in.After
		case len(response.Items) == 2:
			response.More = true
		default:
			response.Items = append(response.Items, item)
		}
	}
	if in.Id != "" {
		return nil, refusal(http.StatusNotFound)
	}
	return response, nil
}

func (f *fakeTrash) RestoreTrash(ctx context.Context, in *storageapi.RestoreTrashRequest, _ ...client.CallOption) (*storageapi.WriteResponse, error) {
	f.restored = in
	return f.write(ctx, in.Destination)
}

func (f *fakeTrash) PurgeTrash(ctx context.Context, in *storageapi.PurgeTrashRequest, _ ...client.CallOption) (*storageapi.PurgeTrashResponse, error) {
	f.purged = in
	_, err := f.write(ctx, "")
	return &storageapi.PurgeTrashResponse{}, err
}

func aliceTrash() *fakeTrash {
	item := func(id, path string, kind storageapi.Type) *storageapi.TrashItem {
		return &storageapi.TrashItem{Id: id, OriginalPath: path, DeletedUnix: 1_700_000_000, Entry: &storageapi.Entry{Id: "file" + id, Path: path, Type: kind, Size: 5, Etag: "e" + id}}
	}
	return &fakeTrash{fakeStorage: aliceFiles(), items: []*storageapi.TrashItem{
		item("9", "/docs/a & b.txt", storageapi.Type_TYPE_FILE),
		item("7", "/docs", storageapi.Type_TYPE_DIRECTORY),
		item("3", "/old.png", storageapi.Type_TYPE_FILE),
	}}
}

func (f *fakeTrash) do(t *testing.T, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(method, "http://cloud.example.org"+target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	log, _ := test.NewNullLogger()
	recorder := httptest.NewRecorder()
	h := &handler{storage: f, patience: 100 * time.Millisecond, log: logrus.NewEntry(log)}
	h.ServeHTTP(recorder, request.WithContext(token.NewContext(request.Context(), alice)))
	return recorder
}

// trashListing is what a client reads from an answer.
type trashListing struct {
	Responses []struct {
		Href      string `xml:"DAV: href"`
		Propstats []struct {
			Status string `xml:"DAV: status"`
			Prop   struct {
				Filename   string    `xml:"http://owncloud.org/ns trashbin-original-filename"`
				Location   string    `xml:"http://owncloud.org/ns trashbin-original-location"`
				Timestamp  string    `xml:"http://owncloud.org/ns trashbin-delete-timestamp"`
				Datetime   string    `xml:"http://owncloud.org/ns trashbin-delete-datetime"`
				Size       string    `xml:"DAV: getcontentlength"`
				Collection *struct{} `xml:"DAV: resourcetype>collection"`
			} `xml:"DAV: prop"`
		} `xml:"DAV: propstat"`
	} `xml:"DAV: response"`
}

// lines writes a listing as text: address, whether it is a folder, and the values.
func (l trashListing) lines() string {
	var out strings.Builder
	for _, r := range l.Responses {
		p := r.Propstats[0].Prop
		fmt.Fprintln(&out, r.Href, p.Collection != nil, p.Filename, p.Location, p.Timestamp, p.Datetime, p.Size)
	}
	return out.String()
}

const askTrash = `<oc:trashbin-original-filename xmlns:oc="http://owncloud.org/ns"/><oc:trashbin-original-location xmlns:oc="http://owncloud.org/ns"/>` +
	`<oc:trashbin-delete-timestamp xmlns:oc="http://owncloud.org/ns"/><oc:trashbin-delete-datetime xmlns:oc="http://owncloud.org/ns"/>` +
	`<D:getcontentlength/><D:resourcetype/>`

func TestTheTrashIsListedAsOwnCloudClientsReadIt(t *testing.T) {
	const (
		folder = bin + "/ true     \n"
		first  = bin + "/9 false a & b.txt docs/a & b.txt 1700000000 Tue, 14 Nov 2023 22:13:20 GMT 5\n"
		second = bin + "/7/ true docs docs 1700000000 Tue, 14 Nov 2023 22:13:20 GMT \n"
		third  = bin + "/3 false old.png old.png 1700000000 Tue, 14 Nov 2023 22:13:20 GMT 5\n"
	)
	for name, test := range map[string]struct {
		target, depth, body, want string
	}{
		"all":           {bin + "/", "1", prop(askTrash), folder + first + second + third},
		"no depth":      {bin, "", prop(askTrash), folder + first + second + third},
		"everything":    {bin + "/", "1", "", folder + first + second + third},
		"only itself":   {bin + "/", "0", prop(askTrash), folder},
		"one":           {bin + "/9", "0", prop(askTrash), first},
		"one folder":    {bin + "/7/", "1", prop(askTrash), second},
		"another root":  {"/dav/trash-bin/Alice/3", "0", prop(askTrash), strings.Replace(third, bin, "/dav/trash-bin/Alice", 1)},
		"nothing known": {bin + "/9", "0", prop(`<x:unheard-of/>`), bin + "/9 false     \n"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := aliceTrash().do(t, "PROPFIND", test.target, test.body, "Depth", test.depth)
			var listing trashListing
			if err := xml.Unmarshal(answer.Body.Bytes(), &listing); err != nil || answer.Code != http.StatusMultiStatus {
				t.Fatalf("%d %v %s", answer.Code, err, answer.Body)
			}
			if got := listing.lines(); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

func TestAListingOfTheTrashGoesOnAfterStorageWasReplacedAndIsCutOffWhenItCannot(t *testing.T) {
	trash := aliceTrash()
	trash.lost = 2
	if answer := trash.do(t, "PROPFIND", bin+"/", "", "Depth", "1"); !strings.Contains(answer.Body.String(), "old.png") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	defer func() {
		if cut := recover(); cut != http.ErrAbortHandler {
			t.Errorf("got %v", cut)
		}
	}()
	trash.lost = math.MaxInt
	answer := trash.do(t, "PROPFIND", bin+"/", "", "Depth", "1")
	t.Errorf("half an answer looks whole: %d %s", answer.Code, answer.Body)
}

func TestWhatIsNotInTheTrashHasNoneOfItsProperties(t *testing.T) {
	answer := do(t, aliceFiles(), "PROPFIND", home+"/f.txt", prop(askTrash), "Depth", "0")
	if body := answer.Body.String(); !strings.Contains(body, "<oc:trashbin-original-filename></oc:trashbin-original-filename>") || !strings.Contains(body, "404 Not Found") {
		t.Errorf("got %s", body)
	}
}

func TestTheTrashAnswersWithTheStatusOfRFC4918(t *testing.T) {
	to := func(path string, more ...string) []string {
		return append([]string{"Destination", "http://cloud.example.org/remote.php/dav/files/alice" + path}, more...)
	}
	for name, test := range map[string]struct {
		method, target string
		header         []string
		refuse         error
		want           int
	}{
		"restore":                        {"MOVE", bin + "/9", to("/new"), nil, 201},
		"restore over a file":            {"MOVE", bin + "/9", to("/f.txt"), nil, 204},
		"restore where something is":     {"MOVE", bin + "/9", to("/f.txt", "Overwrite", "F"), refusal(412), 412},
		"restore where no parent is":     {"MOVE", bin + "/9", to("/none/f"), refusal(409), 409},
		"restore nowhere":                {"MOVE", bin + "/9", nil, nil, 400},
		"restore to another user":        {"MOVE", bin + "/9", []string{"Destination", "/dav/files/bob/f"}, nil, 404},
		"restore to another server":      {"MOVE", bin + "/9", []string{"Destination", "http://elsewhere.example.org/remote.php/webdav/f"}, nil, 502},
		"restore into the trash":         {"MOVE", bin + "/9", []string{"Destination", bin + "/10"}, nil, 404},
		"move the trash":                 {"MOVE", bin + "/", to("/new"), nil, 403},
		"purge one":                      {"DELETE", bin + "/9", nil, nil, 204},
		"purge nothing":                  {"DELETE", bin + "/10", nil, refusal(404), 404},
		"purge all":                      {"DELETE", bin, nil, nil, 204},
		"list something that is gone":    {"PROPFIND", bin + "/10", nil, nil, 404},
		"list to a strange depth":        {"PROPFIND", bin + "/", []string{"Depth", "2"}, nil, 400},
		"what can be done":               {"OPTIONS", bin + "/", nil, nil, 200},
		"read":                           {"GET", bin + "/9", nil, nil, 405},
		"write":                          {"PUT", bin + "/9", nil, nil, 405},
		"make a folder":                  {"MKCOL", bin + "/new", nil, nil, 405},
		"inside of a folder":             {"PROPFIND", bin + "/7/a", nil, nil, 404},
		"another user's":                 {"PROPFIND", "/remote.php/dav/trash-bin/bob/", nil, nil, 404},
		"all of them":                    {"PROPFIND", "/remote.php/dav/trash-bin/", []string{"Depth", "1"}, nil, 207},
		"a name that begins the same":    {"PROPFIND", "/remote.php/dav/trash-bins/alice/", nil, nil, 404},
		"a storage that is being killed": {"DELETE", bin + "/9", nil, refusal(503), 503},
	} {
		t.Run(name, func(t *testing.T) {
			trash := aliceTrash()
			trash.refuse = test.refuse
			answer := trash.do(t, test.method, test.target, "", test.header...)
			if answer.Code != test.want {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
			// Result has the header as it was sent.
			if allow := answer.Result().Header.Get("Allow"); (test.want == 405 || test.method == "OPTIONS") && allow != trashAllowed {
				t.Errorf("Allow: %s", allow)
			}
		})
	}
}

func TestRestoringCarriesEverythingToStorage(t *testing.T) {
	trash := aliceTrash()
	answer := trash.do(t, "MOVE", bin+"/9", "",
		"Destination", "/remote.php/dav/files/alice/d/a%20b", "Overwrite", "F", "If", "</remote.php/dav/files/alice/d> (<urn:uuid:7>)")
	is := trash.restored
	if is.GetId() != "9" || is.GetDestination() != "/d/a b" || is.GetOverwrite() || len(is.GetConditions().GetLockTokens()) != 1 || is.GetConditions().GetIfLists()[0].GetPath() != "/d" {
		t.Errorf("storage got %v", is)
	}
	if answer.Header().Get("OC-FileId") != "new" || answer.Header().Get("ETag") == "" {
		t.Errorf("the answer's headers are %v", answer.Header())
	}
	trash.do(t, "DELETE", bin+"/9/", "")
	if trash.purged.GetId() != "9" {
		t.Errorf("storage purged %v", trash.purged)
	}
	trash.do(t, "DELETE", bin+"/", "")
	if trash.purged.GetId() != "" {
		t.Errorf("storage purged %v", trash.purged)
	}
}

func TestPurgingMayTakeLong(t *testing.T) {
	storage := aliceTrash()
	if answer := storage.do(t, "DELETE", bin+"/", ""); answer.Code != http.StatusNoContent || storage.patience <= callTimeout {
		t.Errorf("%d, and storage got %s", answer.Code, storage.patience)
	}
}
