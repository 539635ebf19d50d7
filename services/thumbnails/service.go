// Package thumbnails is the service that makes previews of pictures.
//
// It decodes what strangers made, so it has nothing worth taking: it gets a picture as a
// stream, with the checksum of its content for a name, and knows neither users nor paths nor
// other services. It runs in a sandbox by default. webdav checks who may see a picture, asks for
// its preview, and repeats the question when a picture has ended the process.
//
// It owns the cache of previews, the verdicts on pictures that cannot be decoded, and the
// limits on what decoding takes. Any number of processes may run, and any may die.
package thumbnails

import (
	"context"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
	"github.com/owncloud/ocis-runtime/services/thumbnails/internal/picture"
)

// Name and Summary describe the service.
const (
	Name    = thumbnailsapi.Service
	Summary = "previews of pictures"
)

// stopGrace lets pictures come to an end that are being decoded.
const stopGrace = 15 * time.Second

// Bounds of an isolated process.
const (
	maxProcesses = 128 // and threads
	maxOpenFiles = 1024
	maxTmpBytes  = 1 << 20 // nothing is written there
)

// Settings are the section "thumbnails" of ocis.yaml.
type Settings struct {
	MaxPixels     int           `yaml:"max_pixels" env:"THUMBNAILS_MAX_PIXELS" default:"50000000" allowed:"1 to 1000000000" desc:"largest picture that a preview is made of"`
	DecodeTimeout time.Duration `yaml:"decode_timeout" env:"THUMBNAILS_DECODE_TIMEOUT" default:"10s" allowed:"a duration from 100ms to 20s" desc:"a picture that takes longer is given up, and the process with it"`
	CacheSize     config.Bytes  `yaml:"cache_size" env:"THUMBNAILS_CACHE_SIZE" default:"1GiB" allowed:"bytes, or like 512MiB; at least 1MiB" desc:"room on disk for previews; the oldest go first"`
}

const (
	maxPixels        = 1_000_000_000
	minDecodeTimeout = 100 * time.Millisecond
	maxDecodeTimeout = 20 * time.Second // twice that is waited for (thumbnailsapi.Client)
	minCacheSize     = 1 << 20
)

// Validate implements the check of config.Source.Fill.
func (s *Settings) Validate() error {
	switch {
	case s.MaxPixels < 1 || s.MaxPixels > maxPixels:
		return &config.Invalid{Key: "max_pixels", Problem: "it is out of range"}
	case s.DecodeTimeout < minDecodeTimeout || s.DecodeTimeout > maxDecodeTimeout:
		return &config.Invalid{Key: "decode_timeout", Problem: "it is out of range"}
	case s.CacheSize < minCacheSize:
		return &config.Invalid{Key: "cache_size", Problem: "it is too small"}
	}
	return nil
}

// New reads the configuration. Nothing is opened before the service runs.
func New(src *config.Source) (plugins.Service, error) { return newService(src, picture.Decode) }

// newService is New with another decoder, for tests.
func newService(src *config.Source, decode decoder) (plugins.Service, error) {
	var settings Settings
	if err := src.Fill(Name, &settings); err != nil {
		return plugins.Service{}, err
	}
	verifier, err := token.NewVerifier(src)
	if err != nil {
		return plugins.Service{}, err
	}
	folder := src.Paths.Data(Name)
	return plugins.Service{
		Declaration: plugins.Declaration{
			Name:         Name,
			Summary:      Summary,
			Sockets:      []plugins.Socket{{Network: "unix", Address: src.Paths.Socket(Name, ""), Protocol: "http"}},
			MemoryWeight: 4,
			StopGrace:    stopGrace,
			Profile: plugins.Profile{
				Isolate:     plugins.IsolationBestEffort,
				Write:       []string{folder},
				Settings:    []string{"token.verifying_key"},
				Environment: []string{"OCIS_TOKEN_VERIFYING_KEY"},
				Limits: plugins.Limits{
					Processes: maxProcesses,
					OpenFiles: maxOpenFiles,
					FileBytes: thumbnailsapi.MaxContent,
					TmpBytes:  maxTmpBytes,
				},
			},
		},
		Run: func(ctx context.Context, child *plugins.Child) error {
			m, err := newMaker(folder, settings, decode, child.Log())
			if err != nil {
				return err
			}
			handler := token.Require(verifier, &handler{maker: m, log: child.Log()})
			return microservice.ServeHTTP(ctx, child, "", microservice.WithHealth(child, verifier, handler))
		},
	}, nil
}
