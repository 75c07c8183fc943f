package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/navidrome/navidrome/plugins/api"
)

// atOnce is how many modules Navidrome compiles at the same time.
const atOnce = 2

// warmUp is how many calls a live instance serves before those that are measured.
const warmUp = 100

// bench keeps the plugins that were loaded.
type bench struct {
	plugins map[string]*plugin
}

// compile compiles a module in a fresh runtime, or loads it from the cache's folder, and starts its first instance.
// Making the runtime is not measured: Navidrome keeps it when a plugin changes.
func (b *bench) compile(ctx context.Context, wanted request) (answer, error) {
	fresh, err := newPlugin(ctx, wanted.Cache, nil)
	if err != nil {
		return answer{}, err
	}
	defer fresh.close(ctx)
	begin := time.Now()
	if err := fresh.compile(ctx, wanted.Path); err != nil {
		return answer{}, err
	}
	compiled := time.Now()
	first, err := fresh.start(ctx)
	if err != nil {
		return answer{}, err
	}
	started := time.Now()
	return answer{
		CompileNs: compiled.Sub(begin).Nanoseconds(),
		StartNs:   started.Sub(compiled).Nanoseconds(),
	}, first.Close(ctx)
}

// load brings up several plugins and keeps them, each with one instance that was started.
func (b *bench) load(ctx context.Context, wanted request) (answer, error) {
	begin := time.Now()
	made := make([]*plugin, len(wanted.Plugins))
	failures := make([]error, len(wanted.Plugins))
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for index, from := range wanted.Plugins {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			made[index], failures[index] = bringUp(ctx, from, wanted.Cache)
		})
	}
	all.Wait()
	for index, from := range wanted.Plugins {
		if failures[index] != nil {
			return answer{}, fmt.Errorf("%s: %w", from.Plugin, failures[index])
		}
		b.plugins[from.Plugin] = made[index]
	}
	return answer{AllNs: time.Since(begin).Nanoseconds()}, nil
}

// bringUp gives a plugin one instance of which is started, as ours keeps the one that checked the module.
func bringUp(ctx context.Context, from source, cacheFolder string) (*plugin, error) {
	made, err := newPlugin(ctx, cacheFolder, from.Settings)
	if err != nil {
		return nil, err
	}
	if err := made.compile(ctx, from.Path); err != nil {
		return nil, err
	}
	_, err = made.start(ctx)
	return made, err
}

// start starts instances one after the other.
func (b *bench) start(ctx context.Context, wanted request) (answer, error) {
	return b.repeat(ctx, wanted, func(found *plugin) (string, int64, error) {
		begin := time.Now()
		fresh, err := found.start(ctx)
		if err != nil {
			return "", 0, err
		}
		took := time.Since(begin).Nanoseconds()
		return "", took, fresh.Close(ctx)
	})
}

// isolated makes calls, each in an instance of its own. Closing it is not in the time of the call.
func (b *bench) isolated(ctx context.Context, wanted request) (answer, error) {
	return b.repeat(ctx, wanted, func(found *plugin) (string, int64, error) {
		begin := time.Now()
		fresh, err := found.start(ctx)
		if err != nil {
			return "", 0, err
		}
		text, err := ask(ctx, fresh, wanted)
		took := time.Since(begin).Nanoseconds()
		if err != nil {
			return "", 0, err
		}
		return text, took, fresh.Close(ctx)
	})
}

// call makes calls of one live instance.
func (b *bench) call(ctx context.Context, wanted request) (answer, error) {
	var live agent
	reply, err := b.repeat(ctx, wanted, func(found *plugin) (string, int64, error) {
		if live == nil {
			started, err := found.start(ctx)
			if err != nil {
				return "", 0, err
			}
			live = started
			for range min(warmUp, wanted.Count) {
				if _, err := ask(ctx, live, wanted); err != nil {
					return "", 0, err
				}
			}
		}
		begin := time.Now()
		text, err := ask(ctx, live, wanted)
		return text, time.Since(begin).Nanoseconds(), err
	})
	if live != nil {
		err = errors.Join(err, live.Close(ctx))
	}
	return reply, err
}

func (b *bench) repeat(
	ctx context.Context, wanted request, once func(found *plugin) (string, int64, error),
) (answer, error) {
	found := b.plugins[wanted.Plugin]
	if found == nil {
		return answer{}, fmt.Errorf("not loaded: %q", wanted.Plugin)
	}
	reply := answer{Times: make([]int64, 0, wanted.Count)}
	begin := time.Now()
	for range wanted.Count {
		text, took, err := once(found)
		if err != nil {
			return answer{}, err
		}
		reply.Text = text
		reply.Times = append(reply.Times, took)
	}
	reply.AllNs = time.Since(begin).Nanoseconds()
	return reply, nil
}

// ask makes one of the calls that the benchmark knows, and gives the text that the plugin answered.
func ask(ctx context.Context, plugin api.MetadataAgent, wanted request) (string, error) {
	switch wanted.Method {
	case "GetArtistMBID":
		reply, err := plugin.GetArtistMBID(ctx, &api.ArtistMBIDRequest{Id: wanted.ID, Name: wanted.Name})
		return reply.GetMbid(), err
	case "GetArtistBiography":
		reply, err := plugin.GetArtistBiography(ctx, &api.ArtistBiographyRequest{Id: wanted.ID, Name: wanted.Name})
		return reply.GetBiography(), err
	}
	return "", fmt.Errorf("no such method: %q", wanted.Method)
}

// memory tells how much this process holds, after what is garbage was collected and given back.
func (b *bench) memory() (answer, error) {
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return answer{}, nil // another system
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return answer{}, fmt.Errorf("not what statm looks like: %q", data)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return answer{Resident: pages * int64(os.Getpagesize())}, err
}
