package main

import (
	"context"
	"io"
	"os"

	"github.com/navidrome/navidrome/plugins/api"
	"github.com/tetratelabs/wazero"
	wazeroapi "github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// plugin is one module in a runtime of its own, as Navidrome keeps it: compiled once, instantiated at will.
type plugin struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
	cache   wazero.CompilationCache
	agents  *api.MetadataAgentPlugin
}

// agent is a started instance.
type agent interface {
	api.MetadataAgent
	Close(context.Context) error
}

// newPlugin makes a runtime with the host services in it, and nothing compiled yet. Each has a cache object of its
// own: one that is shared would keep compiled code in memory, and a load would find it there and not on disk.
func newPlugin(ctx context.Context, cacheFolder string, own settings) (*plugin, error) {
	made := &plugin{cache: wazero.NewCompilationCache()}
	if cacheFolder != "" {
		onDisk, err := wazero.NewCompilationCacheWithDir(cacheFolder)
		if err != nil {
			return nil, err
		}
		made.cache = onDisk
	}
	made.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(made.cache))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, made.runtime); err != nil {
		return nil, err
	}
	if err := linkServices(ctx, made.runtime, own); err != nil {
		return nil, err
	}
	agents, err := api.NewMetadataAgentPlugin(
		ctx,
		api.WazeroRuntime(func(context.Context) (wazero.Runtime, error) {
			return &loaded{Runtime: made.runtime, module: made.module}, nil
		}),
		api.WazeroModuleConfig(wazero.NewModuleConfig().WithStartFunctions("_initialize").WithStderr(io.Discard)),
	)
	made.agents = agents
	return made, err
}

// compile reads and compiles the module, or loads it from the cache's folder.
func (p *plugin) compile(ctx context.Context, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p.module, err = p.runtime.CompileModule(ctx, data)
	return err
}

// start makes a new instance by way of the generated loader, which looks up every export and asks for the version.
//
// The loader reads a file each time. It is given one without content: `loaded` knows the module already, and
// neither the reading nor the digest that Navidrome takes of it to find that out should weigh in our favour.
func (p *plugin) start(ctx context.Context) (agent, error) {
	return p.agents.Load(ctx, os.DevNull)
}

func (p *plugin) close(ctx context.Context) error {
	if err := p.runtime.Close(ctx); err != nil {
		return err
	}
	return p.cache.Close(ctx)
}

// loaded is a runtime for one instance: it answers with the compiled module that is there, and closing it closes
// the instance and leaves the runtime alone.
type loaded struct {
	wazero.Runtime
	module   wazero.CompiledModule
	instance wazeroapi.Module
}

func (l *loaded) CompileModule(context.Context, []byte) (wazero.CompiledModule, error) {
	return l.module, nil
}

func (l *loaded) InstantiateModule(
	ctx context.Context, module wazero.CompiledModule, config wazero.ModuleConfig,
) (wazeroapi.Module, error) {
	instance, err := l.Runtime.InstantiateModule(ctx, module, config)
	l.instance = instance
	return instance, err
}

func (l *loaded) Close(ctx context.Context) error {
	return l.instance.Close(ctx)
}
