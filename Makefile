# What people type. Everything that is built or fetched goes to .cache and dist.

export CGO_ENABLED ?= 0
CACHE := $(CURDIR)/.cache
INFLUXD := $(CACHE)/bin/influxd
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
# gosnmp_nodebug leaves out what gosnmp would format for a logger that is never there.
FLAGS := -tags gosnmp_nodebug -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

# The main job on real parts: a simulated facility, the agent, its MQTT broker and InfluxDB.
# make demo ARGS='--scenario monthly-test --speed 10'
demo: plantroom $(INFLUXD)
	@bash .ci/demo $(ARGS)

# All tests, against real servers. Most wait for a simulated facility, so more run at once than there are cores.
test: .cache/peers $(INFLUXD)
	CGO_ENABLED=1 go test -race -parallel 4 -timeout 30m ./...

# Static binaries: dist/plantroom-linux-amd64, -arm64, -armv7.
build:
	GOOS=linux GOARCH=amd64 go build $(FLAGS) -o dist/plantroom-linux-amd64 ./cmd/plantroom
	GOOS=linux GOARCH=arm64 go build $(FLAGS) -o dist/plantroom-linux-arm64 ./cmd/plantroom
	GOOS=linux GOARCH=arm GOARM=7 go build $(FLAGS) -o dist/plantroom-linux-armv7 ./cmd/plantroom

# Debian packages of the three, in dist/. A package's version begins with a digit.
DEB_VERSION ?= $(shell echo 0.0.0+$(VERSION) | sed 's/.*+v\([0-9]\)/\1/; s/-/./g')
packages: build
	for pair in amd64:amd64 arm64:arm64 armhf:armv7; do \
	  ARCH=$${pair%:*} BINARY=$${pair#*:} VERSION=$(DEB_VERSION) CGO_ENABLED=0 \
	    go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0 package -f .packaging/nfpm.yaml -p deb -t dist || exit 1; \
	done

lint:
	@test -z "$$(gofmt -l cmd agent config dashboards drivers testdata)" || { gofmt -d cmd agent config dashboards drivers testdata; exit 1; }
	go vet ./... ./testdata/peer ./testdata/bench ./testdata/browser
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./... ./testdata/peer ./testdata/bench ./testdata/browser

# Every parser of foreign bytes for some seconds each: make fuzz TIME=1m. A count is
# the default, because a time that runs out in mid-input is sometimes called a failure.
TIME ?= 5000x
fuzz:
	@for p in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(TIME) $$p || exit 1; \
	  done; \
	done

# What a poll costs: micro-benchmarks, then whole processes.
bench: plantroom $(INFLUXD)
	go test -run '^$$' -bench . -benchmem ./...
	go run ./testdata/bench -plantroom ./plantroom -influxd $(INFLUXD)

plantroom: FORCE
	go build $(FLAGS) -o plantroom ./cmd/plantroom

$(INFLUXD):
	@echo "building InfluxDB 1.8.10, once, for two minutes or so"
	GOBIN=$(CACHE)/bin go install github.com/influxdata/influxdb/cmd/influxd@v1.8.10

.cache/peers: .ci/peers
	@bash .ci/peers
	@touch $@

FORCE:
.PHONY: demo test build packages lint fuzz bench FORCE
