package store

import (
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Group is a name and who belongs to it.
type Group struct {
	Name    string
	Members []string // usernames, sorted by their folded form
}

// Groups returns all groups by name.
func (s *Store) Groups() ([]Group, error) {
	var groups []Group
	err := s.view(func(tx *bolt.Tx) error {
		users, err := all(tx)
		if err != nil {
			return err
		}
		return tx.Bucket(bucketGroups).ForEach(func(key, name []byte) error {
			groups = append(groups, group(string(key), string(name), users))
			return nil
		})
	})
	return groups, err
}

// GroupNames returns the names of groups as they were given, for the folded ones of a user.
func (s *Store) GroupNames(folded []string) ([]string, error) {
	if len(folded) == 0 {
		return nil, nil
	}
	var names []string
	err := s.view(func(tx *bolt.Tx) error {
		for _, key := range folded {
			if name := tx.Bucket(bucketGroups).Get([]byte(key)); name != nil {
				names = append(names, string(name))
			}
		}
		return nil
	})
	return names, err
}

// InsertGroup adds an empty group, or returns ErrExists.
func (s *Store) InsertGroup(name string) error {
	return s.update(func(tx *bolt.Tx) error {
		if tx.Bucket(bucketGroups).Get(fold(name)) != nil {
			return fmt.Errorf("group %s: %w", name, ErrExists)
		}
		return tx.Bucket(bucketGroups).Put(fold(name), []byte(name))
	})
}

// DeleteGroup removes a group and everybody's membership, or returns ErrNotFound.
func (s *Store) DeleteGroup(name string) error {
	return s.update(func(tx *bolt.Tx) error {
		if _, err := known(tx, []string{name}); err != nil {
			return err
		}
		users, err := all(tx)
		if err != nil {
			return err
		}
		for _, user := range users {
			if !leave(&user, name) {
				continue
			}
			if err := put(tx, user); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketGroups).Delete(fold(name))
	})
}

// AddMember puts a user into a group; being in it already is no error. ErrNotFound: one
// of the two does not exist.
func (s *Store) AddMember(name, username string) (Group, error) {
	return s.changeMember(name, username, func(user *User) {
		leave(user, name)
		user.Groups = append(user.Groups, string(fold(name)))
		slices.Sort(user.Groups)
	})
}

// RemoveMember takes a user out of a group; not being in it is no error. ErrNotFound: one
// of the two does not exist.
func (s *Store) RemoveMember(name, username string) (Group, error) {
	return s.changeMember(name, username, func(user *User) { leave(user, name) })
}

func (s *Store) changeMember(name, username string, edit func(*User)) (Group, error) {
	var changed Group
	err := s.update(func(tx *bolt.Tx) error {
		if _, err := known(tx, []string{name}); err != nil {
			return err
		}
		user, err := byName(tx, username)
		if err != nil {
			return err
		}
		edit(&user)
		if err := put(tx, user); err != nil {
			return err
		}
		users, err := all(tx)
		if err != nil {
			return err
		}
		changed = group(string(fold(name)), string(tx.Bucket(bucketGroups).Get(fold(name))), users)
		return nil
	})
	return changed, err
}

// known returns the folded names, sorted and once each, or ErrNotFound for the first
// that is no group.
func known(tx *bolt.Tx, names []string) ([]string, error) {
	var keys []string
	for _, name := range names {
		if tx.Bucket(bucketGroups).Get(fold(name)) == nil {
			return nil, fmt.Errorf("group %s: %w", name, ErrNotFound)
		}
		keys = append(keys, string(fold(name)))
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// leave tells whether the user was in the group.
func leave(user *User, name string) bool {
	key := string(fold(name))
	before := len(user.Groups)
	user.Groups = slices.DeleteFunc(user.Groups, func(group string) bool { return group == key })
	return len(user.Groups) < before
}

func group(key, name string, users []User) Group {
	g := Group{Name: name}
	for _, user := range users {
		if slices.Contains(user.Groups, key) {
			g.Members = append(g.Members, user.Username)
		}
	}
	return g
}
