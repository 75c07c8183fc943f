package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/url"
	"strconv"
	"time"

	"github.com/navidrome/navidrome/plugins/api"
	"github.com/navidrome/navidrome/plugins/host/cache"

	"example.org/navidrome-workbench/samples"
)

const (
	defaultCacheTime = time.Hour
	// notFoundCacheTime is short: what is missing today may be there soon.
	notFoundCacheTime = time.Minute
)

// The documents of the music service.
type (
	picture struct {
		URL  string `json:"url"`
		Size int32  `json:"size"`
	}
	entry struct {
		Name string `json:"name"`
		MBID string `json:"mbid"`
	}
	artist struct {
		entry
		URL       string    `json:"url"`
		Biography string    `json:"biography"`
		Images    []picture `json:"images"`
	}
	album struct {
		entry
		Description string    `json:"description"`
		URL         string    `json:"url"`
		Images      []picture `json:"images"`
	}
)

func findArtist(ctx context.Context, name, mbid string, checks ...check) (artist, error) {
	return fetch[artist](ctx, "/v1/artist", url.Values{"name": {name}, "mbid": {mbid}}, checks...)
}

func findSimilar(ctx context.Context, name, mbid string, limit int32) ([]entry, error) {
	found, err := fetch[struct {
		Artists []entry `json:"artists"`
	}](ctx, "/v1/artist/similar", url.Values{"name": {name}, "mbid": {mbid}, "limit": {count(limit)}})
	return found.Artists, err
}

func findTopSongs(ctx context.Context, name, mbid string, limit int32) ([]entry, error) {
	found, err := fetch[struct {
		Songs []entry `json:"songs"`
	}](ctx, "/v1/artist/songs", url.Values{"name": {name}, "mbid": {mbid}, "limit": {count(limit)}})
	return found.Songs, err
}

func findAlbum(ctx context.Context, name, artist, mbid string, checks ...check) (album, error) {
	query := url.Values{"name": {name}, "artist": {artist}, "mbid": {mbid}}
	return fetch[album](ctx, "/v1/album", query, checks...)
}

// count leaves the number to the service when the caller gave none.
func count(limit int32) string {
	if limit <= 0 {
		return ""
	}
	return strconv.Itoa(int(limit))
}

// check looks at the settings before anything is asked for.
type check func(own samples.Settings) error

// imagesWanted answers "not implemented" when the user has switched images off, so that Navidrome asks
// the next plugin.
func imagesWanted(own samples.Settings) error {
	wanted, err := own.Switch("images", true)
	if err == nil && !wanted {
		return api.ErrNotImplemented
	}
	return err
}

// fetch returns one document of the music service, from the cache when it is there.
//
// "Not found" is cached too, as the empty text, which is no JSON document.
func fetch[T any](ctx context.Context, path string, query url.Values, checks ...check) (T, error) {
	var document T
	for key, values := range query {
		if values[0] == "" {
			delete(query, key)
		}
	}
	if query.Get("name") == "" && query.Get("mbid") == "" {
		return document, api.ErrNotFound
	}
	own, err := samples.ReadSettings(ctx, name)
	if err != nil {
		return document, err
	}
	for _, test := range checks {
		if err := test(own); err != nil {
			return document, err
		}
	}
	client, cacheTime, err := connect(own)
	if err != nil {
		return document, err
	}

	key := path + "?" + query.Encode()
	if text, ok := recall(ctx, key, cacheTime); ok {
		if text == "" {
			return document, api.ErrNotFound
		}
		return decode[T](text)
	}
	log.Printf("asking %s%s", client.Base, key)
	body, err := client.Get(ctx, path, query)
	switch {
	case errors.Is(err, samples.ErrNotFound):
		remember(ctx, key, "", min(notFoundCacheTime, cacheTime))
		return document, api.ErrNotFound
	case errors.Is(err, samples.ErrRefused):
		return document, fmt.Errorf("%w: check api_key in [PluginConfig.%s]", err, name)
	case err != nil:
		return document, err
	}
	document, err = decode[T](string(body))
	if err == nil {
		remember(ctx, key, string(body), cacheTime)
	}
	return document, err
}

func decode[T any](text string) (T, error) {
	var document T
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return document, fmt.Errorf("the music service answered something else than expected: %w", err)
	}
	return document, nil
}

// connect makes a client out of the settings. The second result is how long answers are kept.
func connect(own samples.Settings) (samples.Client, time.Duration, error) {
	base, err := own.BaseURL("base_url")
	if err != nil {
		return samples.Client{}, 0, err
	}
	key, err := own.Text("api_key")
	if err != nil {
		return samples.Client{}, 0, err
	}
	cacheTime, err := own.Seconds("cache_seconds", defaultCacheTime)
	if err != nil {
		return samples.Client{}, 0, err
	}
	return samples.Client{Base: base, Authorization: "Bearer " + key}, cacheTime, nil
}

// recall looks into the cache. A cache that fails is no reason to fail: the service is asked again.
func recall(ctx context.Context, key string, cacheTime time.Duration) (string, bool) {
	if cacheTime == 0 {
		return "", false
	}
	kept, err := cache.NewCacheService().GetString(ctx, &cache.GetRequest{Key: key})
	if err != nil || !kept.Exists {
		return "", false
	}
	log.Printf("from the cache: %s", key)
	return kept.Value, true
}

// remember stores an answer. For the host a lifetime of zero would mean a day, for our users it means
// "do not keep".
func remember(ctx context.Context, key, text string, cacheTime time.Duration) {
	if cacheTime == 0 {
		return
	}
	reply, err := cache.NewCacheService().SetString(ctx, &cache.SetStringRequest{
		Key:        key,
		Value:      text,
		TtlSeconds: int64(cacheTime / time.Second),
	})
	if err != nil || !reply.Success {
		log.Printf("the cache did not take the answer to %s", key)
	}
}
