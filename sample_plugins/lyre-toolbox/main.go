//go:build wasip1

// lyre-toolbox calls any method of any host service, and answers what came back as JSON.
//
// It is for tests, and to be read: every method with a request that shows something. It is meant for the
// workbench; Navidrome does not load it, see config.go.
package main

import (
	"context"
	"errors"
	"log"

	"github.com/navidrome/navidrome/plugins/api"

	"example.org/navidrome-workbench/samples"
)

const name = "lyre-toolbox"

// agent implements api.MetadataAgent. Only GetArtistBiography does something.
type agent struct{}

// GetArtistBiography takes the name of a tool, such as "CacheService.GetString", for the name of the artist,
// and the request as JSON for the id. Without a request it sends the tool's example.
func (agent) GetArtistBiography(ctx context.Context, req *api.ArtistBiographyRequest) (*api.ArtistBiographyResponse, error) {
	own, err := samples.ReadSettings(ctx, name)
	if err != nil {
		return nil, err
	}
	answer, err := use(ctx, tools(own), req.Name, req.Id)
	if errors.Is(err, errNoTool) {
		log.Printf("there is no tool %q; %q lists them", req.Name, listName)
		return nil, api.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &api.ArtistBiographyResponse{Biography: answer}, nil
}

func (agent) GetArtistMBID(context.Context, *api.ArtistMBIDRequest) (*api.ArtistMBIDResponse, error) {
	return nil, api.ErrNotImplemented
}

func (agent) GetArtistURL(context.Context, *api.ArtistURLRequest) (*api.ArtistURLResponse, error) {
	return nil, api.ErrNotImplemented
}

func (agent) GetArtistImages(context.Context, *api.ArtistImageRequest) (*api.ArtistImageResponse, error) {
	return nil, api.ErrNotImplemented
}

func (agent) GetSimilarArtists(context.Context, *api.ArtistSimilarRequest) (*api.ArtistSimilarResponse, error) {
	return nil, api.ErrNotImplemented
}

func (agent) GetArtistTopSongs(context.Context, *api.ArtistTopSongsRequest) (*api.ArtistTopSongsResponse, error) {
	return nil, api.ErrNotImplemented
}

func (agent) GetAlbumInfo(context.Context, *api.AlbumInfoRequest) (*api.AlbumInfoResponse, error) {
	return nil, api.ErrNotImplemented
}

func (agent) GetAlbumImages(context.Context, *api.AlbumImagesRequest) (*api.AlbumImagesResponse, error) {
	return nil, api.ErrNotImplemented
}

// listener implements api.SchedulerCallback and api.WebSocketCallback: it logs what the tools set going.
type listener struct{}

func (listener) OnSchedulerCallback(_ context.Context, req *api.SchedulerCallbackRequest) (*api.SchedulerCallbackResponse, error) {
	log.Printf("schedule %q with %q", req.ScheduleId, req.Payload)
	return &api.SchedulerCallbackResponse{}, nil
}

func (listener) OnTextMessage(_ context.Context, req *api.OnTextMessageRequest) (*api.OnTextMessageResponse, error) {
	log.Printf("text on %q: %q", req.ConnectionId, req.Message)
	return &api.OnTextMessageResponse{}, nil
}

func (listener) OnBinaryMessage(_ context.Context, req *api.OnBinaryMessageRequest) (*api.OnBinaryMessageResponse, error) {
	log.Printf("binary on %q: %x", req.ConnectionId, req.Data)
	return &api.OnBinaryMessageResponse{}, nil
}

func (listener) OnError(_ context.Context, req *api.OnErrorRequest) (*api.OnErrorResponse, error) {
	log.Printf("error on %q: %s", req.ConnectionId, req.Error)
	return &api.OnErrorResponse{}, nil
}

func (listener) OnClose(_ context.Context, req *api.OnCloseRequest) (*api.OnCloseResponse, error) {
	log.Printf("close of %q: %d %q", req.ConnectionId, req.Code, req.Reason)
	return &api.OnCloseResponse{}, nil
}

// main is never run: a plugin is a library. init is where it registers what it implements.
func main() {}

func init() {
	log.SetFlags(0) // the host knows the time
	log.SetPrefix(name + ": ")
	api.RegisterMetadataAgent(agent{})
	api.RegisterSchedulerCallback(listener{})
	api.RegisterWebSocketCallback(listener{})
}
