//go:build linux

package lab

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// inside calls f on a thread that is in the namespace. What f opens there,
// sockets and devices, stays there wherever it is used later; goroutines that
// f starts run outside.
func inside(space string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer home.Close()
		err = enter(space)
		if err == nil {
			err = f()
		}
		// If the way back fails the goroutine ends locked to the thread, and
		// the runtime discards both.
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

func enter(space string) error {
	f, err := os.Open("/run/netns/" + space)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering namespace %s: %w", space, err)
	}
	return nil
}

// sysctl sets keys below /proc/sys/net, which belong to the namespace.
func sysctl(space string, values map[string]string) error {
	return inside(space, func() error {
		for key, value := range values {
			if err := os.WriteFile("/proc/sys/net/"+key, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// openTAP makes a TAP device in the namespace. It lives until the file is
// closed. Each Read and Write moves one Ethernet frame, with checksums in
// place and no larger than the MTU, since no offload is asked for.
func openTAP(space, name string) (*os.File, error) {
	ifreq, err := unix.NewIfreq(name)
	if err != nil {
		return nil, fmt.Errorf("naming TAP device %s: %w", name, err)
	}
	ifreq.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	var fd int
	err = inside(space, func() error {
		fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("opening /dev/net/tun: %w", err)
		}
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifreq); err != nil {
			unix.Close(fd)
			return fmt.Errorf("making TAP device %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Only an attached TAP can be polled, so the file is made last.
	return os.NewFile(uintptr(fd), "tap "+name), nil
}

// setCarrier tells a TAP device whether a cable is in its socket.
func setCarrier(tap *os.File, up bool) error {
	conn, err := tap.SyscallConn()
	if err != nil {
		return err
	}
	value := 0
	if up {
		value = 1
	}
	var failed error
	if err := conn.Control(func(fd uintptr) {
		failed = unix.IoctlSetPointerInt(int(fd), unix.TUNSETCARRIER, value)
	}); err != nil {
		return err
	}
	return failed
}
