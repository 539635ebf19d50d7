package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// UnknownServiceError is returned for a name that is none of the runtime's services.
type UnknownServiceError struct {
	Name  string
	Known []string
}

// Error implements error.
func (e *UnknownServiceError) Error() string {
	if nearest, ok := config.Nearest(e.Name, e.Known); ok {
		return fmt.Sprintf("unknown service %q: did you mean %q?", e.Name, nearest)
	}
	return fmt.Sprintf("unknown service %q: known are %s", e.Name, strings.Join(e.Known, ", "))
}

// Choose returns the services to be hit: the wanted ones, or all that run when none is
// named. It refuses what could not come back, or has not.
func Choose(ctx context.Context, runtime *client.Client, instances []client.Instance, wanted, signals []string) ([]string, error) {
	byService := map[string][]client.Instance{}
	var known, running []string
	for _, i := range present(instances) {
		if byService[i.Service] == nil {
			known = append(known, i.Service)
		}
		byService[i.Service] = append(byService[i.Service], i)
		if i.Status != client.StatusStopped && !slices.Contains(running, i.Service) {
			running = append(running, i.Service)
		}
	}
	if len(wanted) == 0 {
		wanted = running
	}
	for _, name := range wanted {
		rows, ok := byService[name]
		if !ok {
			return nil, &UnknownServiceError{name, known}
		}
		if n := slices.IndexFunc(rows, func(i client.Instance) bool { return i.Status != client.StatusReady }); n >= 0 {
			return nil, fmt.Errorf("%s is %s: nothing is hit before all is ready, see `ocis list`", rows[n].Instance, rows[n].Status)
		}
		status, err := runtime.Status(ctx, name)
		if err != nil {
			return nil, err
		}
		if staysDown(plugins.RestartPolicy(status.Restart), signals) {
			return nil, fmt.Errorf("%s would stay down, because its restart policy is %q: name others with --services", name, status.Restart)
		}
	}
	if len(wanted) == 0 {
		return nil, errors.New("no service runs that could be hit: see `ocis list`")
	}
	return wanted, nil
}

// present leaves out the processes that were replaced: no call hits them.
func present(instances []client.Instance) []client.Instance {
	return slices.DeleteFunc(slices.Clone(instances), client.Instance.Replaced)
}

// staysDown tells whether a service with this policy is not started again after one of
// the signals. A child that is asked to end with SIGTERM succeeds.
func staysDown(policy plugins.RestartPolicy, signals []string) bool {
	return policy == plugins.RestartNever || policy == plugins.RestartOnFailure && slices.Contains(signals, "SIGTERM")
}

// Front is the service that people's clients connect to.
type Front struct {
	Service     string
	TLS         bool
	Certificate string // the file with its certificate, in PEM
}

// Wish is what is to be asked.
type Wish struct {
	URL      string // instead of the front's status page; empty: that
	User     string // asks for the user's folder as well; empty: nobody's
	Password string
}

// Check reports what is wrong with the URL. It does not repeat it: there may be a password
// in it.
func (w Wish) Check() error {
	if w.URL == "" {
		return nil
	}
	where, err := url.Parse(w.URL)
	if err != nil || where.Scheme != "http" && where.Scheme != "https" || where.Hostname() == "" || where.User != nil {
		return errors.New("--probe needs a URL like https://localhost:9200/status.php, without credentials in it")
	}
	return nil
}

// What the front is asked.
const (
	statusPage = "/status.php"
	userFolder = "/remote.php/webdav/"
)

// Ask makes the questions of a wish, and asks each once: a run that counts the failures
// of a wrong password finds nothing. Credentials go to the front and to nobody else.
func Ask(ctx context.Context, runtime *client.Client, instances []client.Instance, front Front, wish Wish) ([]Question, error) {
	holders, err := holders(ctx, runtime, instances)
	if err != nil {
		return nil, err
	}
	var questions []Question
	if wish.URL == "" || wish.User != "" {
		base, err := front.url(holders)
		if err != nil {
			return nil, err
		}
		if wish.URL == "" {
			questions = append(questions, front.question(http.MethodGet, base+statusPage, http.StatusOK))
		}
		if wish.User != "" {
			q := front.question("PROPFIND", base+userFolder, http.StatusMultiStatus)
			q.User, q.Password = wish.User, wish.Password
			questions = append(questions, q)
		}
	}
	if wish.URL != "" {
		q, err := front.foreign(ctx, wish.URL, holders)
		if err != nil {
			return nil, err
		}
		questions = append(questions, q)
	}
	prober := newProber(questions)
	for n, q := range questions {
		if r := prober.ask(ctx, n); r.outcome != Answered {
			return nil, fmt.Errorf("the probe %s fails before anything is hit: %s%s", q.URL, r.problem, advice(q))
		}
	}
	return questions, nil
}

func advice(q Question) string {
	if q.User != "" {
		return "; are user and password right?"
	}
	return ""
}

// holders returns which service holds which TCP address.
func holders(ctx context.Context, runtime *client.Client, instances []client.Instance) (map[string]string, error) {
	found := map[string]string{}
	asked := map[string]bool{}
	for _, i := range instances {
		if asked[i.Service] {
			continue
		}
		asked[i.Service] = true
		status, err := runtime.Status(ctx, i.Service)
		if err != nil {
			return nil, err
		}
		for _, socket := range status.Sockets {
			if socket.Network == "tcp" && socket.Held {
				found[socket.Address] = i.Service
			}
		}
	}
	return found, nil
}

// url is where the front is reached: on the address that the runtime holds, which a
// configuration read today may not name.
func (f Front) url(holders map[string]string) (string, error) {
	for address, service := range holders {
		if service != f.Service {
			continue
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return "", fmt.Errorf("the address of %s: %w", f.Service, err)
		}
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
			host = "localhost"
		}
		return f.scheme() + "://" + net.JoinHostPort(host, port), nil
	}
	return "", fmt.Errorf("%s does not listen here: name what to ask with --probe URL", f.Service)
}

func (f Front) scheme() string {
	if f.TLS {
		return "https"
	}
	return "http"
}

func (f Front) question(method, url string, status int) Question {
	q := Question{Method: method, URL: url, Status: status, Service: f.Service}
	if f.TLS {
		q.Certificate = f.Certificate
	}
	return q
}

// foreign makes the question of a URL that somebody named. It must be on this machine.
func (f Front) foreign(ctx context.Context, text string, holders map[string]string) (Question, error) {
	where, err := url.Parse(text)
	if err != nil {
		return Question{}, err
	}
	if err := resolvesHere(ctx, where.Hostname()); err != nil {
		return Question{}, fmt.Errorf("--probe %s is refused: %w", text, err)
	}
	q := Question{Method: http.MethodGet, URL: text}
	port := cmp.Or(where.Port(), map[string]string{"http": "80", "https": "443"}[where.Scheme])
	for address, service := range holders {
		if _, held, err := net.SplitHostPort(address); err == nil && held == port {
			q.Service = service
		}
	}
	if q.Service == f.Service && where.Scheme == "https" {
		q.Certificate = f.Certificate
	}
	return q, nil
}

// resolvesHere returns an error if a name means, also, something that is not this machine.
func resolvesHere(ctx context.Context, host string) error {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return err
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("find the machine's addresses: %w", err)
	}
	for _, address := range addresses {
		if !isHere(address, own) {
			return fmt.Errorf("%s is not an address of this machine", address.Unmap())
		}
	}
	return nil
}
