package samples

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/navidrome/navidrome/plugins/host/config"
)

// Settings are what the user wrote for one plugin under [PluginConfig.<plugin>] in Navidrome's settings
// file: texts by name. Its methods say clearly which setting is missing or wrong.
type Settings struct {
	plugin string
	values map[string]string
}

// NewSettings wraps settings that are already at hand, such as those that OnInit brings.
func NewSettings(plugin string, values map[string]string) Settings {
	return Settings{plugin: plugin, values: values}
}

// ReadSettings asks the host for the settings of the running plugin. A plugin keeps nothing between two calls,
// so this belongs at the beginning of each call that needs settings.
func ReadSettings(ctx context.Context, plugin string) (Settings, error) {
	reply, err := config.NewConfigService().GetPluginConfig(ctx, &config.GetPluginConfigRequest{})
	if err != nil {
		return Settings{}, fmt.Errorf("reading the settings: %w", err)
	}
	return NewSettings(plugin, reply.GetConfig()), nil
}

// Text is a setting that must be there.
func (s Settings) Text(name string) (string, error) {
	value := strings.TrimSpace(s.values[name])
	if value == "" {
		return "", s.fault(name, "is missing")
	}
	return value, nil
}

// BaseURL is a required http or https address, returned without a slash at its end.
func (s Settings) BaseURL(name string) (string, error) {
	value, err := s.Text(name)
	if err != nil {
		return "", err
	}
	address, err := url.Parse(value)
	if err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") {
		return "", s.fault(name, "must be an address such as https://music.example.org")
	}
	if address.RawQuery != "" || address.Fragment != "" {
		return "", s.fault(name, "must not have a query or a fragment")
	}
	return strings.TrimRight(value, "/"), nil
}

// Seconds is an optional whole number of seconds, zero or more.
func (s Settings) Seconds(name string, fallback time.Duration) (time.Duration, error) {
	value := strings.TrimSpace(s.values[name])
	if value == "" {
		return fallback, nil
	}
	seconds, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, s.fault(name, "must be a whole number of seconds")
	}
	return time.Duration(seconds) * time.Second, nil
}

// Switch is an optional "true" or "false".
func (s Settings) Switch(name string, fallback bool) (bool, error) {
	value := strings.TrimSpace(s.values[name])
	if value == "" {
		return fallback, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, s.fault(name, `must be "true" or "false"`)
	}
	return on, nil
}

func (s Settings) fault(name, what string) error {
	return fmt.Errorf("setting %s %s: see [PluginConfig.%s] in the settings file", name, what, s.plugin)
}
