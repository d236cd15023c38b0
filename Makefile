# pmipd: hand-written, non-recursive GNU make.  Works straight from a clone:
# it runs autoconf and configure itself when config.mk is missing.
#
#   make            build             make check       unprivileged tests
#   sudo make test  everything        sudo make demo   watch a node roam
#   make install    DESTDIR, prefix and the usual directory variables count
#
# Only the targets `deps`, `test` and `demo` ever install a package.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
SHELL := /bin/bash

all:

# A variable of the command line reaches configure as well.
CONFIGURE_ARGS ?=

NOCONFIG := clean distclean deps deps-build deps-test demo test dist help lint
ifneq ($(filter-out $(NOCONFIG),$(or $(MAKECMDGOALS),all)),)
-include config.mk
endif

configure: configure.ac
	autoconf
config.h.in: configure.ac
	autoheader && touch $@
config.mk: configure config.mk.in config.h.in
	./configure -q $(CONFIGURE_ARGS)

# --- flags -----------------------------------------------------------------
# BUILD may be overridden to keep a second build (sanitizers, another CC).
BUILD ?= build
# make has built-in values for CC, so ?= would never use configure's.
ifneq ($(filter undefined default,$(origin CC)),)
CC := $(CONF_CC)
endif
CPPFLAGS ?= $(CONF_CPPFLAGS)
CFLAGS ?= $(CONF_CFLAGS)
LDFLAGS ?= $(CONF_LDFLAGS)
V ?= 0
Q := $(if $(filter 0,$(V)),@)

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Wstrict-prototypes \
	-Wpointer-arith -Wwrite-strings $(WERROR)
OUR_CPPFLAGS := -I. -Isrc $(DEP_CFLAGS) -DPMIPD_VERSION='"$(VERSION)"' \
	-DPMIPD_SYSCONFDIR='"$(sysconfdir)/pmipd"' -D_GNU_SOURCE
OUR_CFLAGS := -std=gnu17 $(WARN) $(HARDEN_CFLAGS) $(SANITIZE)
OUR_LDFLAGS := $(HARDEN_LDFLAGS) $(SANITIZE)
COMPILE = $(CC) $(OUR_CPPFLAGS) $(CPPFLAGS) $(OUR_CFLAGS) $(CFLAGS) -MMD -MP
# Codecs are compiled more strictly: silent narrowing is how they go wrong.
STRICT := -Wconversion -Wno-sign-conversion

# --- what is built ---------------------------------------------------------
LIB_SRC := $(sort $(wildcard src/*.c src/core/*.c src/mh/*.c src/nd/*.c \
	src/dhcp/*.c src/esp/*.c src/dataplane/*.c src/policy/*.c \
	src/attach/*.c src/roles/*.c src/roles/ha/*.c src/roles/pma/*.c))
LIB_SRC := $(filter-out src/main.c,$(LIB_SRC))
CTL_SRC := $(sort $(wildcard src/ctl/*.c))
# pmipctl shares only these with the daemon
CTL_LIB_SRC := src/core/json.c

LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
BPF_OBJ := $(patsubst src/dataplane/bpf/%.bpf.c,$(BUILD)/%.bpf.o,\
	$(wildcard src/dataplane/bpf/*.bpf.c))
LIB := $(BUILD)/libpmipd.a
BINS := $(BUILD)/pmipd $(BUILD)/pmipctl

all: $(BINS)

$(BUILD)/src/mh/%.o $(BUILD)/src/nd/%.o $(BUILD)/src/dhcp/%.o: OUR_CFLAGS += $(STRICT)
$(BUILD)/src/core/csum.o: OUR_CFLAGS += $(STRICT)

$(BUILD)/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(COMPILE) -c -o $@ $<

# The packet programs, and their bytes as an object of the daemon.
BPF_CFLAGS := -O2 -g -target bpf -Wall -Wextra -Werror \
	-I/usr/include/$(if $(BPF_CLANG),$(shell $(BPF_CLANG) -print-multiarch 2>/dev/null))
$(BUILD)/%.bpf.o: src/dataplane/bpf/%.bpf.c $(wildcard src/dataplane/bpf/*.h) config.mk
	@mkdir -p $(@D)
	$(if $(Q),@echo "  BPF   $<")
	$(Q)$(BPF_CLANG) $(BPF_CFLAGS) -Isrc -c -o $@ $<
$(BUILD)/src/dataplane/bpf_image.o: src/dataplane/bpf_image.S $(BPF_OBJ)
	@mkdir -p $(@D)
	$(Q)$(CC) -I$(BUILD) -c -o $@ $<
ifneq ($(wildcard src/dataplane/bpf_image.S),)
LIB_OBJ += $(BUILD)/src/dataplane/bpf_image.o
endif

$(LIB): $(LIB_OBJ)
	$(Q)rm -f $@; ar rcs $@ $^

$(BUILD)/pmipd: $(BUILD)/src/main.o $(LIB)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DEP_LIBS) $(CONF_LIBS)
$(BUILD)/pmipctl: $(CTL_SRC:%.c=$(BUILD)/%.o) $(CTL_LIB_SRC:%.c=$(BUILD)/%.o)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CTL_LIBS) $(CONF_LIBS)

# --- unprivileged tests ----------------------------------------------------
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
EXCH_SRC := $(sort $(wildcard tests/exchange/test_*.c))
SIM_SRC := $(sort $(wildcard tests/exchange/sim*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)
EXCH_BIN := $(EXCH_SRC:%.c=$(BUILD)/%)
FUZZ_BIN := $(FUZZ_SRC:%.c=$(BUILD)/%)
TEST_LIBS = $(CHECK_LIBS) $(DEP_LIBS) $(CONF_LIBS)
$(BUILD)/tests/%.o: OUR_CPPFLAGS += $(CHECK_CFLAGS) -Itests

$(UNIT_BIN): %: %.o $(LIB)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)
$(EXCH_BIN): %: %.o $(SIM_SRC:%.c=$(BUILD)/%.o) $(LIB)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)
# Replay form of the fuzz targets: each argument is a file or a folder.
$(FUZZ_BIN): %: %.o $(BUILD)/tests/fuzz/replay.o $(LIB)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DEP_LIBS) $(CONF_LIBS)
.SECONDARY:

check-bins: $(BINS) $(UNIT_BIN) $(EXCH_BIN) $(FUZZ_BIN)
check: lint check-bins
	@if [ "$(HAVE_CHECK)" != yes ]; then \
		echo "make check needs the Check library (package: check)"; exit 1; fi
	@BUILD=$(BUILD) tests/run-check $(CHECK_WRAPPER)

lint:
	@tests/lint/includes.sh && tests/lint/sources.sh

check-asan:
	$(MAKE) BUILD=build/asan SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" \
		HARDEN_CFLAGS="-fPIE" CFLAGS="-O0 -g" check
check-valgrind: check-bins
	@BUILD=$(BUILD) tests/run-check valgrind -q --error-exitcode=99 --leak-check=full --child-silent-after-fork=yes
check-clang:
	$(MAKE) BUILD=build/clang CC=clang WERROR=-Werror HARDEN_CFLAGS="-fPIE" CFLAGS="-O0" all check-bins

# Coverage-guided fuzzing, T seconds per target (needs clang's libFuzzer).
T ?= 60
fuzz:
	BUILD=build/fuzz tests/fuzz/run-fuzz $(T)

# pmipd.yaml(5) has its option lists from the schema tables.
man: $(BUILD)/pmipd
	man/generate $(BUILD)/pmipd > man/pmipd.yaml.5.new && \
		mv man/pmipd.yaml.5.new man/pmipd.yaml.5

# --- privileged ------------------------------------------------------------
# Tools of the namespace tests.
NETNS_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/netns/*.c))
$(NETNS_BIN): %: %.o $(LIB)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DEP_LIBS) $(CONF_LIBS)

# The benchmark: load generator, floors, and a home agent over a stand-in for
# the tunnel device that this kernel may lack.
BENCH_BIN := $(addprefix $(BUILD)/tests/bench/,gen floor traffic reinstall \
	access dhcp)
$(BENCH_BIN): %: %.o $(BUILD)/tests/bench/bench_io.o $(LIB)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DEP_LIBS) $(CONF_LIBS)
$(BUILD)/tests/bench/pmipd-standin: $(BUILD)/src/main.o \
    $(BUILD)/tests/bench/standin.o $(LIB)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(OUR_LDFLAGS) -Wl,--wrap=dpnl_ip6tnl $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DEP_LIBS) $(CONF_LIBS)
$(BUILD)/tests/bench/turns.so: tests/bench/turns.c
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu17 $(WARN) -O2 -fPIC -shared -o $@ $<
bench-bins: all $(BENCH_BIN) $(BUILD)/tests/bench/pmipd-standin \
    $(BUILD)/tests/bench/turns.so
bench: bench-bins
	@BUILD=$(BUILD) tests/bench/run
bench-short: bench-bins
	@BUILD=$(BUILD) tests/bench/run --short

deps-build:
	@tests/install-deps build
deps-test deps:
	@tests/install-deps build test

check-netns: all
	@BUILD=$(BUILD) tests/netns/run --jobs 2
check-kernel: all
	@BUILD=$(BUILD) tests/netns/run --jobs 2 --stock-kernel

test:
	@tests/run-all

demo:
	@tests/install-deps build demo
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tests/netns/demo

# --- install ---------------------------------------------------------------
install: all
	$(INSTALL) -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir) \
		$(DESTDIR)$(sysconfdir)/pmipd $(DESTDIR)$(mandir)/man5 \
		$(DESTDIR)$(mandir)/man7 \
		$(DESTDIR)$(mandir)/man8 $(DESTDIR)$(docdir)/examples \
		$(DESTDIR)$(datarootdir)/bash-completion/completions
	$(INSTALL) -m 755 $(BUILD)/pmipd $(DESTDIR)$(sbindir)/pmipd
	$(INSTALL) -m 755 $(BUILD)/pmipctl $(DESTDIR)$(bindir)/pmipctl
	$(INSTALL) -m 644 etc/*.yaml etc/*.conf $(DESTDIR)$(docdir)/examples/
	$(INSTALL) -m 644 man/*.5 $(DESTDIR)$(mandir)/man5/
	$(INSTALL) -m 644 man/*.7 $(DESTDIR)$(mandir)/man7/
	$(INSTALL) -m 644 man/*.8 $(DESTDIR)$(mandir)/man8/
	$(INSTALL) -m 644 README.md HACKING.md LICENSE $(DESTDIR)$(docdir)/
	$(INSTALL) -m 644 etc/pmipctl.bash-completion \
		$(DESTDIR)$(datarootdir)/bash-completion/completions/pmipctl

dist:
	@tests/make-dist

clean:
	rm -rf build demo-out
distclean: clean
	rm -rf autom4te.cache configure config.mk config.h config.h.in config.log \
		config.status pmipd-*.tar.gz
help:
	@sed -n '2,9s/^# \{0,1\}//p' Makefile

.PHONY: all man check check-bins check-asan check-valgrind check-clang check-netns \
	check-kernel bench bench-short bench-bins test demo deps deps-build deps-test fuzz lint install dist \
	clean distclean help
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
