package config

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"unique"
)

// A Secret is a password, community or token. It prints as *** in every
// format; only Reveal gives it away. Printed as part of something else's
// unexported field, where fmt calls no methods, it is an address. Secrets are
// comparable: those with the same text are equal.
type Secret struct{ text unique.Handle[string] }

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal returns the secret itself.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

func (s Secret) masked() string {
	if s.IsZero() {
		return ""
	}
	return "***"
}

// String returns *** for any secret but the empty one.
func (s Secret) String() string { return s.masked() }

// GoString is String: %#v shows no more than %v does.
func (s Secret) GoString() string { return s.masked() }

// MarshalText is String, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.masked()), nil }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.masked()) }

// exposed is that a file with a secret can be read by everybody.
type exposed struct {
	path string
	mode fs.FileMode
}

func (e exposed) Error() string {
	return fmt.Sprintf("everybody on this machine can read %s (mode %04o), so it is not taken for a secret; chmod o= %s", e.path, e.mode, e.path)
}

// readSecret returns the content of a file that holds a secret, which everybody
// on the machine must not be able to read. What its group may is the operator's
// business: a service has a group, and often nothing else.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o004 != 0 {
		return nil, exposed{path, mode.Perm()}
	}
	return io.ReadAll(f)
}
