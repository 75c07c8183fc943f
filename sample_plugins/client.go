// Package samples is what the Go sample plugins share: settings, and JSON over HTTP.
//
// It lies beside the plugins' folders and not in one of its own, because a folder in a plugins folder is
// taken for a plugin.
package samples

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/navidrome/navidrome/plugins/host/http"
)

var (
	// ErrNotFound means that the service knows nothing of what was asked for.
	ErrNotFound = errors.New("the service has no such entry")
	// ErrRefused means that the service does not accept our credentials.
	ErrRefused = errors.New("the service refused the credentials")
)

const (
	timeoutMs = 5000
	// longestQuote is how much of an unexpected answer an error text shows, in bytes.
	longestQuote = 200
)

// Client talks JSON to one web service through Navidrome's HTTP service. Base has no slash at its end; Authorization is the value of that header.
type Client struct {
	Base          string
	Authorization string
}

// Get asks for a JSON document and returns it undecoded, as it may be kept in a cache.
func (c Client) Get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	reply, err := http.NewHttpService().Get(ctx, &http.HttpRequest{
		Url:       c.Base + path + "?" + query.Encode(),
		Headers:   c.headers(),
		TimeoutMs: timeoutMs,
	})
	return c.judge(reply, err)
}

// Post sends a value as JSON. What the service answers beyond its status is of no interest.
func (c Client) Post(ctx context.Context, path string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	headers := c.headers()
	headers["Content-Type"] = "application/json"
	reply, err := http.NewHttpService().Post(ctx, &http.HttpRequest{
		Url:       c.Base + path,
		Headers:   headers,
		TimeoutMs: timeoutMs,
		Body:      body,
	})
	_, err = c.judge(reply, err)
	return err
}

func (c Client) headers() map[string]string {
	return map[string]string{"Accept": "application/json", "Authorization": c.Authorization}
}

// judge turns the two ways in which a request fails into errors: the host could not make it (Error is
// set, the status is 0), or the service answered with another status than success.
func (c Client) judge(reply *http.HttpResponse, err error) ([]byte, error) {
	switch {
	case err != nil:
		return nil, err
	case reply.Error != "":
		return nil, fmt.Errorf("cannot reach %s: %s", c.Base, reply.Error)
	case reply.Status >= 200 && reply.Status < 300:
		return reply.Body, nil
	case reply.Status == 404:
		return nil, ErrNotFound
	case reply.Status == 401 || reply.Status == 403:
		return nil, ErrRefused
	}
	return nil, fmt.Errorf("%s answered with status %d: %s", c.Base, reply.Status, quote(reply.Body))
}

// quote shortens an answer to one line that fits into an error text.
func quote(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "\uFFFD")), " ")
	if len(text) <= longestQuote {
		return text
	}
	end := longestQuote
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
