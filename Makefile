# SPDX-License-Identifier: GPL-3.0-or-later
# sockwarden: build, install, run, test. `make help` lists what there is.
#
# One static archive holds all of user/ but main/; each program links it with its own list of
# libraries, so that the list is the privilege boundary (tests/check/links holds it).

VERSION  := 0.1.0
B        := build
PREFIX   ?= /usr
SYSCONF  ?= /etc
STATE    ?= /var/lib
DESTDIR  ?=
CC       := gcc
CLANG    ?= clang
LLVM_STRIP ?= llvm-strip
# Ubuntu's bpftool is a script that wants the running kernel's own; any version of it does for us.
BPFTOOL  ?= $(shell PATH=$$PATH:/usr/sbin:/sbin; for b in $$(command -v bpftool) /usr/lib/linux-tools*/*/bpftool bpftool; \
              do $$b version >/dev/null 2>&1 && break; done; echo $$b)
PYTHON   ?= /usr/bin/python3
IFACE    ?=
JOBS     ?= $(shell nproc)
CONFIG   ?=

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

PROGS    := $(patsubst user/main/%.c,%,$(sort $(wildcard user/main/*.c)))
ARCH     := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/;s/ppc64le/powerpc/')
WERROR   ?= -Werror
WARN     := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
            -Wnull-dereference -Wlogical-op -Wno-unused-parameter -Wno-missing-field-initializers $(WERROR)
HARDEN   := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE -fno-plt
# gcc's flow warnings are not to be had together with its sanitizers: they blame what those insert.
ASAN     := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined \
            -Wno-null-dereference -Wno-format-truncation -Wno-maybe-uninitialized -Wno-stringop-overflow
CPPFLAGS := -D_GNU_SOURCE -DSW_VERSION='"$(VERSION)"' -I include -I . -I $B/gen
CFLAGS   ?= -g
override CFLAGS += -std=gnu17 $(WARN)
LDFLAGS  += -pie -Wl,-z,relro,-z,now -Wl,--as-needed
BPFFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -I vmlinux -I include -I bpf \
            -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare \
            -Wno-address-of-packed-member

# What each program may link, and nothing else.
LIBS_sockwardend       := -lbpf -lelf -lz -lcap-ng -lmnl -lnftnl
LIBS_sockwarden-engine := -lbpf -lelf -lz -lsqlite3 -ljansson -lseccomp -lcap-ng -lmnl -lsodium -lpcre2-8 -lsystemd -lnettle -lidn2 -lmaxminddb
LIBS_sockwarden-net    := -lcurl -lz -ljansson -lseccomp -lcap-ng -lidn2
LIBS_sockwarden-web    := -lmicrohttpd -ljansson -lseccomp -lcap-ng -lsodium
LIBS_sockwarden-config := -lyaml -lseccomp -lcap-ng -lpcre2-8
LIBS_sockwarden        := -lyaml -ljansson -lbpf -lelf -lz -lmnl -lpcre2-8 -lsodium -lsqlite3 -lnettle -lidn2
LIBS_TEST := -lcmocka -lbpf -lelf -lz -lsqlite3 -ljansson -lseccomp -lcap-ng -lmnl -lnftnl -lsodium -lcurl \
             -lmicrohttpd -lyaml -lpthread -lpcre2-8 -lsystemd -lnettle -lidn2 -lmaxminddb
LIBS_FUZZ := -lpcre2-8 -lsodium -ljansson -lz -lsystemd -lnettle -lidn2 -lmaxminddb

BPF_SRC  := $(sort $(wildcard bpf/*.bpf.c))
BPF_OBJ  := $(BPF_SRC:bpf/%.bpf.c=$B/bpf/%.bpf.o)
SKEL     := $(BPF_SRC:bpf/%.bpf.c=$B/gen/skel/%.skel.h)
BENCH_BPF := $(sort $(wildcard tests/bench/*.bpf.c))
BENCH_SKEL := $(BENCH_BPF:tests/bench/%.bpf.c=$B/gen/skel/%.skel.h)
WEB_SRC  := $(sort $(wildcard user/web/page/*))
WEB_GEN  := $(if $(WEB_SRC),$B/gen/web_page.h)
LIB_SRC  := $(sort $(filter-out user/main/%,$(wildcard user/*/*.c)))
LIB_OBJ  := $(LIB_SRC:%.c=$B/obj/%.o)
ASAN_OBJ := $(LIB_SRC:%.c=$B/asan/%.o)
UNIT     := $(patsubst %.c,$B/%,$(sort $(wildcard tests/unit/test_*.c tests/sim/test_*.c)))
BPFTEST  := $(patsubst %.c,$B/%,$(sort $(wildcard tests/bpf/test_*.c)))
BENCH    := $(patsubst %.c,$B/%,$(sort $(wildcard tests/bench/bench_*.c tests/bench/count_*.c)))
HELPERS  := $(patsubst %.c,$B/%,$(sort $(wildcard tests/netns/act_*.c)))
FUZZ     := $(patsubst %.c,$B/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
TESTLIB  := $(patsubst %.c,$B/obj/%.o,$(sort $(wildcard tests/lib/*.c)))
TESTLIB_ASAN := $(TESTLIB:$B/obj/%=$B/asan/%)
GENERATED := $(SKEL) $(WEB_GEN) $B/gen/services_table.h

.PHONY: all help deps run demo test test-fresh test-vm bench fuzz check format install uninstall clean unit bpf tests-build
.SECONDARY:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

all: $(PROGS:%=$B/%) ## build every program (default)

help: ## this list
	@echo "sockwarden $(VERSION)"; echo
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 22
	@echo; echo "  V=1 shows commands; CLANG=clang-19 chooses the BPF compiler; DESTDIR= and PREFIX= place an install;"
	@echo "  IFACE='eth0 eth1' and CONFIG=FILE are for make run."

deps: ## install what the build, the run and the tests need (Debian 12, Ubuntu 24.04 and newer)
	$(Q)deploy/deps

run: ## install what is needed, build, and run the whole program here, observing only
	$(Q)deploy/deps --only run
	$(Q)$(MAKE) -j$(JOBS) --no-print-directory all
	$(Q)$B/sockwardend --supervise --foreground --follow --libexec $(CURDIR)/$B --rules-dir $(CURDIR)/feeds/rules $(if $(IFACE),--interfaces "$(IFACE)") $(if $(CONFIG),--config "$(CONFIG)")

demo: ## an attack, a ban and its end, in two namespaces of its own; under a minute
	$(Q)deploy/deps --only run
	$(Q)$(MAKE) -j$(JOBS) --no-print-directory all
	$(Q)tests/lib/demo

test: ## install what is needed and run every test
	$(Q)deploy/deps
	$(Q)$(MAKE) -j$(JOBS) --no-print-directory all tests-build
	$(Q)$(PYTHON) tests/run

test-fresh: ## build and unit-test in a bare Debian 12 root made by debootstrap
	$(Q)deploy/deps
	$(Q)tests/lib/fresh

test-vm: ## the BPF programs on Debian's kernels 6.1 and 6.12, in virtual machines; takes half an hour
	$(Q)deploy/deps --only run --only test --only vm
	$(Q)$(MAKE) -j$(JOBS) --no-print-directory all $(BPFTEST) $(HELPERS)
	$(Q)tests/vm/run

bench: ## measure, against peers in the same run; writes build/bench.jsonl and the figures of docs/performance.md
	$(Q)deploy/deps --only run --only test --only bench --only vm
	$(Q)$(MAKE) -j$(JOBS) --no-print-directory all $(BENCH)
	$(Q)$(PYTHON) tests/bench/run

fuzz: $(FUZZ) ## run each fuzzer for FUZZ_SEC seconds (60)
	$(Q)for f in $(FUZZ); do n=$${f##*/fuzz_}; mkdir -p $B/fuzz/$$n; \
	  $$f -max_total_time=$${FUZZ_SEC:-60} $B/fuzz/$$n tests/fuzz/corpus/$$n || exit 1; done

check: all ## layers, links, format, SPDX, declared skips
	$(Q)$(PYTHON) tests/run --only check

format: ## lay out the C files with clang-format
	$(Q)git ls-files '*.c' '*.h' | grep -v '^vmlinux/' | xargs clang-format -i

tests-build: $(UNIT) $(BPFTEST) $(HELPERS) $(FUZZ)

clean: ## remove what was built
	$(Q)rm -rf $B

install: all ## install under DESTDIR (PREFIX=/usr)
	$(Q)install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/sockwarden \
	  $(DESTDIR)$(SYSCONF)/sockwarden $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d \
	  $(DESTDIR)$(PREFIX)/lib/tmpfiles.d $(DESTDIR)$(PREFIX)/share/doc/sockwarden \
	  $(DESTDIR)$(PREFIX)/share/sockwarden/rules
	$(Q)install -m 755 $B/sockwarden $(DESTDIR)$(PREFIX)/bin/
	$(Q)install -m 755 $B/sockwardend $(DESTDIR)$(PREFIX)/sbin/
	$(Q)install -m 755 $B/sockwarden-engine $B/sockwarden-net $B/sockwarden-web $B/sockwarden-config $(DESTDIR)$(PREFIX)/libexec/sockwarden/
	$(Q)test -e $(DESTDIR)$(SYSCONF)/sockwarden/sockwarden.yaml || install -m 640 deploy/sockwarden.yaml $(DESTDIR)$(SYSCONF)/sockwarden/
	$(Q)for u in deploy/systemd/*.service; do sed 's|/usr/|$(PREFIX)/|g;s|/var/lib/|$(STATE)/|' $$u \
	  >$(DESTDIR)$(PREFIX)/lib/systemd/system/$${u##*/} && chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/$${u##*/} || exit 1; done
	$(Q)install -m 644 deploy/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/sockwarden.conf
	$(Q)install -m 644 deploy/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/sockwarden.conf
	$(Q)install -m 644 feeds/rules/*.yaml $(DESTDIR)$(PREFIX)/share/sockwarden/rules/
	$(Q)install -m 644 README.md CHANGELOG.md docs/*.md docs/*.svg $(DESTDIR)$(PREFIX)/share/doc/sockwarden/

uninstall: ## remove what install placed, keeping configuration and state
	$(Q)rm -rf $(DESTDIR)$(PREFIX)/bin/sockwarden $(DESTDIR)$(PREFIX)/sbin/sockwardend $(DESTDIR)$(PREFIX)/libexec/sockwarden \
	  $(DESTDIR)$(PREFIX)/lib/systemd/system/sockwarden*.service $(DESTDIR)$(PREFIX)/lib/sysusers.d/sockwarden.conf \
	  $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/sockwarden.conf $(DESTDIR)$(PREFIX)/share/doc/sockwarden \
	  $(DESTDIR)$(PREFIX)/share/sockwarden

# ---- kernel side
$B/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@ 2>/dev/null || true

$B/gen/skel/%.skel.h: $B/bpf/%.bpf.o
	$(call say,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

# Programs that only benches load: in no program of ours.
$B/tests/bench/%.bpf.o: tests/bench/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@ 2>/dev/null || true

$(BENCH_SKEL): $B/gen/skel/%.skel.h: $B/tests/bench/%.bpf.o
	$(call say,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

$B/gen/web_page.h: $(WEB_SRC) user/web/embed.py
	$(call say,EMBED,$@)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) user/web/embed.py $(WEB_SRC) > $@

$B/gen/services_table.h: feeds/services.csv user/cli/embed_services.py
	$(call say,EMBED,$@)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) user/cli/embed_services.py feeds/services.csv > $@

# ---- user side
$B/obj/%.o: %.c | $(GENERATED)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(HARDEN) -MMD -MP -c $< -o $@

$B/asan/%.o: %.c | $(GENERATED)
	$(call say,CC-ASAN,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(ASAN) -MMD -MP -c $< -o $@

$B/libsockwarden.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$B/libsockwarden-asan.a: $(ASAN_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(PROGS:%=$B/%): $B/%: $B/obj/user/main/%.o $B/libsockwarden.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $< $B/libsockwarden.a $(LIBS_$*) -o $@

# ---- tests
$B/tests/unit/%: tests/unit/%.c $(TESTLIB_ASAN) $B/libsockwarden-asan.a
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(ASAN) -MMD -MP $< $(TESTLIB_ASAN) $B/libsockwarden-asan.a $(LIBS_TEST) -o $@

$B/tests/sim/%: tests/sim/%.c $(TESTLIB_ASAN) $B/libsockwarden-asan.a
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(ASAN) -MMD -MP $< $(TESTLIB_ASAN) $B/libsockwarden-asan.a $(LIBS_TEST) -o $@

$B/tests/bpf/%: tests/bpf/%.c $(TESTLIB) $B/libsockwarden.a
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(HARDEN) -Wno-null-dereference -MMD -MP $< $(TESTLIB) $B/libsockwarden.a $(LIBS_TEST) $(LDFLAGS) -o $@

$B/tests/bench/%: tests/bench/%.c $(TESTLIB) $B/libsockwarden.a | $(BENCH_SKEL)
	$(call say,BENCH,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(HARDEN) -MMD -MP $< $(TESTLIB) $B/libsockwarden.a $(LIBS_TEST) $(LDFLAGS) -o $@

$B/tests/netns/%: tests/netns/%.c
	$(call say,HELPER,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(HARDEN) -MMD -MP $< $(LDFLAGS) -o $@

# clang's sanitizers and gcc's do not mix: a fuzzer compiles the few library files it needs itself
$B/tests/fuzz/%: tests/fuzz/%.c $B/libsockwarden-fuzz.a
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -MMD -MP $< $B/libsockwarden-fuzz.a $(LIBS_FUZZ) -o $@

FUZZ_OBJ := $(patsubst %.c,$B/fuzzobj/%.o,$(wildcard user/base/*.c user/detect/*.c user/feeds/*.c user/trail/*.c user/proto/*.c user/logs/*.c) user/io/msg.c user/net/crowdsec_read.c $(wildcard user/replay/*.c))
$B/fuzzobj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu17 -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -MMD -MP -c $< -o $@
# by the Makefile too: an object that is new in the list and older than the archive would not be made
$B/libsockwarden-fuzz.a: $(FUZZ_OBJ) Makefile
	$(Q)rm -f $@ && ar rcs $@ $(FUZZ_OBJ)

-include $(shell find $B -name '*.d' -type f 2>/dev/null)
