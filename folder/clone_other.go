//go:build !linux && !darwin

package folder

import "errors"

// clone has no common call here; a hard link is tried next.
func clone(_, _ string) error { return errors.ErrUnsupported }
