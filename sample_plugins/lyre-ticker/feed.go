package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/navidrome/navidrome/plugins/host/scheduler"
	"github.com/navidrome/navidrome/plugins/host/websocket"

	"example.org/navidrome-workbench/samples"
)

const (
	defaultDelay  = 5 * time.Second
	shortestDelay = time.Second
	longestDelay  = 5 * time.Minute
)

// feed is one ticker as the settings describe it.
type feed struct {
	address string
	token   string
	artists []string
	delay   time.Duration // before the first attempt to connect again; twice as long before each further one
}

// readFeed understands the settings, or says which of them is wrong.
func readFeed(own samples.Settings) (feed, error) {
	address, err := own.Text("url")
	if err != nil {
		return feed{}, err
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "ws" && parsed.Scheme != "wss") {
		return feed{}, fmt.Errorf("setting url must be an address such as wss://ticks.example.org/v1/ticks: see [PluginConfig.%s] in the settings file", name)
	}
	token, err := own.Text("token")
	if err != nil {
		return feed{}, err
	}
	delay, err := own.Seconds("reconnect_seconds", defaultDelay)
	if err != nil {
		return feed{}, err
	}
	// A missing list is an empty one, which stands for all artists.
	list, _ := own.Text("artists")
	return feed{address: address, token: token, artists: split(list), delay: delay}, nil
}

// currentFeed asks the host for the settings: a call that is not OnInit brings none.
func currentFeed(ctx context.Context) (feed, error) {
	own, err := samples.ReadSettings(ctx, name)
	if err != nil {
		return feed{}, err
	}
	return readFeed(own)
}

// follow connects and subscribes; when it cannot, the next attempt is scheduled. Attempt 0 is the one of OnInit.
func (f feed) follow(ctx context.Context, attempt int) error {
	err := f.connect(ctx)
	if err == nil {
		return nil
	}
	log.Printf("attempt %d: %v", attempt, err)
	return f.comeBack(ctx, attempt+1)
}

func (f feed) connect(ctx context.Context) error {
	sockets := websocket.NewWebSocketService()
	opened, err := sockets.Connect(ctx, &websocket.ConnectRequest{
		Url:          f.address,
		Headers:      map[string]string{"Authorization": "Token " + f.token},
		ConnectionId: connectionID,
	})
	if err != nil {
		return err
	}
	if opened.Error != "" {
		return errors.New(opened.Error)
	}
	wanted, err := json.Marshal(subscription{Type: "subscribe", Artists: f.artists})
	if err != nil {
		return err
	}
	sent, err := sockets.SendText(ctx, &websocket.SendTextRequest{ConnectionId: connectionID, Message: string(wanted)})
	if err != nil {
		return err
	}
	if sent.Error != "" {
		return errors.New(sent.Error)
	}
	log.Printf("connected to %s", f.address)
	return nil
}

// comeBack has the host call us for an attempt. A schedule of the same id that is still waiting is replaced.
func (f feed) comeBack(ctx context.Context, attempt int) error {
	delay := f.delayBefore(attempt)
	log.Printf("connecting again in %s", delay)
	_, err := scheduler.NewSchedulerService().ScheduleOneTime(ctx, &scheduler.ScheduleOneTimeRequest{
		DelaySeconds: int32(delay / time.Second),
		Payload:      []byte(strconv.Itoa(attempt)),
		ScheduleId:   reconnectID,
	})
	return err
}

// delayBefore doubles from attempt to attempt, so that a ticker that is down for long is left in peace.
func (f feed) delayBefore(attempt int) time.Duration {
	delay := max(f.delay, shortestDelay)
	for ; attempt > 1 && delay < longestDelay; attempt-- {
		delay *= 2
	}
	return min(delay, longestDelay)
}

// attemptOf reads the payload of a schedule; one that is not ours counts as the first.
func attemptOf(payload []byte) int {
	attempt, err := strconv.Atoi(string(payload))
	if err != nil || attempt < 1 {
		return 1
	}
	return attempt
}

func split(list string) []string {
	names := []string{}
	for _, one := range strings.Split(list, ",") {
		if one = strings.TrimSpace(one); one != "" {
			names = append(names, one)
		}
	}
	return names
}

// subscription is what the ticker wants to hear first.
type subscription struct {
	Type    string   `json:"type"`
	Artists []string `json:"artists"`
}

// notice is what the ticker tells; which members are there depends on the type.
type notice struct {
	Type      string   `json:"type"`
	Number    int      `json:"number"`
	Artist    string   `json:"artist"`
	Listeners int      `json:"listeners"`
	Artists   []string `json:"artists"`
	Error     string   `json:"error"`
}

// describe puts a message of the ticker into words.
func describe(message string) string {
	var told notice
	if err := json.Unmarshal([]byte(message), &told); err != nil {
		return fmt.Sprintf("a message that is not understood: %v", err)
	}
	switch told.Type {
	case "tick":
		return fmt.Sprintf("tick %d: %s has %d listeners", told.Number, told.Artist, told.Listeners)
	case "subscribed":
		return "following " + strings.Join(told.Artists, ", ")
	case "error":
		return "the ticker complains: " + told.Error
	}
	return fmt.Sprintf("a message of an unknown type: %q", told.Type)
}
