package main

import (
	"context"
	"io"
	nethttp "net/http"
	"sync"

	"github.com/navidrome/navidrome/plugins/host/artwork"
	"github.com/navidrome/navidrome/plugins/host/cache"
	"github.com/navidrome/navidrome/plugins/host/config"
	"github.com/navidrome/navidrome/plugins/host/http"
	"github.com/navidrome/navidrome/plugins/host/scheduler"
	"github.com/navidrome/navidrome/plugins/host/subsonicapi"
	"github.com/navidrome/navidrome/plugins/host/websocket"
	"github.com/tetratelabs/wazero"
	wazeroapi "github.com/tetratelabs/wazero/api"
)

// longestBody is in bytes; the demo's documents are far below it.
const longestBody = 1 << 20

// linkServices offers every host service of Navidrome 0.59, each by its generated functions.
//
// Those that no measured call uses are there to be linked only: they have no methods, and a call of one is an error.
func linkServices(ctx context.Context, runtime wazero.Runtime, own settings) error {
	environment := runtime.NewHostModuleBuilder("env")
	target := gathering{Runtime: runtime, environment: environment}
	for _, err := range []error{
		artwork.Instantiate(ctx, target, struct{ artwork.ArtworkService }{}),
		cache.Instantiate(ctx, target, &texts{kept: map[string]string{}}),
		config.Instantiate(ctx, target, own),
		http.Instantiate(ctx, target, web{}),
		scheduler.Instantiate(ctx, target, struct{ scheduler.SchedulerService }{}),
		subsonicapi.Instantiate(ctx, target, struct{ subsonicapi.SubsonicAPIService }{}),
		websocket.Instantiate(ctx, target, struct{ websocket.WebSocketService }{}),
	} {
		if err != nil {
			return err
		}
	}
	_, err := environment.Instantiate(ctx)
	return err
}

// gathering lets services that each want to make the module "env" put their functions into one and the same.
type gathering struct {
	wazero.Runtime
	environment wazero.HostModuleBuilder
}

func (g gathering) NewHostModuleBuilder(string) wazero.HostModuleBuilder {
	return unfinished{g.environment}
}

// unfinished is a module to which others will add: making it is left to linkServices.
type unfinished struct{ wazero.HostModuleBuilder }

func (unfinished) Instantiate(context.Context) (wazeroapi.Module, error) { return nil, nil }

// settings are what the user has set for a plugin.
type settings map[string]string

func (s settings) GetPluginConfig(context.Context, *config.GetPluginConfigRequest) (*config.GetPluginConfigResponse, error) {
	return &config.GetPluginConfigResponse{Config: s}, nil
}

// web is as much of the HTTP service as the measured calls use: what fills a plugin's cache.
type web struct{ http.HttpService }

func (web) Get(ctx context.Context, wanted *http.HttpRequest) (*http.HttpResponse, error) {
	request, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodGet, wanted.Url, nil)
	if err != nil {
		return nil, err
	}
	for name, value := range wanted.Headers {
		request.Header.Set(name, value)
	}
	reply, err := nethttp.DefaultClient.Do(request)
	if err != nil {
		return &http.HttpResponse{Error: err.Error()}, nil
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, longestBody))
	return &http.HttpResponse{Status: int32(reply.StatusCode), Body: body}, err
}

// texts is as much of the cache service as the measured calls use. What it keeps does not expire.
type texts struct {
	cache.CacheService // of which nothing else is called
	lock               sync.RWMutex
	kept               map[string]string
}

func (t *texts) SetString(_ context.Context, wanted *cache.SetStringRequest) (*cache.SetResponse, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.kept[wanted.Key] = wanted.Value
	return &cache.SetResponse{Success: true}, nil
}

func (t *texts) GetString(_ context.Context, wanted *cache.GetRequest) (*cache.GetStringResponse, error) {
	t.lock.RLock()
	defer t.lock.RUnlock()
	value, exists := t.kept[wanted.Key]
	return &cache.GetStringResponse{Exists: exists, Value: value}, nil
}
