package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrExists is returned by Create when there is an ocis.yaml already.
var ErrExists = errors.New("there is a configuration already")

// Create writes a new ocis.yaml that only the user can read. It never replaces one: of
// two processes that try at once, one gets ErrExists.
func Create(paths Paths, content []byte) error {
	if err := os.MkdirAll(paths.Config, 0o700); err != nil {
		return fmt.Errorf("cannot make the folder of the configuration: %w", err)
	}
	file, err := os.CreateTemp(paths.Config, ".ocis.yaml-*") // mode 0600
	if err != nil {
		return fmt.Errorf("cannot write the configuration: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("cannot write the configuration: %w", err)
	}
	// link(2) fails when the name is taken, where rename(2) would replace it.
	err = os.Link(file.Name(), paths.File())
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", paths.File(), ErrExists)
	}
	if err != nil {
		return fmt.Errorf("cannot write the configuration: %w", err)
	}
	return syncDir(filepath.Dir(paths.File()))
}

func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("cannot sync %s: %w", dir, err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}
