//go:build wasip1

package main

import (
	"slices"

	"github.com/navidrome/navidrome/plugins/host/artwork"
	"github.com/navidrome/navidrome/plugins/host/cache"
	"github.com/navidrome/navidrome/plugins/host/config"
	"github.com/navidrome/navidrome/plugins/host/http"
	"github.com/navidrome/navidrome/plugins/host/scheduler"
	"github.com/navidrome/navidrome/plugins/host/subsonicapi"
	"github.com/navidrome/navidrome/plugins/host/websocket"

	"example.org/navidrome-workbench/samples"
)

const (
	timeoutMs = 5000
	// connectionID, onceID and againID are what the examples name theirs.
	connectionID = "toolbox"
	onceID       = "once"
	againID      = "again"
)

// tools are all methods of all host services, each with a request that leads to something in the demo. Used
// one after the other, they build on each other: what is set is read, what is connected is closed.
func tools(own samples.Settings) []tool {
	return slices.Concat(
		httpTools(own),
		configTools(),
		artworkTools(),
		cacheTools(),
		schedulerTools(),
		websocketTools(own),
		subsonicTools(own),
	)
}

func httpTools(own samples.Settings) []tool {
	service := http.NewHttpService()
	request := func(body string) *http.HttpRequest {
		return &http.HttpRequest{Url: setting(own, "http_url"), TimeoutMs: timeoutMs, Body: []byte(body)}
	}
	return []tool{
		newTool("HttpService.Get", request(""), service.Get),
		newTool("HttpService.Post", request("{}"), service.Post),
		newTool("HttpService.Put", request("{}"), service.Put),
		newTool("HttpService.Delete", request(""), service.Delete),
		newTool("HttpService.Patch", request("{}"), service.Patch),
		newTool("HttpService.Head", request(""), service.Head),
		newTool("HttpService.Options", request(""), service.Options),
	}
}

func configTools() []tool {
	service := config.NewConfigService()
	return []tool{
		newTool("ConfigService.GetPluginConfig", &config.GetPluginConfigRequest{}, service.GetPluginConfig),
		newTool("ConfigService.GetConfig", &config.GetPluginConfigRequest{}, getConfig),
	}
}

func artworkTools() []tool {
	service := artwork.NewArtworkService()
	return []tool{
		newTool("ArtworkService.GetArtistUrl", &artwork.GetArtworkUrlRequest{Id: "ar-1", Size: 300}, service.GetArtistUrl),
		newTool("ArtworkService.GetAlbumUrl", &artwork.GetArtworkUrlRequest{Id: "al-1"}, service.GetAlbumUrl),
		newTool("ArtworkService.GetTrackUrl", &artwork.GetArtworkUrlRequest{Id: "mf-1"}, service.GetTrackUrl),
	}
}

func cacheTools() []tool {
	service := cache.NewCacheService()
	return []tool{
		newTool("CacheService.SetString", &cache.SetStringRequest{Key: "text", Value: "lyre", TtlSeconds: 60}, service.SetString),
		newTool("CacheService.GetString", &cache.GetRequest{Key: "text"}, service.GetString),
		newTool("CacheService.SetInt", &cache.SetIntRequest{Key: "number", Value: 7, TtlSeconds: 60}, service.SetInt),
		newTool("CacheService.GetInt", &cache.GetRequest{Key: "number"}, service.GetInt),
		newTool("CacheService.SetFloat", &cache.SetFloatRequest{Key: "fraction", Value: 0.5, TtlSeconds: 60}, service.SetFloat),
		newTool("CacheService.GetFloat", &cache.GetRequest{Key: "fraction"}, service.GetFloat),
		newTool("CacheService.SetBytes", &cache.SetBytesRequest{Key: "bytes", Value: []byte{0, 255}, TtlSeconds: 60}, service.SetBytes),
		newTool("CacheService.GetBytes", &cache.GetRequest{Key: "bytes"}, service.GetBytes),
		newTool("CacheService.Remove", &cache.RemoveRequest{Key: "text"}, service.Remove),
		newTool("CacheService.Has", &cache.HasRequest{Key: "text"}, service.Has),
	}
}

func schedulerTools() []tool {
	service := scheduler.NewSchedulerService()
	once := &scheduler.ScheduleOneTimeRequest{DelaySeconds: 60, Payload: []byte("a minute later"), ScheduleId: onceID}
	again := &scheduler.ScheduleRecurringRequest{CronExpression: "@every 10s", Payload: []byte("again"), ScheduleId: againID}
	return []tool{
		newTool("SchedulerService.ScheduleOneTime", once, service.ScheduleOneTime),
		newTool("SchedulerService.ScheduleRecurring", again, service.ScheduleRecurring),
		newTool("SchedulerService.CancelSchedule", &scheduler.CancelRequest{ScheduleId: againID}, service.CancelSchedule),
		newTool("SchedulerService.TimeNow", &scheduler.TimeNowRequest{}, service.TimeNow),
	}
}

func websocketTools(own samples.Settings) []tool {
	service := websocket.NewWebSocketService()
	connect := &websocket.ConnectRequest{
		Url:          setting(own, "websocket_url"),
		Headers:      map[string]string{"Authorization": setting(own, "websocket_authorization")},
		ConnectionId: connectionID,
	}
	text := &websocket.SendTextRequest{ConnectionId: connectionID, Message: `{"type": "subscribe", "artists": []}`}
	return []tool{
		newTool("WebSocketService.Connect", connect, service.Connect),
		newTool("WebSocketService.SendText", text, service.SendText),
		newTool("WebSocketService.SendBinary", &websocket.SendBinaryRequest{ConnectionId: connectionID, Data: []byte{0, 255}}, service.SendBinary),
		newTool("WebSocketService.Close", &websocket.CloseRequest{ConnectionId: connectionID, Code: 1000, Reason: "done"}, service.Close),
	}
}

func subsonicTools(own samples.Settings) []tool {
	service := subsonicapi.NewSubsonicAPIService()
	return []tool{
		newTool("SubsonicAPIService.Call", &subsonicapi.CallRequest{Url: "ping?u=" + setting(own, "user")}, service.Call),
	}
}

// setting is a setting that only the examples need; without it, the host says what is wrong with the request.
func setting(own samples.Settings, name string) string {
	value, _ := own.Text(name)
	return value
}
