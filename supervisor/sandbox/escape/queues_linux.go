package escape

import (
	"bytes"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// queueBytes is the size of the shared memory and of a message.
const queueBytes = 64

// makeQueues makes a segment of shared memory with a secret, a System V message queue and
// a POSIX one. What the kernel was built without stays -1 and is not applicable.
func (t *Targets) makeQueues() error {
	if id, err := unix.SysvShmGet(unix.IPC_PRIVATE, queueBytes, unix.IPC_CREAT|0o600); err == nil {
		t.SharedMemory = id
		memory, err := unix.SysvShmAttach(id, 0, 0)
		if err != nil {
			return fmt.Errorf("attach shared memory: %w", err)
		}
		copy(memory, t.Token)
		if err := unix.SysvShmDetach(memory); err != nil {
			return fmt.Errorf("detach shared memory: %w", err)
		}
	}
	if id, _, errno := syscall.Syscall(unix.SYS_MSGGET, unix.IPC_PRIVATE, unix.IPC_CREAT|0o600, 0); errno == 0 {
		t.MessageQueue = int(id)
	}
	if fd, err := t.openQueue(unix.O_CREAT | unix.O_EXCL | unix.O_RDWR); err == nil {
		unix.Close(fd)
	}
	return nil
}

func (t *Targets) removeQueues() {
	// A number can be taken by somebody else once the suite's own is gone, and nothing but
	// the suite itself removes them, so each is removed exactly once. Zero is a valid one.
	if t.SharedMemory >= 0 {
		_, _ = unix.SysvShmCtl(t.SharedMemory, unix.IPC_RMID, nil)
	}
	if t.MessageQueue >= 0 {
		syscall.Syscall(unix.SYS_MSGCTL, uintptr(t.MessageQueue), unix.IPC_RMID, 0)
	}
	if name, err := unix.BytePtrFromString(t.name("queue")); err == nil {
		syscall.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(name)), 0, 0)
	}
}

// openQueue opens the POSIX queue; its default size is the system's.
func (t *Targets) openQueue(flags int) (int, error) {
	name, err := unix.BytePtrFromString(t.name("queue"))
	if err != nil {
		return -1, err
	}
	fd, _, errno := syscall.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(name)),
		uintptr(flags|unix.O_CLOEXEC|unix.O_NONBLOCK), 0o600, 0, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// message is struct msgbuf of msgop(2).
type message struct {
	kind int
	text [queueBytes]byte
}

func queues() []attempt {
	const group = "ipc"
	return []attempt{
		{name: "shared-memory", group: group, expected: "no such segment in its ipc namespace", try: readSharedMemory},
		{name: "sysv-message", group: group, expected: "no such queue in its ipc namespace", try: sendSysV, seen: sysvArrived},
		{name: "posix-message", group: group, expected: "no such queue in its ipc namespace", try: sendPosix, seen: posixArrived},
	}
}

func readSharedMemory(t *Targets) outcome {
	if t.SharedMemory < 0 {
		return notApplicable("this kernel has no System V shared memory")
	}
	memory, err := unix.SysvShmAttach(t.SharedMemory, 0, unix.SHM_RDONLY)
	if err != nil {
		return refused(err)
	}
	if !bytes.HasPrefix(memory, []byte(t.Token)) {
		return withheld("a segment of its own")
	}
	return obtained("read another process's shared memory")
}

func sendSysV(t *Targets) outcome {
	if t.MessageQueue < 0 {
		return notApplicable("this kernel has no System V queues")
	}
	m := message{kind: 1}
	copy(m.text[:], t.Token)
	_, _, errno := syscall.Syscall6(unix.SYS_MSGSND, uintptr(t.MessageQueue), uintptr(unsafe.Pointer(&m)),
		queueBytes, unix.IPC_NOWAIT, 0, 0)
	if errno != 0 {
		return refused(errno)
	}
	return obtained("sent a message to another process's queue")
}

func sysvArrived(t *Targets) bool {
	if t.MessageQueue < 0 {
		return false
	}
	var m message
	_, _, errno := syscall.Syscall6(unix.SYS_MSGRCV, uintptr(t.MessageQueue), uintptr(unsafe.Pointer(&m)),
		queueBytes, 0, unix.IPC_NOWAIT, 0)
	return errno == 0 && bytes.HasPrefix(m.text[:], []byte(t.Token))
}

func sendPosix(t *Targets) outcome {
	fd, err := t.openQueue(unix.O_WRONLY)
	if err != nil {
		return refused(err)
	}
	defer unix.Close(fd)
	text := []byte(t.Token)
	_, _, errno := syscall.Syscall6(unix.SYS_MQ_TIMEDSEND, uintptr(fd), uintptr(unsafe.Pointer(&text[0])),
		uintptr(len(text)), 0, 0, 0)
	if errno != 0 {
		return refused(errno)
	}
	return obtained("sent a message to another process's queue")
}

func posixArrived(t *Targets) bool {
	fd, err := t.openQueue(unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	text := make([]byte, 1<<16) // the kernel wants room for the longest that the queue takes, 8 KiB by default
	n, _, errno := syscall.Syscall6(unix.SYS_MQ_TIMEDRECEIVE, uintptr(fd), uintptr(unsafe.Pointer(&text[0])),
		uintptr(len(text)), 0, 0, 0)
	return errno == 0 && string(text[:n]) == t.Token
}
