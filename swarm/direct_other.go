//go:build !linux

package swarm

import (
	"errors"
	"os"
)

// openDirect has no equal here that is worth it.
func openDirect(*os.Root, string) (*os.File, error) { return nil, errors.ErrUnsupported }
