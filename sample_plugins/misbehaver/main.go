// misbehaver is a MetadataAgent in which each method goes wrong in its own way.
//
// It shows what a plugin host has to survive, and what each failure looks like from outside. Never
// install it in a Navidrome that somebody uses.
package main

import (
	"context"
	"log"
	"os"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/navidrome/navidrome/plugins/api"
)

const mebibyte = 1 << 20

// misbehaver implements api.MetadataAgent, in the letter but not in the spirit.
type misbehaver struct{}

// GetArtistMBID panics: the Go runtime prints the reason and a stack to stderr, then traps.
func (misbehaver) GetArtistMBID(_ context.Context, req *api.ArtistMBIDRequest) (*api.ArtistMBIDResponse, error) {
	panic("misbehaver: no idea who " + req.Name + " is")
}

// counter is written in a loop, so that the compiler cannot see that the loop does nothing.
var counter uint64

// GetArtistURL loops for ever, without a call that would give the host a chance to step in.
func (misbehaver) GetArtistURL(context.Context, *api.ArtistURLRequest) (*api.ArtistURLResponse, error) {
	for {
		counter++
	}
}

// GetArtistBiography answers 64 MiB.
func (misbehaver) GetArtistBiography(context.Context, *api.ArtistBiographyRequest) (*api.ArtistBiographyResponse, error) {
	return &api.ArtistBiographyResponse{Biography: strings.Repeat("blah ", 64*mebibyte/len("blah "))}, nil
}

// hoard keeps what GetSimilarArtists allocates, out of the garbage collector's reach.
var hoard [][]byte

// GetSimilarArtists allocates without end.
func (misbehaver) GetSimilarArtists(context.Context, *api.ArtistSimilarRequest) (*api.ArtistSimilarResponse, error) {
	for {
		hoard = append(hoard, make([]byte, mebibyte))
	}
}

// GetArtistImages answers bytes that are no message: a tag that announces a field of 100 bytes, and then
// nothing. The library copies unknown fields of a message as they are, so we plant them there.
func (misbehaver) GetArtistImages(context.Context, *api.ArtistImageRequest) (*api.ArtistImageResponse, error) {
	answer := &api.ArtistImageResponse{}
	unknown := reflect.ValueOf(answer).Elem().FieldByName("unknownFields")
	*(*[]byte)(unsafe.Pointer(unknown.UnsafeAddr())) = []byte{0x0a, 100}
	return answer, nil
}

// GetArtistTopSongs floods stderr until somebody stops it.
func (misbehaver) GetArtistTopSongs(_ context.Context, req *api.ArtistTopSongsRequest) (*api.ArtistTopSongsResponse, error) {
	for line := 1; ; line++ {
		log.Printf("line %d about %s: %s", line, req.ArtistName, strings.Repeat("noise ", 40))
	}
}

// GetAlbumInfo sleeps for a minute, and then knows nothing.
func (misbehaver) GetAlbumInfo(context.Context, *api.AlbumInfoRequest) (*api.AlbumInfoResponse, error) {
	time.Sleep(time.Minute)
	return nil, api.ErrNotFound
}

// GetAlbumImages ends the process that it believes to be in.
func (misbehaver) GetAlbumImages(context.Context, *api.AlbumImagesRequest) (*api.AlbumImagesResponse, error) {
	os.Exit(3)
	return nil, nil
}

// main is never run: a plugin is a library. init is where it registers what it implements.
func main() {}

func init() {
	log.SetFlags(0)
	log.SetPrefix("misbehaver: ")
	api.RegisterMetadataAgent(misbehaver{})
}
