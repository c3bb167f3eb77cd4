package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"kith"
	"kith/people"
	"kith/store"
)

// fingerprint is a key as people read it: the first 20 bytes of its SHA-256 in
// hex, in groups of four.
func fingerprint(key [32]byte) string {
	sum := sha256.Sum256(key[:])
	digits := hex.EncodeToString(sum[:20])
	groups := make([]string, 0, len(digits)/4)
	for group := range slices.Chunk([]byte(digits), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, " ")
}

// contactKey shows how things stand with the account key of a contact.
func contactKey(c *kith.Contact) ContactKey {
	key := ContactKey{Fingerprint: fingerprint(c.Account), State: KeyIntact}
	name := people.DisplayName(c)
	switch {
	case c.Warning != "":
		key.State, key.Reason = KeyRefused, c.Warning
	case c.Relation == kith.Removed:
		key.State, key.Reason = KeyRefused, name+" is not a contact any more: nothing is accepted from this key."
	case c.Relation == kith.Asked:
		key.State, key.Reason = KeyWaiting, name+" has not answered yet: this is the key that the invitation named."
	case c.Relation == kith.Asking:
		key.State, key.Reason = KeyWaiting, name+" asks to become a contact: the key counts when you accept."
	case c.Verified.IsZero():
		key.Reason = "Everything from " + name + " came with this key. Compare safety numbers to know that it is theirs."
	default:
		key.Reason = "You compared safety numbers with " + name + ": it is theirs."
	}
	return key
}

// A formerDevice is a device key of this account that another one replaced.
type formerDevice struct {
	Device kith.DeviceID `json:"device"`
	Until  time.Time     `json:"until"`
}

// retire gives the setting that adds a device to those that were replaced.
func retire(ctx context.Context, st *store.Store, device kith.DeviceID, now time.Time) ([]byte, error) {
	var former []formerDevice
	if err := loadJSON(ctx, st, setFormer, &former); err != nil {
		return nil, err
	}
	return json.Marshal(append(former, formerDevice{device, now.UTC()}))
}

// Keys lists the keys of this account: its own, this device's, those of its
// other devices, and those that were replaced.
func (n *Node) Keys(ctx context.Context) ([]Key, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	former, err := r.formerDevices(ctx)
	if err != nil {
		return nil, err
	}
	own := r.id.peer
	list := []Key{
		{
			Kind: "account", ID: own.Account.String(), Name: r.name(own.Account), This: true, Fingerprint: fingerprint(own.Account),
			State: KeyIntact, Reason: "Your contacts know you by this key. It never leaves your devices and their backups.",
		},
		deviceKey(own.Device, true, "This device proves with it that it is yours."),
	}
	for _, d := range r.card().Devices {
		if d != own.Device {
			list = append(list, deviceKey(d, false, "Another device of yours, certified by your account."))
		}
	}
	for _, f := range former {
		key := deviceKey(f.Device, false, "Replaced by a newer key, when this account came back from a backup or an older copy: contacts link with it no more.")
		key.State, key.Since = KeyRefused, optional(f.Until)
		list = append(list, key)
	}
	return list, nil
}

func deviceKey(d kith.DeviceID, this bool, reason string) Key {
	return Key{Kind: "device", ID: d.String(), Name: d.Short(), This: this, Fingerprint: fingerprint(d), State: KeyIntact, Reason: reason}
}

// formerDevices are those that are known to have been replaced, the last one
// first, and whoever else wrote in this account's name and is not on its card:
// from before replacements were noted.
func (r *run) formerDevices(ctx context.Context) ([]formerDevice, error) {
	var former []formerDevice
	if err := loadJSON(ctx, r.store, setFormer, &former); err != nil {
		return nil, err
	}
	slices.Reverse(former)
	wrote, err := r.store.DevicesOf(ctx, r.id.peer.Account)
	if err != nil {
		return nil, fmt.Errorf("looking for former devices: %w", err)
	}
	present := r.card().Devices
	for _, d := range wrote {
		known := slices.ContainsFunc(former, func(f formerDevice) bool { return f.Device == d })
		if !known && !slices.Contains(present, d) {
			former = append(former, formerDevice{Device: d})
		}
	}
	return former, nil
}
