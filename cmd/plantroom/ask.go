package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"plantroom/agent"
	"plantroom/agent/wall"
	"plantroom/config"
)

// The commands that speak to an agent that runs, over the HTTP of its wall.

// A runningAgent is how a command is told which agent to speak to.
type runningAgent struct {
	Config string `help:"The configuration of the agent (plantroom.yaml)." placeholder:"FILE" xor:"where"`
	URL    string `name:"url" help:"Where its wall is, instead of what the configuration says." placeholder:"http://HOST:PORT" xor:"where" env:"PLANTROOM_URL"`
	Token  string `help:"Its token, with --url." placeholder:"TOKEN" env:"PLANTROOM_TOKEN"`
}

// serviceConfig is the configuration of the service that packages install.
const serviceConfig = "/etc/plantroom/plantroom.yaml"

// address returns the base of the agent's URLs and its token.
func (a runningAgent) address() (base, token string, err error) {
	if a.URL != "" {
		if u, err := url.Parse(a.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "", "", exitError{fmt.Errorf("--url %s: write http://HOST:PORT", a.URL), exitFaults}
		}
		return strings.TrimSuffix(a.URL, "/"), a.Token, nil
	}
	path := configPath(a.Config)
	if path == "" {
		return "", "", exitError{errors.New("say which agent is meant: --config FILE or --url http://HOST:PORT"), exitFaults}
	}
	site, err := config.Load(path)
	if err != nil {
		return "", "", err
	}
	if site.Wall == nil {
		return "", "", exitError{fmt.Errorf("%s has no wall, over which commands speak to the agent; add wall: {listen: 127.0.0.1:8080}", path), exitFaults}
	}
	if site.Wall.Token.IsZero() && len(site.Wall.Users) > 0 {
		return "", "", exitError{fmt.Errorf("the wall of %s has users and no token; commands need one: add token:, or use the pages", path), exitFaults}
	}
	host, port, err := net.SplitHostPort(site.Wall.Listen)
	if err != nil {
		return "", "", err
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), site.Wall.Token.Reveal(), nil
}

// configPath returns the configuration that is meant: the one given, that of
// this folder, or that of the service; "" where there is none.
func configPath(given string) string {
	if given != "" {
		return given
	}
	if _, err := os.Stat("plantroom.yaml"); !errors.Is(err, fs.ErrNotExist) {
		return "plantroom.yaml"
	}
	if readable(serviceConfig) {
		return serviceConfig
	}
	return ""
}

func readable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// ask sends what is not nil as JSON, and reads the answer into out.
func (a runningAgent) ask(ctx context.Context, method, path string, in, out any) error {
	base, token, err := a.address()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return agent.Plainly(fmt.Errorf("ask the agent at %s: %w", base, err))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return agent.Plainly(fmt.Errorf("ask the agent at %s: %w", base, err))
	}
	if resp.StatusCode == http.StatusUnauthorized {
		what := "a token"
		if token != "" {
			what = "another token"
		}
		if a.URL != "" {
			return fmt.Errorf("the agent at %s wants %s; give it with --token, or in PLANTROOM_TOKEN", base, what)
		}
		return fmt.Errorf("the agent at %s takes another token than the configuration has; perhaps it runs another one", base)
	}
	if resp.StatusCode != http.StatusOK {
		var refused struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(text, &refused) != nil || refused.Error == "" {
			return fmt.Errorf("the answer of %s is none of plantroom: %s", base, resp.Status)
		}
		return errors.New(refused.Error)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("the answer of %s is none of plantroom", base)
	}
	return nil
}

type eventsCmd struct {
	runningAgent
	Active   bool          `help:"Only what lasts."`
	Since    time.Duration `help:"Only what began so long ago or later." placeholder:"DURATION"`
	Device   string        `help:"Only of this device." placeholder:"ID"`
	Severity string        `help:"Only what is at least ${enum}." enum:"info,warning,alarm" default:"info" placeholder:"SEVERITY"`
	Limit    int           `help:"The latest so many." default:"200"`
	Lang     string        `help:"Language: ${enum}." enum:"en,cs" default:"en"`
	JSON     bool          `name:"json" help:"One JSON event a line."`
}

// Run lists events, oldest first; what is a part of an incident or a test
// stands below it.
func (cmd *eventsCmd) Run(ctx context.Context, c *console) error {
	q := url.Values{"limit": {strconv.Itoa(cmd.Limit)}, "severity": {cmd.Severity}}
	if cmd.Active {
		q.Set("active", "true")
	}
	if cmd.Device != "" {
		q.Set("device", cmd.Device)
	}
	if cmd.Since > 0 {
		q.Set("since", time.Now().Add(-cmd.Since).UTC().Format(time.RFC3339))
	}
	var all []agent.Event
	if err := cmd.ask(ctx, http.MethodGet, "/api/v1/events?"+q.Encode(), nil, &all); err != nil {
		return err
	}
	if len(all) == 0 && cmd.Device != "" { // perhaps it is misspelt
		if err := cmd.ask(ctx, http.MethodGet, "/api/v1/device/"+url.PathEscape(cmd.Device), nil, &struct{}{}); err != nil {
			return err
		}
	}
	slices.Reverse(all)
	if cmd.JSON {
		enc := json.NewEncoder(c.out)
		for _, e := range all {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		return nil
	}
	listEvents(c.out, all, cmd.Lang)
	return nil
}

// listEvents writes a line for each event.
func listEvents(w io.Writer, all []agent.Event, lang string) {
	there := map[string]bool{}
	parts := map[string][]agent.Event{}
	for _, e := range all {
		there[e.ID] = true
	}
	for _, e := range all {
		if there[e.Parent] {
			parts[e.Parent] = append(parts[e.Parent], e)
		}
	}
	line := func(e *agent.Event, indent string) {
		lasted := "lasts"
		switch d := e.Ended.Sub(e.Began); {
		case e.Active():
		case d == 0:
			lasted = ""
		default:
			lasted = d.Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s  %-8s %-9s %s%s", e.Began.Local().Format(time.DateTime), e.Severity, lasted, indent, oneLine(e.Text.In(lang)))
		if e.AckedBy != "" {
			fmt.Fprintf(w, " (%s)", oneLine(e.AckedBy))
		}
		fmt.Fprintf(w, "  %s\n", e.ID)
	}
	for i := range all {
		if there[all[i].Parent] {
			continue
		}
		line(&all[i], "")
		// Of what is seen in one second the cause comes first, whichever device was asked first.
		order := func(e agent.Event) time.Time {
			if strings.HasSuffix(all[i].Text.EN, ": "+e.Text.EN) {
				return e.Began.Truncate(time.Second)
			}
			return e.Began
		}
		of := parts[all[i].ID]
		slices.SortStableFunc(of, func(a, b agent.Event) int { return order(a).Compare(order(b)) })
		for _, part := range of {
			line(&part, "  ")
		}
	}
}

type ackCmd struct {
	runningAgent
	ID string `arg:"" help:"The event, as plantroom events shows it."`
	By string `required:"" help:"Who looks at it." placeholder:"NAME"`
}

// Run says that somebody looks at an event.
func (cmd *ackCmd) Run(ctx context.Context, c *console) error {
	if strings.TrimSpace(cmd.By) == "" {
		return exitError{errors.New("--by is empty; say who looks at the event"), exitFaults}
	}
	var e agent.Event
	if err := cmd.ask(ctx, http.MethodPost, "/api/v1/events/"+url.PathEscape(cmd.ID)+"/ack", map[string]string{"by": cmd.By}, &e); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s looks at it since %s: %s\n", oneLine(e.AckedBy), e.Acked.Local().Format(time.DateTime), oneLine(e.Text.EN))
	return nil
}

type testCmd struct {
	Start  testStartCmd  `cmd:"" help:"Say that a test begins, before the supply is cut."`
	End    testEndCmd    `cmd:"" help:"Say that the test has ended. It ends when all is well again."`
	Cancel testCancelCmd `cmd:"" help:"Say that the test is none: declared by mistake, called off, or an outage that was taken for the planned one."`
	Note   testNoteCmd   `cmd:"" help:"Note something about a test or an incident; or that a manual test was made."`
}

// A speaker is who says something.
type speaker struct {
	runningAgent
	By string `help:"Who says so (${default})." default:"${user}" placeholder:"NAME"`
}

// say says something of a test, and prints that it is so, with the ID of its
// event.
func (s speaker) say(ctx context.Context, c *console, n wall.TestNote, so string) error {
	n.By = s.By
	var out struct {
		ID string `json:"id"`
	}
	if err := s.ask(ctx, http.MethodPost, "/api/v1/tests", n, &out); err != nil {
		return err
	}
	fmt.Fprintf(c.out, so+"\n", out.ID)
	return nil
}

type testStartCmd struct {
	Test string `arg:"" optional:"" help:"The id of a planned test."`
	Name string `help:"What to call a test that is not planned." placeholder:"NAME"`
	speaker
}

// Run declares that a test begins.
func (cmd *testStartCmd) Run(ctx context.Context, c *console) error {
	return cmd.say(ctx, c, wall.TestNote{Action: "start", Test: cmd.Test, Name: cmd.Name}, "the test %s begins; plantroom test end says that it has ended")
}

type testEndCmd struct{ speaker }

// Run declares that the test has ended.
func (cmd *testEndCmd) Run(ctx context.Context, c *console) error {
	return cmd.say(ctx, c, wall.TestNote{Action: "end"}, "the test %s ends when all is well; plantroom report test %[1]s then tells of it")
}

type testCancelCmd struct {
	ID   string `arg:"" optional:"" help:"The test, as plantroom events shows it, also when it has ended; or the id of a planned one that is under way. Without it the one under way is meant."`
	Note string `help:"Why." placeholder:"TEXT"`
	speaker
}

// Run declares that a test is none.
func (cmd *testCancelCmd) Run(ctx context.Context, c *console) error {
	return cmd.say(ctx, c, wall.TestNote{Action: "cancel", Test: cmd.ID, Text: cmd.Note}, "the test %s is cancelled; what failed meanwhile is an incident of its own, see plantroom events")
}

type testNoteCmd struct {
	Text   string `arg:"" help:"What is to be noted."`
	Test   string `help:"The id of a manual test, which was made; or the ID of an incident or a test. Without it the one under way is meant." placeholder:"ID"`
	Failed bool   `help:"The test was not passed, whatever readings show."`
	speaker
}

// Run notes something.
func (cmd *testNoteCmd) Run(ctx context.Context, c *console) error {
	return cmd.say(ctx, c, wall.TestNote{Action: "note", Test: cmd.Test, Text: cmd.Text, Failed: cmd.Failed}, "noted with %s")
}

// userName returns who is at the terminal, also behind sudo.
func userName() string { return cmp.Or(os.Getenv("SUDO_USER"), os.Getenv("USER"), "somebody") }
