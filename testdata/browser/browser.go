// Package browser shows pages to tests in a real Chromium, without a window,
// and remembers what the pages complain of and whom they ask.
//
// It lives under testdata because only tests import it.
package browser

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"plantroom/testdata/peer"
)

// patience is how long a busy machine is given for what takes an idle one
// seconds. Only a test that fails waits for its end.
const patience = 2 * time.Minute

// A Browser is a Chromium that knows nothing from before.
type Browser struct{ ctx context.Context }

// Start starts a browser that lives until the test ends.
func Start(t testing.TB) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(peer.Need(t, "chromium", "apt-get install chromium")), chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		chromedp.Cancel(ctx) // waits until it has gone
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return &Browser{ctx}
}

// A Page is a tab. One goroutine uses it.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	forgiven   []string
	hosts      map[string]bool
}

// Open opens a page of that size, in pixels.
func (b *Browser) Open(t testing.TB, address string, width, height int64) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	p := &Page{t: t, ctx: ctx, hosts: map[string]bool{}}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	p.Size(width, height)
	p.Go(address)
	return p
}

func (p *Page) listen(ev any) {
	note := func(text string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.complaints = append(p.complaints, text)
	}
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += ": " + e.ExceptionDetails.Exception.Description
		}
		note(text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text := string(e.Type)
			for _, a := range e.Args {
				text += fmt.Sprintf(" %s%s", a.Value, a.Description)
			}
			note(text)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			note(e.Entry.Text + " " + e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err == nil && u.Host != "" {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.hosts[u.Host] = true
		}
	}
}

// do runs steps.
func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v; the page complains: %v", what, err, p.complain())
	}
}

// Before runs a script in every page that is loaded from now on, before the
// page's own.
func (p *Page) Before(script string) {
	p.t.Helper()
	p.do("add a script", func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return chromedp.Void{}, err
	})
}

// Go loads another page into the tab.
func (p *Page) Go(address string) {
	p.t.Helper()
	p.do("load "+address, chromedp.Navigate(address))
}

// Size makes the tab another size, in pixels.
func (p *Page) Size(width, height int64) {
	p.t.Helper()
	p.do("resize", chromedp.EmulateViewport(width, height))
}

// Eval returns what a JavaScript expression comes to; of a promise, what it
// comes to in the end.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%.200s: %v; the page complains: %v", expression, err, p.complain())
	}
	return v
}

// Until waits until an expression is true. What is what is waited for.
func (p *Page) Until(what, expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		cancel()
		if ok {
			return
		}
		// While the page is loaded again there is nothing to ask.
		if errors.Is(err, context.Canceled) || time.Now().After(deadline) {
			p.t.Fatalf("not within %v: %s (%v); the page complains: %v", patience, what, err, p.complain())
		}
	}
}

// Forgive makes complaints that contain one of the texts none.
func (p *Page) Forgive(texts ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgiven = append(p.forgiven, texts...)
}

// NoComplaints fails the test where the page complains.
func (p *Page) NoComplaints() {
	p.t.Helper()
	if got := p.complain(); got != nil {
		p.t.Errorf("the page complains: %v", got)
	}
}

// complain returns the errors and warnings of the page's console, and what it
// threw.
func (p *Page) complain() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
next:
	for _, c := range p.complaints {
		for _, text := range p.forgiven {
			if strings.Contains(c, text) {
				continue next
			}
		}
		all = append(all, c)
	}
	return all
}

// Hosts returns whom the page asked, host:port.
func (p *Page) Hosts() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for h := range p.hosts {
		all = append(all, h)
	}
	return all
}

// Shoot keeps a picture of the page in the checkout's .screenshots, for people
// to look at. Whole is to keep what is beyond the window too.
func (p *Page) Shoot(name string, whole bool) {
	p.t.Helper()
	shot := chromedp.CaptureScreenshot()
	if whole {
		shot = chromedp.FullScreenshot(100)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, shot)
	if err != nil {
		p.t.Fatalf("picture %s: %v", name, err)
	}
	dir := filepath.Join(peer.Root(), ".screenshots")
	err = errors.Join(os.MkdirAll(dir, 0o777), os.WriteFile(filepath.Join(dir, name+".png"), png, 0o666))
	if err != nil {
		p.t.Fatal(err)
	}
}
