// lyre-ticker follows a ticker over WebSocket, logs what it tells, and comes back when the ticker hangs up.
//
// It shows a plugin that acts without being asked: a connection that the host keeps between calls, and a
// schedule that brings the plugin back.
package main

import (
	"context"
	"log"

	"github.com/navidrome/navidrome/plugins/api"

	"example.org/navidrome-workbench/samples"
)

const (
	// name is the manifest name, under which the settings are found as well.
	name = "lyre-ticker"
	// connectionID is what the host calls our connection. It is ours alone: ids belong to the plugin.
	connectionID = "ticks"
	// reconnectID is the schedule that is made when there is no connection.
	reconnectID = "reconnect"
)

// plugin implements api.WebSocketCallback, api.SchedulerCallback and api.LifecycleManagement. It keeps no
// state: every call runs in a fresh instance. What the next attempt must know is in the schedule's payload.
type plugin struct{}

// OnInit refuses settings that cannot work. A ticker that is down just now is no reason to: the plugin
// tries again later.
func (plugin) OnInit(ctx context.Context, req *api.InitRequest) (*api.InitResponse, error) {
	source, err := readFeed(samples.NewSettings(name, req.Config))
	if err == nil {
		err = source.follow(ctx, 0)
	}
	return &api.InitResponse{Error: text(err)}, nil
}

// OnSchedulerCallback connects again. The payload counts the attempts.
func (plugin) OnSchedulerCallback(ctx context.Context, req *api.SchedulerCallbackRequest) (*api.SchedulerCallbackResponse, error) {
	if req.ScheduleId != reconnectID {
		log.Printf("called for a schedule that is not ours: %q", req.ScheduleId)
		return &api.SchedulerCallbackResponse{}, nil
	}
	source, err := currentFeed(ctx)
	if err == nil {
		err = source.follow(ctx, attemptOf(req.Payload))
	}
	return &api.SchedulerCallbackResponse{Error: text(err)}, nil
}

func (plugin) OnTextMessage(_ context.Context, req *api.OnTextMessageRequest) (*api.OnTextMessageResponse, error) {
	log.Print(describe(req.Message))
	return &api.OnTextMessageResponse{}, nil
}

func (plugin) OnBinaryMessage(_ context.Context, req *api.OnBinaryMessageRequest) (*api.OnBinaryMessageResponse, error) {
	log.Printf("%d bytes that are no text: left alone", len(req.Data))
	return &api.OnBinaryMessageResponse{}, nil
}

// OnError says why a connection broke. OnClose follows it, so there is nothing to do here.
func (plugin) OnError(_ context.Context, req *api.OnErrorRequest) (*api.OnErrorResponse, error) {
	log.Printf("the connection broke: %s", req.Error)
	return &api.OnErrorResponse{}, nil
}

// OnClose comes exactly once for a connection, however it ended.
func (plugin) OnClose(ctx context.Context, req *api.OnCloseRequest) (*api.OnCloseResponse, error) {
	if req.ConnectionId != connectionID {
		return &api.OnCloseResponse{}, nil
	}
	log.Printf("the connection was closed with %d %q", req.Code, req.Reason)
	source, err := currentFeed(ctx)
	if err != nil {
		return nil, err
	}
	return &api.OnCloseResponse{}, source.comeBack(ctx, 1)
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
	api.RegisterWebSocketCallback(plugin{})
	api.RegisterSchedulerCallback(plugin{})
	api.RegisterLifecycleManagement(plugin{})
}
