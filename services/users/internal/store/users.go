package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// User is an account.
type User struct {
	ID          string    `json:"id"` // never changes, never used again
	Username    string    `json:"username"`
	DisplayName string    `json:"display_name"`
	Email       string    `json:"email,omitempty"`
	Groups      []string  `json:"groups,omitempty"` // folded names, sorted
	Created     time.Time `json:"created"`
	Password    string    `json:"password"` // its hash
}

// fold is the form in which names are compared.
func fold(name string) []byte { return []byte(strings.ToLower(name)) }

// ByName returns the user of that name in any case, or ErrNotFound.
func (s *Store) ByName(username string) (User, error) {
	var user User
	err := s.view(func(tx *bolt.Tx) (err error) {
		user, err = byName(tx, username)
		return err
	})
	return user, err
}

// ByID returns the user of that id, or ErrNotFound.
func (s *Store) ByID(id string) (User, error) {
	var user User
	err := s.view(func(tx *bolt.Tx) (err error) {
		user, err = byID(tx, []byte(id))
		return err
	})
	return user, err
}

// Users returns all users by name.
func (s *Store) Users() ([]User, error) {
	var users []User
	err := s.view(func(tx *bolt.Tx) (err error) {
		users, err = all(tx)
		return err
	})
	return users, err
}

// Insert adds a user. ErrExists: the name is taken. ErrNotFound: a group is unknown.
func (s *Store) Insert(user User) error {
	return s.update(func(tx *bolt.Tx) error { return insert(tx, user) })
}

// SetPassword replaces a user's password hash, and returns the user.
func (s *Store) SetPassword(username, hash string) (User, error) {
	return s.change(username, func(_ *bolt.Tx, user *User) error {
		user.Password = hash
		return nil
	})
}

// Delete removes the user of that name, whom it returns, or returns ErrNotFound.
func (s *Store) Delete(username string) (User, error) {
	var user User
	err := s.update(func(tx *bolt.Tx) (err error) {
		if user, err = byName(tx, username); err != nil {
			return err
		}
		if err := tx.Bucket(bucketNames).Delete(fold(username)); err != nil {
			return fmt.Errorf("delete the name: %w", err)
		}
		return tx.Bucket(bucketUsers).Delete([]byte(user.ID))
	})
	return user, err
}

// change applies edit to the user of that name, in one transaction.
func (s *Store) change(username string, edit func(*bolt.Tx, *User) error) (User, error) {
	var user User
	err := s.update(func(tx *bolt.Tx) (err error) {
		if user, err = byName(tx, username); err != nil {
			return err
		}
		if err := edit(tx, &user); err != nil {
			return err
		}
		return put(tx, user)
	})
	return user, err
}

func byName(tx *bolt.Tx, username string) (User, error) {
	id := tx.Bucket(bucketNames).Get(fold(username))
	if id == nil {
		return User{}, fmt.Errorf("user %s: %w", username, ErrNotFound)
	}
	return byID(tx, id)
}

func byID(tx *bolt.Tx, id []byte) (User, error) {
	data := tx.Bucket(bucketUsers).Get(id)
	if data == nil {
		return User{}, fmt.Errorf("user with id %s: %w", id, ErrNotFound)
	}
	return decode(data)
}

func all(tx *bolt.Tx) ([]User, error) {
	var users []User
	err := tx.Bucket(bucketNames).ForEach(func(_, id []byte) error {
		user, err := byID(tx, id)
		users = append(users, user)
		return err
	})
	return users, err
}

func insert(tx *bolt.Tx, user User) error {
	names := tx.Bucket(bucketNames)
	if names.Get(fold(user.Username)) != nil {
		return fmt.Errorf("user %s: %w", user.Username, ErrExists)
	}
	groups, err := known(tx, user.Groups)
	if err != nil {
		return err
	}
	user.Groups = groups
	if err := names.Put(fold(user.Username), []byte(user.ID)); err != nil {
		return fmt.Errorf("write the name: %w", err)
	}
	return put(tx, user)
}

func put(tx *bolt.Tx, user User) error {
	data, err := json.Marshal(user)
	if err != nil {
		return fmt.Errorf("encode user %s: %w", user.Username, err)
	}
	return tx.Bucket(bucketUsers).Put([]byte(user.ID), data)
}
