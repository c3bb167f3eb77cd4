package node

import (
	"io"
	"time"

	"kith"
)

// A File is what a message shares: a file or a folder.
type File struct {
	Name     string `json:"name" doc:"The last part of the path"`
	Path     string `json:"path" doc:"Where its sharer put it in the conversation's folder, with / between the segments"`
	Size     int64  `json:"size" doc:"Bytes, all files together"`
	Files    int    `json:"files" doc:"1 for a file; how many a folder holds"`
	Folder   bool   `json:"folder"`
	Type     string `json:"type" doc:"MIME type by the sharer's word; empty if unknown, and of a folder"`
	Width    int    `json:"width,omitempty" doc:"Pixels of a picture or film, upright"`
	Height   int    `json:"height,omitempty"`
	Duration int    `json:"duration_ms,omitempty" doc:"Of a film or sound"`
	Preview  bool   `json:"preview" doc:"There is a small picture, see getPreview"`
	// Replaces is the message of the version before this one, ReplacedBy that
	// of the one after it.
	Replaces   *kith.EventID `json:"replaces,omitempty" doc:"Message with the version before this one"`
	ReplacedBy *kith.EventID `json:"replaced_by,omitempty" doc:"Message with the version after this one"`
	Transfer   Transfer      `json:"transfer"`
	// Kept is how it stands at the seedboxes of this person's hubs.
	Kept []Kept `json:"kept" doc:"How it stands at hubs that keep it for when this device is away"`
}

// A Kept is how a share stands at a hub that keeps it.
type Kept struct {
	Hub    string     `json:"hub" doc:"Its name"`
	Have   int64      `json:"have" doc:"Bytes of it that are there"`
	Size   int64      `json:"size" doc:"Bytes of it in all, sealed; 0 while that is not known"`
	Until  *time.Time `json:"until,omitempty" doc:"All of it is there, at least until then; it is renewed while this device is on"`
	Reason string     `json:"reason,omitempty" doc:"Why it is not all there, as a sentence"`
}

// A TransferState says how a share stands on this device.
type TransferState string

// The states of a transfer.
const (
	TransferNone     TransferState = "none"     // not wanted here; a click fetches it
	TransferWaiting  TransferState = "waiting"  // for somebody who has it
	TransferQueued   TransferState = "queued"   // for its turn
	TransferFetching TransferState = "fetching" //
	TransferChecking TransferState = "checking" // what lies on the disk
	TransferPaused   TransferState = "paused"
	TransferPartial  TransferState = "partial"  // all that is wanted of it is here
	TransferComplete TransferState = "complete" // all of it is here, and handed on
	TransferFull     TransferState = "full"     // the disk is
	TransferMissing  TransferState = "missing"  // it was here, and is gone from the disk
	TransferChanged  TransferState = "changed"  // what lies on the disk is no longer what was shared
	TransferFailed   TransferState = "failed"
)

// A Transfer is how a share stands on this device.
type Transfer struct {
	State  TransferState `json:"state" enum:"none,waiting,queued,fetching,checking,paused,partial,complete,full,missing,changed,failed"`
	Reason string        `json:"reason,omitempty" doc:"Of waiting, full, missing, changed and failed: what is the matter, and what one can do, as a sentence"`
	Own    bool          `json:"own" doc:"Shared from this device"`
	Path   string        `json:"path,omitempty" doc:"Where it lies on this device, or will"`
	Done   int64         `json:"done" doc:"Bytes that are here of what is wanted"`
	Total  int64         `json:"total" doc:"Bytes that are wanted"`
	Down   float64       `json:"down" doc:"Bytes a second"`
	Up     float64       `json:"up" doc:"Bytes a second"`
	Left   *int          `json:"left_s,omitempty" doc:"Seconds until it is here, if that can be told"`
	From   []Carrier     `json:"from" doc:"With whom pieces are exchanged right now"`
}

// A Carrier is a member with whom pieces of a share are exchanged, or a hub.
type Carrier struct {
	Name string `json:"name"`
	Way  string `json:"way" enum:"direct,link,hub" doc:"direct: a connection of its own; link: through the link; hub: a hub that keeps it"`
	Down int64  `json:"down" doc:"Bytes got from them"`
	Up   int64  `json:"up" doc:"Bytes given to them"`
}

// A FileEntry is one file of a share.
type FileEntry struct {
	Number   int    `json:"number" doc:"Its place in the share, as in getFile"`
	Path     string `json:"path" doc:"In the shared folder, with / between the segments; the name of a single file"`
	Size     int64  `json:"size"`
	Done     int64  `json:"done" doc:"Bytes that are here"`
	Complete bool   `json:"complete"`
	Wanted   bool   `json:"wanted"`
	First    bool   `json:"first,omitempty" doc:"Before the others"`
	Local    string `json:"local,omitempty" doc:"Where it lies on this device, or will"`
}

// A Torrent is an ordinary torrent that a message passes on. It is public:
// whoever fetches it is seen by all who do.
type Torrent struct {
	Name     string         `json:"name"`
	Size     int64          `json:"size,omitempty" doc:"Bytes, if known"`
	Magnet   string         `json:"magnet"`
	Transfer Transfer       `json:"transfer"`
	Options  TorrentOptions `json:"options"`
}

// TorrentOptions are those of one ordinary torrent.
type TorrentOptions struct {
	Sequential bool    `json:"sequential" doc:"From the beginning to the end"`
	FirstLast  bool    `json:"first_last" doc:"The first and last piece of each file before the others"`
	Ratio      float64 `json:"ratio" minimum:"0" maximum:"1000" doc:"Stop giving it on after so many times its size; 0: never"`
	// Files is only asked for, and never told: FileEntry tells it of each file.
	Files map[string]string `json:"files,omitempty" doc:"How much single files are wanted, by their path: skip, normal or high. Others stay as they are; see listFileEntries"`
}

// A Folder is where the files of a conversation lie, and which are fetched.
type Folder struct {
	Path  string `json:"path" doc:"Absolute; where it would be made if it does not exist yet"`
	Made  bool   `json:"made" doc:"It exists and is watched: what is put into it is shared"`
	Fetch string `json:"fetch" enum:"all,small,click" doc:"Of what others share: everything, what is not larger than most, or only what one clicks on"`
	Most  int64  `json:"most" doc:"Bytes, for small"`
	// Problem is why the folder can't be used at present.
	Problem string          `json:"problem,omitempty" doc:"Why it can't be used or watched at present, as a sentence"`
	Skipped []FolderSkipped `json:"skipped" doc:"What lies in it and is not shared, at most 100"`
}

// FolderSkipped is a file in a folder that is not shared.
type FolderSkipped struct {
	Path   string `json:"path" doc:"Below the folder"`
	Reason string `json:"reason"`
}

// A FolderChange says what to change of a Folder; what is absent stays.
type FolderChange struct {
	Path  *string `json:"path,omitempty" doc:"Absolute; what is in the old folder is moved if it can be"`
	Fetch *string `json:"fetch,omitempty" enum:"all,small,click"`
	Most  *int64  `json:"most,omitempty" minimum:"0"`
}

// A ShareRequest says what to share.
type ShareRequest struct {
	Paths   []string      `json:"paths" minItems:"1" maxItems:"1000" doc:"Files and folders on the node's machine, absolute"`
	Caption string        `json:"caption,omitempty" doc:"A text beside the first of them"`
	ReplyTo *kith.EventID `json:"reply_to,omitempty"`
	// KeepLocation leaves in photos where they were taken.
	KeepLocation bool `json:"keep_location,omitempty" doc:"Leave in photos where they were taken; otherwise that is taken out of what is sent, and the originals stay as they are"`
}

// Sealing tells how far something to be shared has been read.
type Sealing struct {
	Conversation kith.ConversationID `json:"conversation"`
	Name         string              `json:"name"`
	Done         int64               `json:"done" doc:"Bytes"`
	Total        int64               `json:"total"`
	Ended        bool                `json:"ended" doc:"It is shared, or failed"`
}

// Transfers is all that is being fetched or handed on.
type Transfers struct {
	Down     float64          `json:"down" doc:"Bytes a second, all together"`
	Up       float64          `json:"up"`
	Messages []Message        `json:"messages" doc:"Whose files are fetched or wait, in their order, and then those that are handed on right now; at most 500"`
	Settings TransferSettings `json:"settings"`
	Now      Limits           `json:"now" doc:"The limits that hold at this time of day"`
}

// Limits are bounds of speed.
type Limits struct {
	Down int64 `json:"down" minimum:"0" doc:"Bytes a second; 0: none"`
	Up   int64 `json:"up" minimum:"0" doc:"Bytes a second; 0: none"`
}

// TransferSettings are what a person sets for all transfers.
type TransferSettings struct {
	Limits
	// Hours override the limits by time of day; the first that fits counts.
	Hours    []Hours `json:"hours" maxItems:"20" doc:"Other limits for a time of the day; the first that fits counts"`
	Torrents bool    `json:"torrents" doc:"Fetch ordinary torrents too. Others on the internet see what one fetches"`
	Default  string  `json:"fetch" enum:"all,small,click" doc:"What is fetched by itself in conversations that say nothing else"`
	Most     int64   `json:"most" minimum:"0" doc:"Bytes, for small"`
}

// Hours are limits for a part of every day.
type Hours struct {
	From  string `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"Local time" example:"22:00"`
	Until string `json:"until" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"Local time; before from: of the next day" example:"07:00"`
	Limits
}

// A Content is one file of a share, to be read. While it arrives, what is read
// is fetched first.
type Content struct {
	io.ReadSeekCloser
	Name     string // without folders
	Type     string // MIME type by what its name and sharer say
	Size     int64
	Modified time.Time
	Complete bool // all of it is on this disk
}

// A FilesPage asks for a part of a list of files: the newest, or the newest
// before a message.
type FilesPage struct {
	Limit  int          // 1 to 500; zero means 50
	Before kith.EventID // only older ones
}

// A FetchRequest says what of a share to fetch.
type FetchRequest struct {
	Files []string `json:"files,omitempty" maxItems:"100000" doc:"Paths in a shared folder; none: all of it"`
	First bool     `json:"first,omitempty" doc:"Before all others"`
}

// An UploadRequest says how what was uploaded is shared.
type UploadRequest struct {
	Caption      string        `json:"caption,omitempty" doc:"A text beside the first of them"`
	ReplyTo      *kith.EventID `json:"reply_to,omitempty"`
	KeepLocation bool          `json:"keep_location,omitempty" doc:"As in shareFiles"`
}
