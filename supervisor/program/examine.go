package program

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
)

// Examine returns why a file cannot be executed here: it is none, nobody may, others may
// write to it, or it is made for another machine. It does not execute it.
func Examine(path string) error {
	file, err := openExecutable(path)
	if err != nil {
		return err
	}
	return file.Close()
}

// openExecutable opens a file for reading that can be executed here.
func openExecutable(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	if err := examine(file); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func examine(file *os.File) error {
	path := file.Name()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return fmt.Errorf("%s is not a file", path)
	case mode.Perm()&0o111 == 0:
		return fmt.Errorf("%s is not executable (mode %04o): chmod 700 %s", path, mode.Perm(), path)
	case mode.Perm()&0o022 != 0:
		return fmt.Errorf("%s can be written by others (mode %04o): chmod go-w %s", path, mode.Perm(), path)
	}
	head := make([]byte, 20)
	n, err := file.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	if problem := unfit(head[:n]); problem != "" {
		return fmt.Errorf("%s %s", path, problem)
	}
	return nil
}

// machines are the values of e_machine (elf(5)) by GOARCH.
var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "386": elf.EM_386, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "riscv64": elf.EM_RISCV,
	"ppc64le": elf.EM_PPC64, "ppc64": elf.EM_PPC64, "s390x": elf.EM_S390, "loong64": elf.EM_LOONGARCH, "mips64le": elf.EM_MIPS,
}

// unfit says what is wrong with a file that begins like this; "": nothing that can be seen.
// Only Linux' own format tells more than that it is a program.
func unfit(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		return ""
	case !bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		if runtime.GOOS == "linux" {
			return "is neither a program nor a script that begins with #!: build it for linux/" + runtime.GOARCH
		}
		return ""
	case len(head) < 20:
		return "is cut off: copy it again"
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	found, here := elf.Machine(order.Uint16(head[18:])), machines[runtime.GOARCH]
	if here != 0 && found != here {
		return fmt.Sprintf("is made for another machine (%s, this one is %s): build it with GOARCH=%s", found, here, runtime.GOARCH)
	}
	return ""
}
