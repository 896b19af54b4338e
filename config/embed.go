package config

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed profiles/*.yaml
var embedded embed.FS

// Embedded returns the profiles that come with the program, by name. An error
// is a mistake in one of them and is caught by the tests.
func Embedded() (map[string]*Profile, error) {
	profiles := map[string]*Profile{}
	for _, name := range embeddedNames() {
		p, err := embeddedProfile(name)
		if err != nil {
			return nil, err
		}
		if p.Name != name {
			return nil, fmt.Errorf("the profile in %s.yaml calls itself %s", name, p.Name)
		}
		profiles[name] = p
	}
	return profiles, nil
}

// embeddedNames returns the names of the profiles that come with the program.
func embeddedNames() (names []string) {
	entries, _ := embedded.ReadDir("profiles") // cannot fail: the folder is in the program
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// ProfileText returns the YAML of the profile of that name that comes with the
// program, to be read or to begin one's own with.
func ProfileText(name string) ([]byte, error) {
	text, err := embedded.ReadFile(path.Join("profiles", name+".yaml"))
	if err != nil {
		return nil, fmt.Errorf("there is no profile %s; %s", name, listed(name, embeddedNames(), "plantroom profiles"))
	}
	return text, nil
}

// UnknownClass says what would be right in the place of a class that there is
// not.
func UnknownClass(class string) error {
	return fmt.Errorf("there is no class %s; %s", class, oneOf(class, Classes()))
}

// embeddedProfile returns the profile of that name; fs.ErrNotExist is in the
// error when none comes with the program.
func embeddedProfile(name string) (*Profile, error) {
	text, err := embedded.ReadFile(path.Join("profiles", name+".yaml"))
	if err != nil {
		return nil, err
	}
	return ParseProfile("embedded:"+name+".yaml", text)
}

// ParseProfile reads one profile. File is the name that faults give as their
// place.
func ParseProfile(file string, text []byte) (*Profile, error) {
	var faults Faults
	p := readProfile(&source{file: file, faults: &faults}, text)
	return p, faults.err()
}
