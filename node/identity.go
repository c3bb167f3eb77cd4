package node

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kith"
	"kith/seal"
	"kith/store"
	"kith/wire"
)

// The names of settings in the store.
const (
	setAccountKey  = "account key" // Ed25519 seed
	setDeviceKey   = "device key"  // Ed25519 seed
	setSelfKey     = "self key"
	setDoor        = "door secret"    // X25519, of the account
	setCard        = "card"           // own signed card
	setRestored    = "restored"       // present: this store is an older copy; see rolledBack
	setFormer      = "former devices" // JSON of []formerDevice, the last one last
	setReissue     = "reissue"        // the former device whose events have to be numbered anew
	setHidden      = "hidden"         // present: this person is not visible
	setPort        = "port"           // UDP port of the last run
	setPreferences = "preferences"
	setICE         = "ice"
)

// rolledBack is the value of setRestored for a store that went on writing as
// the same device after it was set back, so that numbers were used twice. After
// a restored backup nothing was written yet, and nothing has to be numbered
// anew.
const rolledBack = "rolled back"

// An identity is who this node is: its keys and its card.
type identity struct {
	account ed25519.PrivateKey
	device  ed25519.PrivateKey
	cert    []byte // the account's certification of the device
	self    kith.Secret
	door    kith.Secret // whose public half is in the card
	peer    kith.Peer
}

// fellowSecret is what this account has in common with somebody whose card it
// knows.
func (id *identity) fellowSecret(card kith.Card) (kith.Secret, error) {
	return seal.FellowSecret(id.door, id.peer.Account, card.Door, card.Account)
}

// loadIdentity reads the keys of the store, and makes them on first start. A
// store that comes from a backup gets a new device key: numbers that the old
// device may have used since are never used again.
func loadIdentity(ctx context.Context, st *store.Store, now time.Time) (*identity, error) {
	var id identity
	seeds := map[string][]byte{}
	for _, name := range []string{setAccountKey, setDeviceKey, setSelfKey, setDoor, setRestored} {
		value, err := st.Setting(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("reading the keys: %w", err)
		}
		seeds[name] = value
	}
	fresh := seeds[setAccountKey] == nil
	if fresh {
		id.account, id.device, id.self = seal.NewAccountKey(), seal.NewDeviceKey(), seal.NewSelfKey()
	} else {
		if len(seeds[setAccountKey]) != ed25519.SeedSize || len(seeds[setDeviceKey]) != ed25519.SeedSize || len(seeds[setSelfKey]) != len(id.self) {
			return nil, kith.Errorf(kith.Damaged, "the keys in the store are damaged; restore a backup")
		}
		id.account = ed25519.NewKeyFromSeed(seeds[setAccountKey])
		id.device = ed25519.NewKeyFromSeed(seeds[setDeviceKey])
		id.self = kith.Secret(seeds[setSelfKey])
	}
	id.certify()
	doorless := len(seeds[setDoor]) != len(id.door) // made by a version before there were doors
	if doorless {
		id.door = seal.NewDoorSecret()
	} else {
		id.door = kith.Secret(seeds[setDoor])
	}
	switch {
	case fresh:
		err := st.Update(ctx, func(tx *store.Tx) error {
			if err := id.put(tx); err != nil {
				return err
			}
			return id.putCard(tx, kith.Card{}, 0, now)
		})
		return &id, err
	case seeds[setRestored] != nil:
		return id.renew(ctx, st, string(seeds[setRestored]) == rolledBack, now)
	case doorless:
		return &id, id.putDoor(ctx, st, now)
	}
	return &id, nil
}

// putDoor stores a door secret where there was none, and its public half in the
// card.
func (id *identity) putDoor(ctx context.Context, st *store.Store, now time.Time) error {
	card, err := ownCard(ctx, st)
	if err != nil {
		return err
	}
	return st.Update(ctx, func(tx *store.Tx) error {
		if err := tx.PutSetting(setDoor, id.door[:]); err != nil {
			return err
		}
		return id.putCard(tx, card, 0, now)
	})
}

func (id *identity) certify() {
	id.peer.Account = kith.AccountID(id.account.Public().(ed25519.PublicKey))
	id.peer.Device = kith.DeviceID(id.device.Public().(ed25519.PublicKey))
	id.cert = seal.CertifyDevice(id.account, id.peer.Device)
}

func (id *identity) put(tx *store.Tx) error {
	for name, value := range map[string][]byte{
		setAccountKey: id.account.Seed(),
		setDeviceKey:  id.device.Seed(),
		setSelfKey:    id.self[:],
		setDoor:       id.door[:],
		setRestored:   nil,
	} {
		if err := tx.PutSetting(name, value); err != nil {
			return err
		}
	}
	return nil
}

// renew gives this installation a new device key, which takes the old one's
// place in the card, and stores both.
func (id *identity) renew(ctx context.Context, st *store.Store, reissue bool, now time.Time) (*identity, error) {
	card, err := ownCard(ctx, st)
	if err != nil {
		return nil, err
	}
	next := &identity{account: id.account, device: seal.NewDeviceKey(), self: id.self, door: id.door}
	next.certify()
	retired, err := retire(ctx, st, id.peer.Device, now)
	if err != nil {
		return nil, err
	}
	card.Devices = slices.DeleteFunc(card.Devices, func(d kith.DeviceID) bool { return d == id.peer.Device })
	err = st.Update(ctx, func(tx *store.Tx) error {
		if err := next.put(tx); err != nil {
			return err
		}
		if err := tx.PutSetting(setFormer, retired); err != nil {
			return err
		}
		if reissue {
			if err := tx.PutSetting(setReissue, id.peer.Device[:]); err != nil {
				return err
			}
		}
		return next.putCard(tx, card, 0, now)
	})
	return next, err
}

// putCard signs and stores the own card with this device in it. Its version is
// later than that of card, than newerThan, and than most that a lost store may
// have signed: it is the time.
func (id *identity) putCard(tx *store.Tx, card kith.Card, newerThan uint64, now time.Time) error {
	card.Account, card.Door = id.peer.Account, seal.DoorPublic(id.door)
	card.Version = max(card.Version+1, newerThan+1)
	if ms := now.UnixMilli(); ms > 0 {
		card.Version = max(card.Version, uint64(ms))
	}
	if !slices.Contains(card.Devices, id.peer.Device) {
		card.Devices = append(card.Devices, id.peer.Device)
	}
	signed, err := seal.SignCard(id.account, card)
	if err != nil {
		return err
	}
	return tx.PutSetting(setCard, signed)
}

// ownCard reads the own card.
func ownCard(ctx context.Context, st *store.Store) (kith.Card, error) {
	signed, err := st.Setting(ctx, setCard)
	if err != nil {
		return kith.Card{}, err
	}
	card, _, _, err := wire.ParseSignedCard(signed)
	if err != nil {
		return kith.Card{}, kith.Errorf(kith.Damaged, "the own card in the store is damaged: %w", err)
	}
	return card, nil
}

// seal completes an event of this device: encoding and proof, which is a
// signature in a sphere.
func (id *identity) seal(ev kith.Event, inSphere bool) (kith.Event, error) {
	ev.Author = id.peer
	raw, err := wire.AppendEvent(nil, &ev)
	if err != nil {
		return ev, err
	}
	ev.Raw = raw
	if inSphere {
		ev.Proof = seal.SignEvent(id.device, ev.Conversation, id.peer.Account, raw)
	} else {
		ev.Proof = seal.SelfTag(id.self, ev.Conversation, id.peer.Device, raw)
	}
	return ev, nil
}

// loadJSON reads a setting that is kept as JSON; v stays as it is if unset.
func loadJSON(ctx context.Context, st *store.Store, name string, v any) error {
	value, err := st.Setting(ctx, name)
	if err != nil || value == nil {
		return err
	}
	if err := json.Unmarshal(value, v); err != nil {
		return kith.Errorf(kith.Damaged, "the setting %q in the store is damaged: %w", name, err)
	}
	return nil
}

// saveJSON writes a setting as JSON.
func saveJSON(ctx context.Context, st *store.Store, name string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return st.Update(ctx, func(tx *store.Tx) error { return tx.PutSetting(name, value) })
}

// loadPort reads the UDP port of the last run; zero if there was none.
func loadPort(ctx context.Context, st *store.Store) int {
	value, err := st.Setting(ctx, setPort)
	if err != nil || len(value) != 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(value))
}

func savePort(ctx context.Context, st *store.Store, port int) error {
	return st.Update(ctx, func(tx *store.Tx) error {
		return tx.PutSetting(setPort, binary.BigEndian.AppendUint16(nil, uint16(port)))
	})
}

// putSetting stores a setting; nil removes it.
func (r *run) putSetting(name string, value []byte) error {
	return r.store.Update(context.WithoutCancel(r.ctx), func(tx *store.Tx) error { return tx.PutSetting(name, value) })
}
