package api

import (
	"context"
	"net/http"

	"kith"
	"kith/node"
)

// transfers are all files that come and go.
type transfers interface {
	Transfers(context.Context) (node.Transfers, error)
	SetTransferSettings(context.Context, node.TransferSettings) (node.TransferSettings, error)
	ShareTorrent(ctx context.Context, ref, magnet string, torrent []byte, caption string) (node.Message, error)
	SetTorrentOptions(ctx context.Context, id string, o node.TorrentOptions) (node.Message, error)
}

type setTransferSettings struct{ Body node.TransferSettings }

// maxTorrent is what a .torrent file may hold.
const maxTorrent = 10 << 20

type shareTorrent struct {
	ByRef
	Body struct {
		Magnet  string `json:"magnet,omitempty" doc:"A magnet link; or else torrent"`
		Torrent []byte `json:"torrent,omitempty" doc:"A .torrent file, at most 10 MiB, in base64; or else magnet"`
		Caption string `json:"caption,omitempty" doc:"A text beside it"`
	}
}

type torrentOptions struct {
	ByID
	Body node.TorrentOptions
}

func addTransfers(s *service, n transfers) {
	add(s, http.MethodGet, "/transfers", "getTransfers", "All that is being fetched or handed on", func(ctx context.Context, _ *none) (node.Transfers, error) {
		return n.Transfers(ctx)
	})
	add(s, http.MethodPut, "/transfers/settings", "setTransferSettings", "Set limits of speed and what is fetched by itself", func(ctx context.Context, in *setTransferSettings) (node.TransferSettings, error) {
		return n.SetTransferSettings(ctx, in.Body)
	})
	add(s, http.MethodPost, "/conversations/{ref}/torrents", "shareTorrent", "Pass an ordinary torrent on", func(ctx context.Context, in *shareTorrent) (node.Message, error) {
		if len(in.Body.Torrent) > maxTorrent {
			return node.Message{}, kith.Errorf(kith.Invalid, "this .torrent file is too large: it may have at most 10 MiB")
		}
		return n.ShareTorrent(ctx, in.Ref, in.Body.Magnet, in.Body.Torrent, in.Body.Caption)
	})
	add(s, http.MethodPut, "/files/{id}/torrent", "setTorrentOptions", "Change how an ordinary torrent is fetched", func(ctx context.Context, in *torrentOptions) (node.Message, error) {
		return n.SetTorrentOptions(ctx, in.ID, in.Body)
	})
}
