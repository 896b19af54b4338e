package main

import "plantroom/config"

type schemaCmd struct {
	Of      string `arg:"" optional:"" help:"Of what: ${enum}." enum:"configuration,profile" default:"configuration"`
	Example bool   `help:"Print instead an example with everything that there can be, and what it means."`
}

// Run prints a JSON schema, or the example that it is made of.
func (cmd *schemaCmd) Run(c *console) error {
	var text string
	switch {
	case cmd.Of == "profile" && cmd.Example:
		text = config.ExampleProfile
	case cmd.Of == "profile":
		text = string(config.ProfileSchema())
	case cmd.Example:
		text = config.Example
	default:
		text = string(config.Schema())
	}
	_, err := c.out.Write([]byte(text))
	return err
}
