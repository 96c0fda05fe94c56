// The containerd oracle: which places containerd's CRI plugin asks for an image, on a node with these files.
//
// Built inside a copy of containerd's own module, since the code that decides is internal to it; its files are unchanged.
// One JSON array of questions a line on standard input, one JSON array of answers a line on standard output. The program
// makes an empty folder its root, so that the absolute paths of a configuration mean what they mean on a node: it needs root.
package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"

	"github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	hosts "github.com/containerd/containerd/v2/core/remotes/docker/config"
	criconfig "github.com/containerd/containerd/v2/internal/cri/config"
	"github.com/containerd/containerd/v2/internal/cri/server/images"
	"github.com/containerd/log"
)

type question struct {
	Files  map[string]string // path on the node -> content
	Dirs   []string
	Config string // the file that containerd is started with, "" for /etc/containerd/config.toml
	Host   string // the registry in the reference, e.g. docker.io
}

type endpoint struct {
	URL        string
	SkipVerify bool
	OwnTrust   bool // authorities beside the system's
	Clients    int  // certificates it can show
	Fallback   bool // plain HTTP where the port speaks no TLS
	Resolve    bool
	Pull       bool
	Headers    []string
}

type answer struct {
	Dead      string // why containerd or its CRI plugin does not start
	Mode      string // transfer or local
	Error     string // why no endpoint of this registry can be asked
	Endpoints []endpoint
}

func main() {
	log.SetLevel("panic")
	root, err := os.MkdirTemp("", "containerd-oracle-")
	if err != nil {
		panic(err)
	}
	outside, err := os.Open("/")
	if err != nil {
		panic(err)
	}
	if err := syscall.Chroot(root); err != nil {
		fmt.Fprintln(os.Stderr, "the containerd oracle needs root:", err)
		os.Exit(2)
	}
	os.Chdir("/")
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			outside.Chdir()
			syscall.Chroot(".")
			os.RemoveAll(root)
			return
		}
		var questions []question
		if err := json.Unmarshal(line, &questions); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		answers := make([]answer, len(questions))
		for i, q := range questions {
			answers[i] = reply(q)
		}
		data, _ := json.Marshal(answers)
		out.Write(append(data, '\n'))
		out.Flush()
	}
}

func reply(q question) (given answer) {
	// some releases end in a panic on odd files, which is one way of not starting
	defer func() {
		if trouble := recover(); trouble != nil {
			given = answer{Dead: fmt.Sprint("panic: ", trouble)}
		}
	}()
	entries, _ := os.ReadDir("/")
	for _, entry := range entries {
		os.RemoveAll("/" + entry.Name())
	}
	for _, path := range q.Dirs {
		os.MkdirAll("/"+path, 0o755)
	}
	for path, content := range q.Files {
		os.MkdirAll(filepath.Dir("/"+path), 0o755)
		os.WriteFile("/"+path, []byte(content), 0o644)
	}
	ctx := context.Background()
	file := q.Config
	if file == "" {
		file = "/etc/containerd/config.toml"
	}
	loaded := &config.Config{Version: defaultVersion}
	if _, err := os.Stat(file); !os.IsNotExist(err) || q.Config != "" {
		if loaded, err = load(ctx, file); err != nil {
			return answer{Dead: err.Error()}
		}
	}
	settings := criconfig.DefaultImageConfig()
	if _, err := loaded.Decode(ctx, "io.containerd.cri.v1.images", &settings); err != nil {
		return answer{Dead: err.Error()}
	}
	// plugins/cri/images/plugin.go, InitFn
	if settings.Registry.ConfigPath == "" && len(settings.Registry.Mirrors) == 0 {
		settings.Registry.ConfigPath = "/etc/containerd/certs.d:/etc/docker/certs.d"
	}
	if _, err := criconfig.ValidateImageConfig(ctx, &settings); err != nil {
		return answer{Dead: err.Error()}
	}
	if !settings.UseLocalImagePull {
		criconfig.CheckLocalImagePullConfigs(ctx, &settings)
	}
	var found docker.RegistryHosts
	given = answer{Mode: "local"}
	if settings.UseLocalImagePull {
		found = images.OracleHosts(ctx, settings)
	} else {
		// core/transfer/registry/registry.go, NewOCIRegistry
		given.Mode = "transfer"
		options := hosts.HostOptions{}
		if settings.Registry.ConfigPath != "" {
			options.HostDir = hosts.HostDirFromRoot(settings.Registry.ConfigPath)
		}
		found = hosts.ConfigureHosts(ctx, options)
	}
	list, err := found(q.Host)
	if err != nil {
		given.Error = err.Error()
		return given
	}
	for _, host := range list {
		given.Endpoints = append(given.Endpoints, told(host))
	}
	return given
}

func told(host docker.RegistryHost) endpoint {
	one := endpoint{
		URL:     host.Scheme + "://" + host.Host + host.Path,
		Resolve: host.Capabilities.Has(docker.HostCapabilityResolve),
		Pull:    host.Capabilities.Has(docker.HostCapabilityPull),
	}
	for name := range host.Header {
		one.Headers = append(one.Headers, strings.ToLower(name))
	}
	transport := host.Client.Transport
	if plain, ok := transport.(*http.Transport); ok {
		one.trust(plain)
		return one
	}
	one.Fallback = true
	inner := reflect.ValueOf(transport).Elem().FieldByName("super")
	if inner.IsValid() && !inner.IsNil() {
		pointer := inner.Elem()
		if pointer.Type() == reflect.TypeOf(&http.Transport{}) {
			one.trust((*http.Transport)(pointer.UnsafePointer()))
		}
	}
	return one
}

func (e *endpoint) trust(transport *http.Transport) {
	if settings := transport.TLSClientConfig; settings != nil {
		e.SkipVerify = settings.InsecureSkipVerify
		system, err := x509.SystemCertPool()
		e.OwnTrust = settings.RootCAs != nil && (err != nil || !settings.RootCAs.Equal(system))
		e.Clients = len(settings.Certificates)
	}
}
