package config

import "log/slog"

// A Secret is a password, community or token. It prints as *** in every
// format; only Reveal gives it away.
type Secret struct{ text string }

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == "" }

func (s Secret) masked() string {
	if s.text == "" {
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
