//go:build wasip1

package main

import (
	"context"

	"github.com/knqyf263/go-plugin/wasm"
	"github.com/navidrome/navidrome/plugins/host/config"
)

// hostGetConfig is the function that Navidrome's plugin document names. Its published library imports
// get_plugin_config instead, which is all that Navidrome has; so a module with this import runs in the
// workbench only. In a plugin of your own, use config.NewConfigService().
//
//go:wasmimport env get_config
func hostGetConfig(ptr, size uint32) uint64

// getConfig calls the import by hand. It is what the library does for the others.
func getConfig(_ context.Context, request *config.GetPluginConfigRequest) (*config.GetPluginConfigResponse, error) {
	sent, err := request.MarshalVT()
	if err != nil {
		return nil, err
	}
	ptr, size := wasm.ByteToPtr(sent)
	packed := hostGetConfig(ptr, size)
	wasm.Free(ptr)

	response := new(config.GetPluginConfigResponse)
	err = response.UnmarshalVT(wasm.PtrToByte(uint32(packed>>32), uint32(packed)))
	return response, err
}
