// The oracle: answers, with the code that runs on nodes, what image references, pull secrets and challenges mean.
//
// One JSON array of questions a line on standard input, one JSON array of answers a line on standard output.
// The kubelet's own packages answer for references and keyrings, containerd's for challenges and token requests.
// docker/distribution 2.8.2 answers for what came before distribution/reference (kubelet up to 1.28) and, with its
// challenge reader, from which containers/image has its own, for CRI-O.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	legacy "github.com/docker/distribution/reference"
	"github.com/docker/distribution/registry/client/auth/challenge"
	"github.com/go-logr/logr"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
	"k8s.io/kubernetes/pkg/util/parsers"
)

type question struct {
	Kind string

	Text []byte // reference

	Secrets      []secret // keyring
	Images       []string
	Repositories []string

	Lines []string // challenges

	Params             map[string]string // token
	Repository         string
	Username, Password string

	Node    specs.Platform // platform
	Entries []specs.Platform
}

type secret struct {
	Name, Type string
	Data       map[string][]byte
}

type parsed struct {
	Error, Domain, Path, Tag, Digest string
	Normalised, Familiar, Repository string
}

type found struct {
	Secret             string
	Username, Password []byte
}

type read struct {
	Scheme string
	Params map[string]string
}

type request struct {
	Method, URL string
	Form        url.Values
	Basic       bool
}

type answer struct {
	Reference, Legacy *parsed

	Error   string // keyring, challenges, token
	Lookups [][]found

	Containerd, Distribution []read
	Anonymous, Credentials   string // which scheme containerd answers

	Requests []request

	Order []int // platform: the entries that fit, best first
}

func main() {
	klog.SetLogger(logr.Discard()) // the keyring reports each key that it ignores
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var questions []question
			if err := json.Unmarshal(line, &questions); err != nil {
				fmt.Fprintln(os.Stderr, "oracle: cannot read the question:", err)
				os.Exit(2)
			}
			answers := make([]answer, len(questions))
			for i, q := range questions {
				answers[i] = ask(q)
			}
			encoder := json.NewEncoder(out)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(answers); err != nil {
				fmt.Fprintln(os.Stderr, "oracle: cannot answer:", err)
				os.Exit(2)
			}
			out.Flush()
		}
		if err != nil {
			return
		}
	}
}

func ask(q question) answer {
	switch q.Kind {
	case "reference":
		return answer{Reference: parse(string(q.Text)), Legacy: parseLegacy(string(q.Text))}
	case "keyring":
		return keyring(q)
	case "challenges":
		return challenges(q)
	case "token":
		return token(q)
	case "platform":
		return platform(q)
	}
	return answer{Error: "oracle: unknown kind " + q.Kind}
}

func parse(text string) *parsed {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return &parsed{Error: err.Error()}
	}
	docker, err := reference.ParseDockerRef(text)
	if err != nil {
		return &parsed{Error: "ParseDockerRef: " + err.Error()}
	}
	repository, _, _, err := parsers.ParseImageName(text)
	if err != nil {
		return &parsed{Error: "ParseImageName: " + err.Error()}
	}
	p := parsed{
		Domain: reference.Domain(named), Path: reference.Path(named), Normalised: docker.String(),
		Familiar: reference.FamiliarString(named), Repository: repository,
	}
	if tagged, ok := named.(reference.Tagged); ok {
		p.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		p.Digest = digested.Digest().String()
	}
	return &p
}

func parseLegacy(text string) *parsed {
	named, err := legacy.ParseNormalizedNamed(text)
	if err != nil {
		return &parsed{Error: err.Error()}
	}
	p := parsed{Domain: legacy.Domain(named), Path: legacy.Path(named)}
	if tagged, ok := named.(legacy.Tagged); ok {
		p.Tag = tagged.Tag()
	}
	if digested, ok := named.(legacy.Digested); ok {
		p.Digest = digested.Digest().String()
	}
	return &p
}

func keyring(q question) answer {
	var objects []v1.Secret
	for _, s := range q.Secrets {
		objects = append(objects, v1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: s.Name}, Type: v1.SecretType(s.Type), Data: s.Data,
		})
	}
	ring, err := secrets.MakeDockerKeyring(objects, credentialprovider.UnionDockerKeyring{})
	if err != nil {
		return answer{Error: err.Error()}
	}
	a := answer{Lookups: [][]found{}}
	for _, image := range q.Images {
		repository, _, _, err := parsers.ParseImageName(image)
		if err != nil {
			a.Lookups = append(a.Lookups, []found{})
			continue
		}
		a.Lookups = append(a.Lookups, lookup(ring, repository))
	}
	for _, repository := range q.Repositories {
		a.Lookups = append(a.Lookups, lookup(ring, repository))
	}
	return a
}

func lookup(ring credentialprovider.DockerKeyring, repository string) []found {
	all := []found{}
	credentials, _ := ring.Lookup(repository)
	for _, c := range credentials {
		f := found{Username: []byte(c.Username), Password: []byte(c.Password)}
		if c.Source != nil && c.Source.Secret != nil {
			f.Secret = c.Source.Secret.Name
		}
		all = append(all, f)
	}
	return all
}

func challenges(q question) answer {
	header := http.Header{"Www-Authenticate": q.Lines}
	a := answer{Containerd: []read{}, Distribution: []read{}}
	names := map[auth.AuthenticationScheme]string{
		auth.BasicAuth: "basic", auth.DigestAuth: "digest", auth.BearerAuth: "bearer",
	}
	for _, c := range auth.ParseAuthHeader(header) {
		a.Containerd = append(a.Containerd, read{names[c.Scheme], c.Parameters})
	}
	response := &http.Response{StatusCode: http.StatusUnauthorized, Header: header}
	for _, c := range challenge.ResponseChallenges(response) {
		a.Distribution = append(a.Distribution, read{c.Scheme, c.Parameters})
	}
	a.Anonymous = answered(header, "", "")
	a.Credentials = answered(header, "user", "password")
	return a
}

// answered says with which scheme containerd would go on, or the error it stops with.
func answered(header http.Header, username, password string) string {
	tokens := &recorder{}
	authorizer := docker.NewDockerAuthorizer(
		docker.WithAuthClient(&http.Client{Transport: tokens}),
		docker.WithAuthCreds(func(string) (string, string, error) { return username, password, nil }),
	)
	first, _ := http.NewRequest(http.MethodHead, "https://registry.example/v2/a/manifests/b", nil)
	response := &http.Response{StatusCode: http.StatusUnauthorized, Header: header, Request: first}
	if err := authorizer.AddResponses(context.Background(), []*http.Response{response}); err != nil {
		return "error: " + err.Error()
	}
	second, _ := http.NewRequest(http.MethodHead, "https://registry.example/v2/a/manifests/b", nil)
	if err := authorizer.Authorize(context.Background(), second); err != nil {
		return "bearer" // only a token can fail here
	}
	scheme, _, _ := strings.Cut(second.Header.Get("Authorization"), " ")
	return strings.ToLower(scheme)
}

func token(q question) answer {
	tokens := &recorder{}
	authorizer := docker.NewDockerAuthorizer(
		docker.WithAuthClient(&http.Client{Transport: tokens}),
		docker.WithAuthCreds(func(string) (string, string, error) { return q.Username, q.Password, nil }),
	)
	var parameters []string
	for name, value := range q.Params {
		escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
		parameters = append(parameters, name+`="`+escaped+`"`)
	}
	header := http.Header{"Www-Authenticate": {"Bearer " + strings.Join(parameters, ",")}}
	first, _ := http.NewRequest(http.MethodHead, "https://registry.example/v2/a/manifests/b", nil)
	response := &http.Response{StatusCode: http.StatusUnauthorized, Header: header, Request: first}
	if err := authorizer.AddResponses(context.Background(), []*http.Response{response}); err != nil {
		return answer{Error: err.Error()}
	}
	second, _ := http.NewRequest(http.MethodHead, "https://registry.example/v2/a/manifests/b", nil)
	ctx := docker.WithScope(context.Background(), "repository:"+q.Repository+":pull")
	err := authorizer.Authorize(ctx, second)
	a := answer{Requests: tokens.seen}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// platform orders the entries of an index as containerd does on the node.
func platform(q question) answer {
	comparer := platforms.Only(q.Node)
	if q.Node.OS == "windows" {
		comparer = platforms.Ordered(q.Node)
	}
	order := []int{}
	for i, entry := range q.Entries {
		if comparer.Match(entry) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(i, j int) bool {
		a, b := q.Entries[order[i]], q.Entries[order[j]]
		if q.Node.OS == "windows" { // defaults_windows.go, which only builds there
			return a.OSVersion > b.OSVersion
		}
		return comparer.Less(a, b)
	})
	return answer{Order: order}
}

// recorder stands in for the token server: it takes no POST, so that the GET after it is seen as well.
type recorder struct{ seen []request }

func (r *recorder) RoundTrip(asked *http.Request) (*http.Response, error) {
	_, _, basic := asked.BasicAuth()
	seen := request{Method: asked.Method, URL: asked.URL.String(), Basic: basic}
	status, body := http.StatusOK, `{"token":"t"}`
	if asked.Method == http.MethodPost {
		raw, err := io.ReadAll(asked.Body)
		if err != nil {
			return nil, err
		}
		if seen.Form, err = url.ParseQuery(string(raw)); err != nil {
			return nil, err
		}
		status, body = http.StatusNotFound, "{}"
	}
	r.seen = append(r.seen, seen)
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{}, Request: asked,
	}, nil
}
