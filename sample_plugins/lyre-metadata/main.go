// lyre-metadata is a MetadataAgent for Navidrome that asks a music service over HTTP.
//
// It shows the everyday plugin: settings, requests, a cache, and the two answers that Navidrome
// understands besides data: "not found" and "not implemented".
package main

import (
	"context"
	"log"

	"github.com/navidrome/navidrome/plugins/api"
)

// name is the manifest name, under which the settings are found as well.
const name = "lyre-metadata"

// agent implements api.MetadataAgent. It has no fields: every call runs in a fresh instance of the
// plugin, so nothing that a call stores here would be seen by the next.
type agent struct{}

func (agent) GetArtistMBID(ctx context.Context, req *api.ArtistMBIDRequest) (*api.ArtistMBIDResponse, error) {
	found, err := findArtist(ctx, req.Name, "")
	if err != nil {
		return nil, err
	}
	return &api.ArtistMBIDResponse{Mbid: found.MBID}, need(found.MBID)
}

func (agent) GetArtistURL(ctx context.Context, req *api.ArtistURLRequest) (*api.ArtistURLResponse, error) {
	found, err := findArtist(ctx, req.Name, req.Mbid)
	if err != nil {
		return nil, err
	}
	return &api.ArtistURLResponse{Url: found.URL}, need(found.URL)
}

func (agent) GetArtistBiography(ctx context.Context, req *api.ArtistBiographyRequest) (*api.ArtistBiographyResponse, error) {
	found, err := findArtist(ctx, req.Name, req.Mbid)
	if err != nil {
		return nil, err
	}
	return &api.ArtistBiographyResponse{Biography: found.Biography}, need(found.Biography)
}

func (agent) GetArtistImages(ctx context.Context, req *api.ArtistImageRequest) (*api.ArtistImageResponse, error) {
	found, err := findArtist(ctx, req.Name, req.Mbid, imagesWanted)
	if err != nil {
		return nil, err
	}
	return &api.ArtistImageResponse{Images: toImages(found.Images)}, needSome(found.Images)
}

func (agent) GetSimilarArtists(ctx context.Context, req *api.ArtistSimilarRequest) (*api.ArtistSimilarResponse, error) {
	found, err := findSimilar(ctx, req.Name, req.Mbid, req.Limit)
	if err != nil {
		return nil, err
	}
	artists := make([]*api.Artist, 0, len(found))
	for _, other := range found {
		artists = append(artists, &api.Artist{Name: other.Name, Mbid: other.MBID})
	}
	return &api.ArtistSimilarResponse{Artists: artists}, needSome(found)
}

func (agent) GetArtistTopSongs(ctx context.Context, req *api.ArtistTopSongsRequest) (*api.ArtistTopSongsResponse, error) {
	found, err := findTopSongs(ctx, req.ArtistName, req.Mbid, req.Count)
	if err != nil {
		return nil, err
	}
	songs := make([]*api.Song, 0, len(found))
	for _, song := range found {
		songs = append(songs, &api.Song{Name: song.Name, Mbid: song.MBID})
	}
	return &api.ArtistTopSongsResponse{Songs: songs}, needSome(found)
}

func (agent) GetAlbumInfo(ctx context.Context, req *api.AlbumInfoRequest) (*api.AlbumInfoResponse, error) {
	found, err := findAlbum(ctx, req.Name, req.Artist, req.Mbid)
	if err != nil {
		return nil, err
	}
	return &api.AlbumInfoResponse{Info: &api.AlbumInfo{
		Name:        found.Name,
		Mbid:        found.MBID,
		Description: found.Description,
		Url:         found.URL,
	}}, nil
}

func (agent) GetAlbumImages(ctx context.Context, req *api.AlbumImagesRequest) (*api.AlbumImagesResponse, error) {
	found, err := findAlbum(ctx, req.Name, req.Artist, req.Mbid, imagesWanted)
	if err != nil {
		return nil, err
	}
	return &api.AlbumImagesResponse{Images: toImages(found.Images)}, needSome(found.Images)
}

// need makes "not found" out of an empty text: an artist may be known without a biography.
func need(text string) error {
	if text == "" {
		return api.ErrNotFound
	}
	return nil
}

func needSome[T any](entries []T) error {
	if len(entries) == 0 {
		return api.ErrNotFound
	}
	return nil
}

func toImages(pictures []picture) []*api.ExternalImage {
	images := make([]*api.ExternalImage, 0, len(pictures))
	for _, one := range pictures {
		images = append(images, &api.ExternalImage{Url: one.URL, Size: one.Size})
	}
	return images
}

// main is never run: a plugin is a library. init is where it registers what it implements.
func main() {}

func init() {
	log.SetFlags(0) // the host knows the time
	log.SetPrefix(name + ": ")
	api.RegisterMetadataAgent(agent{})
}
