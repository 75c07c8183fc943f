package main

import "github.com/navidrome/navidrome/plugins/api"

// play is what the scrobble service wants to know about a track that is or was played.
type play struct {
	User         string   `json:"user"`
	Timestamp    int64    `json:"timestamp"` // Unix seconds
	Title        string   `json:"title"`
	Album        string   `json:"album"`
	Artists      []artist `json:"artists"`
	AlbumArtists []artist `json:"album_artists"`
	TrackMBID    string   `json:"track_mbid"`
	AlbumMBID    string   `json:"album_mbid"`
	Length       int32    `json:"length"`   // seconds
	Position     int32    `json:"position"` // seconds
}

type artist struct {
	Name string `json:"name"`
	MBID string `json:"mbid"`
}

func newPlay(username string, track *api.TrackInfo, timestamp int64) play {
	return play{
		User:         username,
		Timestamp:    timestamp,
		Title:        track.Name,
		Album:        track.Album,
		Artists:      newArtists(track.Artists),
		AlbumArtists: newArtists(track.AlbumArtists),
		TrackMBID:    track.Mbid,
		AlbumMBID:    track.AlbumMbid,
		Length:       track.Length,
		Position:     track.Position,
	}
}

func newArtists(credited []*api.Artist) []artist {
	artists := make([]artist, 0, len(credited))
	for _, one := range credited {
		artists = append(artists, artist{Name: one.GetName(), MBID: one.GetMbid()})
	}
	return artists
}
