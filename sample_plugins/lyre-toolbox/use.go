//go:build wasip1

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

const (
	// listName asks for the names of all tools with their example requests.
	listName = "tools"
	// allName uses every tool with its example request, in the order of the list.
	allName = "all"
)

var errNoTool = errors.New("there is no such tool")

// tool is one method of a host service.
type tool struct {
	name    string
	example any
	// call sends the request that is given as JSON, or the example where there is none.
	call func(ctx context.Context, request string) (report, error)
}

// report is what came of using a tool.
type report struct {
	Tool     string         `json:"tool"`
	Request  map[string]any `json:"request"`
	Response map[string]any `json:"response,omitempty"`
}

// newTool describes a method by its name, a request that shows something, and what calls it.
func newTool[Q, A any](name string, example *Q, call func(context.Context, *Q) (*A, error)) tool {
	return tool{name: name, example: example, call: func(ctx context.Context, text string) (report, error) {
		request := example
		if text != "" {
			request = new(Q)
			if err := read(text, request); err != nil {
				return report{}, fmt.Errorf("the request for %s: %w", name, err)
			}
		}
		response, err := call(ctx, request)
		if err != nil {
			return report{}, err
		}
		return report{Tool: name, Request: members(request), Response: members(response)}, nil
	}}
}

// use answers what became of one tool, or of all of them, as JSON.
func use(ctx context.Context, known []tool, wanted, request string) (string, error) {
	switch wanted {
	case listName:
		listed := make([]report, 0, len(known))
		for _, one := range known {
			listed = append(listed, report{Tool: one.name, Request: members(one.example)})
		}
		return write(listed)
	case allName:
		done := make([]report, 0, len(known))
		for _, one := range known {
			result, err := one.call(ctx, "")
			if err != nil {
				return "", fmt.Errorf("%s: %w", one.name, err)
			}
			done = append(done, result)
		}
		return write(done)
	}
	for _, one := range known {
		if one.name == wanted {
			result, err := one.call(ctx, request)
			if err != nil {
				return "", err
			}
			return write(result)
		}
	}
	return "", errNoTool
}

// read takes a request as plain JSON: numbers are numbers, bytes are base64, an unknown member is a fault.
func read(text string, request any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(request)
}

func write(value any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return strings.TrimSpace(text.String()), err
}

// members are the fields of a message by the names of the .proto file. Unlike the library's JSON it has the
// empty ones too: that `exists` is false is what one wants to see.
func members(message any) map[string]any {
	found := map[string]any{}
	value := reflect.ValueOf(message).Elem()
	for index := range value.NumField() {
		field := value.Type().Field(index)
		member, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || member == "" {
			continue
		}
		found[member] = orEmpty(value.Field(index))
	}
	return found
}

// orEmpty is the field's value; no bytes and no entries are empty ones, where JSON would have null.
func orEmpty(field reflect.Value) any {
	switch {
	case field.Kind() == reflect.Slice && field.IsNil():
		return reflect.MakeSlice(field.Type(), 0, 0).Interface()
	case field.Kind() == reflect.Map && field.IsNil():
		return reflect.MakeMap(field.Type()).Interface()
	}
	return field.Interface()
}
