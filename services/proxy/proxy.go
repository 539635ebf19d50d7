// Package proxy is the service that people's clients talk to: the only one that listens
// on the network.
//
// It owns TLS, who may come in, which service answers, and the limits that keep a client
// from hurting others. It leaves to the services behind what a user may do, and knows
// nothing of their protocols but which methods are safe to repeat.
//
// It does not cache responses, and it does not change them.
package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/accesslog"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/certificate"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/login"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/upstream"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
)

// Name is the service's name.
const Name = "proxy"

// Summary is one line for people.
const Summary = "the only TCP listener: TLS, logins, routing"

const (
	// stall is how long a client may send or take nothing at all before its connection is
	// closed. However slow, a client that keeps moving is served.
	stall = time.Minute
)

// stopGrace lets downloads and uploads that are under way come to an end.
const stopGrace = 30 * time.Second

// ReadSettings reads and checks the section "proxy".
func ReadSettings(src *config.Source) (Settings, error) {
	var settings Settings
	err := src.Fill(Name, &settings)
	return settings, err
}

// New reads the configuration.
func New(src *config.Source) (plugins.Service, error) {
	settings, err := ReadSettings(src)
	if err != nil {
		return plugins.Service{}, err
	}
	signer, err := token.NewSigner(src)
	if err != nil {
		return plugins.Service{}, err
	}
	verifier, err := token.NewVerifier(src)
	if err != nil {
		return plugins.Service{}, err
	}
	s := &service{src: src, settings: settings, signer: signer, verifier: verifier}
	return plugins.Service{
		Declaration: plugins.Declaration{
			Name:         Name,
			Summary:      Summary,
			Needs:        []string{serviceUsers, serviceWebDAV, serviceFrontend, serviceWeb},
			Sockets:      []plugins.Socket{{Network: "tcp", Address: settings.HTTPAddr, Origin: src.Origin(Name, &settings, "http_addr"), Protocol: settings.scheme()}},
			Secrets:      []string{token.SigningVariable},
			Profile:      s.profile(),
			StopGrace:    stopGrace,
			MemoryWeight: 2,
		},
		Run: s.run,
	}, nil
}

// profile is what an isolated proxy has: its certificate, and the key that signs what it
// tells the others of a user.
func (s *service) profile() plugins.Profile {
	profile := microservice.ProfileWithData(s.src.Paths.Data(Name), serviceUsers, serviceWebDAV, serviceFrontend, serviceWeb)
	if s.settings.TLSCert != "" {
		profile.Read = []string{s.settings.TLSCert, s.settings.TLSKey}
	}
	profile.Settings = append(profile.Settings, token.Section+".signing_key")
	return profile
}

type service struct {
	src      *config.Source
	settings Settings
	signer   *token.Signer
	verifier *token.Verifier
}

func (s *service) run(ctx context.Context, child *plugins.Child) error {
	tlsConfig, err := s.tlsConfig(child.Log())
	if err != nil {
		return err
	}
	directory, stopDiscovery, err := microservice.Discover(child, s.src)
	if err != nil {
		return err
	}
	defer stopDiscovery()
	access := accesslog.New(accessOutput(child.Log()), child.Service(), child.Instance())
	defer access.Flush()
	forwarder := upstream.NewForwarder(directory, registry.Patience)
	defer forwarder.Close()

	requests := s.newHandler(directory, forwarder, access, child.Log())
	stopFollowing, err := followAccounts(s.src, child, requests.logins)
	if err != nil {
		return err
	}
	defer stopFollowing()
	handler := microservice.WithHealth(child, s.verifier, requests)
	limits := &connections{most: int64(s.settings.MaxConnections), log: child.Log()}
	return microservice.ServeHTTP(ctx, child, "", handler, func(srv *http.Server) {
		srv.TLSConfig = tlsConfig
		srv.MaxHeaderBytes = readHeader
		srv.ConnState = limits.changed
		srv.ErrorLog = serverLog(child.Log())
		srv.HTTP2 = &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      pingAfter,
			PingTimeout:          pingTimeout,
			WriteByteTimeout:     stall,
		}
	})
}

// Limits of an HTTP/2 connection: requests at the same time, and how long a silent client
// may be gone before it is noticed.
const (
	maxStreams  = 128
	pingAfter   = 30 * time.Second
	pingTimeout = 15 * time.Second
)

func (s *service) newHandler(directory *registry.Directory, forwarder *upstream.Forwarder, access *accesslog.Log, log *logrus.Entry) *handler {
	self := login.NewPassport(s.signer, token.Claims{Service: Name})
	users := usersapi.NewUsersService(serviceUsers, microservice.NewClient(directory))
	return &handler{
		logins:    login.NewAuthenticator(login.AskUsers(users, self), s.signer),
		anonymous: nobody(s.signer),
		forwarder: forwarder,
		access:    access,
		ids:       newRequestIDs(),
		crossSite: http.NewCrossOriginProtection(),
		behind:    !s.settings.TLS,
		stall:     stall,
		log:       log,
	}
}

// nobody returns the passport of public requests. It is not the proxy's own: a service that
// gets it must not be able to ask in the proxy's name.
func nobody(signer *token.Signer) *login.Passport {
	return login.NewPassport(signer, token.Claims{Service: token.Nobody})
}

// accessOutput is where the log goes, unless it is so quiet that requests are left out.
func accessOutput(log *logrus.Entry) io.Writer {
	if !log.Logger.IsLevelEnabled(logrus.InfoLevel) {
		return io.Discard
	}
	return log.Logger.Out
}

// tlsConfig returns nil when plain HTTP is wanted.
func (s *service) tlsConfig(log *logrus.Entry) (*tls.Config, error) {
	if !s.settings.TLS {
		return nil, nil
	}
	pair, err := s.certificate(log)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		// Full records from the start: for small files one instead of four.
		DynamicRecordSizingDisabled: true,
	}, nil
}

func (s *service) certificate(log *logrus.Entry) (tls.Certificate, error) {
	if s.settings.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(s.settings.TLSCert, s.settings.TLSKey)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("load the certificate %s: %w", s.settings.TLSCert, err)
		}
		return pair, nil
	}
	path := s.settings.CertificateFile(s.src.Paths)
	pair, made, err := certificate.Ensure(path, s.settings.hosts(), time.Now())
	if err != nil {
		return tls.Certificate{}, err
	}
	if made {
		log.WithField("file", path).Info("made a self-signed certificate")
	}
	return pair, nil
}
