package portmap

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"kith"
)

// defaultGateway reads the kernel's table of IPv4 routes.
func defaultGateway() (netip.Addr, error) {
	f, err := os.Open("/proc/net/route")
	switch {
	case errors.Is(err, fs.ErrPermission): // as on Android
		return netip.Addr{}, errNoGateway
	case err != nil:
		return netip.Addr{}, kith.Errorf(kith.Unreachable, "reading the routes of this device: %w", err)
	}
	defer f.Close()
	return parseRoutes(f)
}

// parseRoutes finds the gateway of the default route with the lowest metric in
// a table as of proc_net_route(5).
func parseRoutes(table io.Reader) (netip.Addr, error) {
	const up, gateway = 1, 2 // RTF_UP, RTF_GATEWAY of linux/route.h
	var best netip.Addr
	var least uint64
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		// Interface Destination Gateway Flags RefCnt Use Metric Mask …
		field := strings.Fields(lines.Text())
		if len(field) < 8 || field[1] != "00000000" || field[7] != "00000000" {
			continue
		}
		flags, err := strconv.ParseUint(field[3], 16, 32)
		if err != nil || flags&(up|gateway) != up|gateway {
			continue
		}
		metric, err := strconv.ParseUint(field[6], 10, 64)
		raw, err2 := hex.DecodeString(field[2])
		if err != nil || err2 != nil || len(raw) != 4 {
			continue
		}
		if !best.IsValid() || metric < least {
			// The number is printed as this machine reads it.
			var addr [4]byte
			binary.NativeEndian.PutUint32(addr[:], binary.BigEndian.Uint32(raw))
			best, least = netip.AddrFrom4(addr), metric
		}
	}
	if !best.IsValid() {
		return best, errNoGateway
	}
	return best, nil
}
