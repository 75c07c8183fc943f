// The peer of the benchmarks: the stack on which Navidrome 0.59 runs its plugins, wazero under the host side of
// its published plugin library, with nothing of a server around it.
//
// It reads one request per line from stdin and answers each with one line on stdout, both JSON. What it measures
// it measures itself, so that the pipe is in no figure. Stdin's end ends it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// request is what the benchmark asks for. Do says what; the other fields are for those that need them.
type request struct {
	Do      string   `json:"do"`
	Plugins []source `json:"plugins"`
	Plugin  string   `json:"plugin"`
	Path    string   `json:"path"`
	Cache   string   `json:"cache"` // folder of compiled code; none when empty
	Method  string   `json:"method"`
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Count   int      `json:"count"`
}

// source is a plugin's module, the name under which it is kept, and what the user has set for it.
type source struct {
	Plugin   string   `json:"plugin"`
	Path     string   `json:"path"`
	Settings settings `json:"settings"`
}

// answer holds what of its fields the request is about. Times are in nanoseconds.
type answer struct {
	Error     string  `json:"error,omitempty"`
	Times     []int64 `json:"times,omitempty"`      // of each repetition
	CompileNs int64   `json:"compile_ns,omitempty"` // module read and compiled, or loaded from the cache
	StartNs   int64   `json:"start_ns,omitempty"`   // first instance started
	AllNs     int64   `json:"all_ns,omitempty"`     // all repetitions, with what lies between them
	Text      string  `json:"text,omitempty"`       // what the plugin answered last
	Resident  int64   `json:"resident,omitempty"`   // bytes; absent where the system does not tell
}

func main() {
	ctx := context.Background()
	bench := &bench{plugins: map[string]*plugin{}}
	requests := bufio.NewScanner(os.Stdin)
	requests.Buffer(nil, 1<<20)
	answers := json.NewEncoder(os.Stdout)
	for requests.Scan() {
		reply, err := serve(ctx, bench, requests.Bytes())
		if err != nil {
			reply = answer{Error: err.Error()}
		}
		if err := answers.Encode(reply); err != nil {
			fatal(err)
		}
	}
	if err := requests.Err(); err != nil {
		fatal(err)
	}
}

func serve(ctx context.Context, bench *bench, line []byte) (answer, error) {
	var wanted request
	if err := json.Unmarshal(line, &wanted); err != nil {
		return answer{}, fmt.Errorf("not a request: %w", err)
	}
	switch wanted.Do {
	case "compile":
		return bench.compile(ctx, wanted)
	case "load":
		return bench.load(ctx, wanted)
	case "start":
		return bench.start(ctx, wanted)
	case "isolated":
		return bench.isolated(ctx, wanted)
	case "call":
		return bench.call(ctx, wanted)
	case "memory":
		return bench.memory()
	}
	return answer{}, fmt.Errorf("no such request: %q", wanted.Do)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "benchmark peer:", err)
	os.Exit(1)
}
