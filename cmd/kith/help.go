package main

import "github.com/spf13/cobra"

func newExitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `Every command ends with one of these codes. Unless it is 0, one line on
standard error says what went wrong.

  0    done
  1    a fault of Kith or of the machine: internal error, full disk, damaged data
  2    wrong usage or invalid input
  3    there is no such contact, message, conversation …
  4    not possible at present, or not allowed: a second node on the same home,
       somebody else's message, a used invitation
  5    unreachable: no node runs, or the other side does not answer
  130  interrupted`,
	}
}

func newJSONTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "json",
		Short: "What --json prints",
		Long: `With --json a command prints one value on one line, and nothing for people.
Lists are arrays, also empty ones. Commands that follow print a value a line.
Those that have nothing to tell print nothing. Fields may be added later and
are never renamed. Times are RFC 3339, IDs base32. Errors stay on standard
error, with the exit codes of "kith help exit-codes".

  me, visible                  me
  invite                       invitation
  invitations                  [invitation]
  join, accept, rename, block, unblock, verify --yes/--unverify
                               contact
  contacts, requests           [contact]
  conversations                [conversation]
  pin, unpin, archive, unarchive
                               conversation
  verify                       {account name digits verified}
  befriend                     contact
  spheres                      [sphere]
  sphere new/show/invite/uninvite/describe/mute/promote/demote/hand-over/remove/leave
                               sphere
  sphere invite --link/--qr    invitation
  sphere join                  sphere; with a line contact
  send                         [message], one for each name
  log, search                  [message]
  log --follow                 message a line; again when it changed
  reply, edit, delete, react   message
  share, files                 [message]
  files --of                   [{number path size done complete wanted first
                                 local}]
  fetch, pause, resume, drop, recheck, torrent
                               message
  transfers                    {down up messages:[message] settings now}
  transfers --follow           message a line
  limits                       settings
  folder                       {path made fetch most problem
                                 skipped:[{path reason}]}
  details                      {message receipts:
                                 [{account name device delivered read}]}
  status                       {me addresses ways contacts:[connection] dropped}
  status --follow              connection a line
  connect                      {line}; empty when an answer was taken
  doctor                       [{subject level (good fair bad) text advice}]
  hubs, hubs add               [hub], hub
  config, config read-marks/typing-marks/dht/map-ports/keep-files
                               {read_marks typing_marks dht map_ports
                                 keep_files ice_servers}
  config ice list/add/remove   [{url username password}]
  keys                         [key]
  storage                      {home database:{path bytes} log:{path bytes}
                                 other_bytes total_bytes free_bytes
                                 conversations messages encrypted}
  kith, up, hub run            {url} when ready
  hub init                     {config}
  hub devices                  [{id name connected since keeps blocked_until}]
  hub block/unblock            one of these
  hub notice, hub notices      {id at to text}, [{id at to text}]
  hub turn add                 {user password}
  version                      {version go platform}

  me           account device name visible encrypted home version
  invitation   line created expires reusable state (open used expired revoked)
  contact      account conversation name own_name petname relation (asked
               asking accepted removed) connection (connected connecting
               blocked disconnected) verified warning blocked blocked_until
               last_seen devices key:{fingerprint state reason} sphere_line
               (asked let_in; of join with a line into a sphere)
  message      id conversation from from_name mine text sent state (pending
               held delivered read) held_by held_until edited deleted reply_to
               reactions:[{emoji from from_name}]
               mentions:[{account text name}] mentions_me order
               file:{name path size files folder type width height
               duration_ms preview replaces replaced_by transfer}
               torrent:{name size magnet transfer
               options:{sequential first_last ratio}}
  transfer     state (none waiting queued fetching checking paused partial
               complete full missing changed failed) reason own path done
               total down up left_s from:[{name way down up}]
  settings     down up hours:[{from until down up}] torrents fetch most
  sphere       id name about picture public full_history state (invited
               joining member left removed) role (creator admin member)
               muted_until invited_by:{account name} members:[{account name
               me role muted_until connection relation since}] invited linked
  hub          url name own phase (connecting connected waiting blocked
               stopped) reason since next parts device space:{used quota}
               notices:[{id at to_you text}]
  conversation id with:{contact} last:{message} unread mentioned typing
               pinned archived draft:{text reply_to mentions}
  key          kind (account device) id name this fingerprint state (intact
               waiting refused) reason since
  connection   account name connection links:[{device way path local remote
               rtt_ms since}] waiting tries next_try
               ways:[{way working reason since}] until`,
	}
}
