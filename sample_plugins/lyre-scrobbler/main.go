// lyre-scrobbler is a Scrobbler for Navidrome that reports what is played to a scrobble service.
//
// It shows a plugin that checks its settings when it is loaded (OnInit) and that reports failures in the
// `error` field of its answers, as the plugin documentation asks for.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/url"

	"github.com/navidrome/navidrome/plugins/api"

	"example.org/navidrome-workbench/samples"
)

// name is the manifest name, under which the settings are found as well.
const name = "lyre-scrobbler"

// plugin implements api.Scrobbler and api.LifecycleManagement. It keeps no state: every call runs in a
// fresh instance of the plugin.
type plugin struct{}

// OnInit refuses settings that cannot work, so that the user sees it when the plugin is loaded and not
// when the first track is lost. It does not ask the service: that may be down just now.
func (plugin) OnInit(_ context.Context, req *api.InitRequest) (*api.InitResponse, error) {
	client, err := connect(samples.NewSettings(name, req.Config))
	if err != nil {
		return &api.InitResponse{Error: err.Error()}, nil
	}
	log.Printf("scrobbles go to %s", client.Base)
	return &api.InitResponse{}, nil
}

func (plugin) IsAuthorized(ctx context.Context, req *api.ScrobblerIsAuthorizedRequest) (*api.ScrobblerIsAuthorizedResponse, error) {
	err := withService(ctx, req.Username, func(client samples.Client) error {
		_, err := client.Get(ctx, "/v1/session", url.Values{"user": {req.Username}})
		return err
	})
	if errors.Is(err, samples.ErrNotFound) {
		log.Printf("the service does not know user %q", req.Username)
		return &api.ScrobblerIsAuthorizedResponse{Authorized: false}, nil
	}
	return &api.ScrobblerIsAuthorizedResponse{Authorized: err == nil, Error: text(err)}, nil
}

func (plugin) NowPlaying(ctx context.Context, req *api.ScrobblerNowPlayingRequest) (*api.ScrobblerNowPlayingResponse, error) {
	err := report(ctx, "/v1/now-playing", req.Username, req.Track, req.Timestamp)
	return &api.ScrobblerNowPlayingResponse{Error: text(err)}, nil
}

func (plugin) Scrobble(ctx context.Context, req *api.ScrobblerScrobbleRequest) (*api.ScrobblerScrobbleResponse, error) {
	err := report(ctx, "/v1/scrobbles", req.Username, req.Track, req.Timestamp)
	return &api.ScrobblerScrobbleResponse{Error: text(err)}, nil
}

// report posts one play to the service.
func report(ctx context.Context, path, username string, track *api.TrackInfo, timestamp int64) error {
	if track.GetName() == "" {
		return errors.New("a track without a name cannot be scrobbled")
	}
	return withService(ctx, username, func(client samples.Client) error {
		log.Printf("%s %q for %s", path, track.Name, username)
		return client.Post(ctx, path, newPlay(username, track, timestamp))
	})
}

// withService runs ask with a client made from the settings, and explains refused credentials.
func withService(ctx context.Context, username string, ask func(samples.Client) error) error {
	if username == "" {
		return errors.New("no user name: the service cannot tell whose play this is")
	}
	own, err := samples.ReadSettings(ctx, name)
	if err != nil {
		return err
	}
	client, err := connect(own)
	if err != nil {
		return err
	}
	err = ask(client)
	if errors.Is(err, samples.ErrRefused) {
		return fmt.Errorf("%w: check token in [PluginConfig.%s]", err, name)
	}
	return err
}

func connect(own samples.Settings) (samples.Client, error) {
	base, err := own.BaseURL("base_url")
	if err != nil {
		return samples.Client{}, err
	}
	token, err := own.Text("token")
	if err != nil {
		return samples.Client{}, err
	}
	return samples.Client{Base: base, Authorization: "Token " + token}, nil
}

// text is the content of an `error` field: empty when all went well.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// main is never run: a plugin is a library. init is where it registers what it implements.
func main() {}

func init() {
	log.SetFlags(0) // the host knows the time
	log.SetPrefix(name + ": ")
	api.RegisterScrobbler(plugin{})
	api.RegisterLifecycleManagement(plugin{})
}
