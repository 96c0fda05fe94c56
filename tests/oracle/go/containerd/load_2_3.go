package main

import (
	"context"
	"iter"
	"slices"

	"github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/version"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"

	_ "github.com/containerd/containerd/v2/plugins/cri/images"
)

const defaultVersion = version.ConfigVersion

// load reads the file as `containerd` does from 2.3 on (cmd/containerd/command/main.go): each file is migrated, then merged.
func load(ctx context.Context, path string) (*config.Config, error) {
	out := &config.Config{Version: version.ConfigVersion}
	graph := registry.Graph(func(*plugin.Registration) bool { return false })
	plugins := func() iter.Seq[plugin.Registration] { return slices.Values(graph) }
	return out, config.LoadConfigWithPlugins(ctx, path, plugins, out)
}
