//go:build wasip1

// bench-guest is a plugin that does next to nothing, so that what is measured is the way into it and out again.
package main

import (
	"context"
	"strconv"

	"github.com/navidrome/navidrome/plugins/api"
	"github.com/navidrome/navidrome/plugins/host/cache"
)

type agent struct{}

// GetArtistMBID answers with the name it was given.
func (agent) GetArtistMBID(_ context.Context, req *api.ArtistMBIDRequest) (*api.ArtistMBIDResponse, error) {
	return &api.ArtistMBIDResponse{Mbid: req.Name}, nil
}

// GetArtistBiography looks into the cache as often as the id says, for the key that the name is, and answers what
// it found last.
func (agent) GetArtistBiography(ctx context.Context, req *api.ArtistBiographyRequest) (*api.ArtistBiographyResponse, error) {
	count, err := strconv.Atoi(req.Id)
	if err != nil {
		return nil, err
	}
	service := cache.NewCacheService()
	wanted := &cache.GetRequest{Key: req.Name}
	found := &cache.GetStringResponse{}
	for range count {
		if found, err = service.GetString(ctx, wanted); err != nil {
			return nil, err
		}
	}
	return &api.ArtistBiographyResponse{Biography: strconv.FormatBool(found.Exists)}, nil
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

// main is never run: a plugin is a library.
func main() {}

func init() { api.RegisterMetadataAgent(agent{}) }
