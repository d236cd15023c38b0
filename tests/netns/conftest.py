# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the namespace suite, and its closing line."""
import faulthandler
import itertools
import os
import signal

import pytest

from lib import capture, results
from lib.domain import Domain

TEST_LIMIT = 90         # seconds; a test that hangs fails
STOCK = bool(os.environ.get("IN_KERNEL"))


def pytest_addoption(parser):
    parser.addoption("--part", metavar="N", type=int, help="one of several "
                     "runs side by side")
    parser.addoption("--share", metavar="FOLDER", help="which share the suite: "
                     "each file of tests is run by who comes to it first")


def pytest_configure(config):
    config.addinivalue_line("markers", "stock: only on a kernel with ip6tnl")
    config.addinivalue_line("markers", "limit(seconds): instead of "
                            f"{TEST_LIMIT}")


def pytest_sessionstart():
    capture.collecting = True


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("stock") and not STOCK:
            item.add_marker(pytest.mark.skip(
                reason="this kernel has no ip6_tunnel; runs in the stock one"))
    # the verdict on all captured signalling comes last, and large files first,
    # so that those who share them end together
    items.sort(key=lambda i: (verdict(i), -i.path.stat().st_size, i.path))


def verdict(item):
    return "test_signalling" in item.nodeid


def taken(share, path):
    """Has another run come to it first?  (User-mode Linux leaves it to this
    machine whether a folder can be made; a file it would overwrite.)"""
    try:
        os.mkdir(os.path.join(share, path.name))
    except FileExistsError:
        return True
    return False


def pytest_runtestloop(session):
    """Those who share: a file at a time.  The verdict is each one's own."""
    share = session.config.option.share
    if not share or session.config.option.collectonly:
        return None
    for path, group in itertools.groupby(session.items, lambda i: i.path):
        group = list(group)
        if not verdict(group[0]) and taken(share, path):
            continue
        for item, after in zip(group, group[1:] + [None]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    return True


def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    skipped = stats.get("skipped", [])
    for why in sorted({s.longrepr[2] for s in skipped}):
        n = sum(s.longrepr[2] == why for s in skipped)
        terminalreporter.write_line(f"{n} skipped: {why}")


def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.collectonly:
        return
    n = {k: len(reporter.stats.get(k, []))
         for k in ("passed", "failed", "error", "skipped")}
    print(f"{n['passed']} passed, {n['failed'] + n['error']} failed, "
          f"{n['skipped']} skipped")


def pytest_runtest_logreport(report):
    results.note(report)


def pytest_sessionfinish(session):
    results.write("stock" if STOCK else "bpf", session.config.option.part)
    if os.path.exists(capture.EVIDENCE):
        os.unlink(capture.EVIDENCE)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of each daemon's log."""
    report = (yield).get_result()
    used = {id(d): d for d in getattr(item, "funcargs", {}).values()
            if isinstance(d, Domain)}
    for domain in used.values():
        if report.failed and domain.daemons:
            report.sections.append(("daemon logs", domain.logs(60)))


@pytest.fixture(autouse=True)
def limit(request):
    own = request.node.get_closest_marker("limit")
    seconds = own.args[0] if own else TEST_LIMIT

    def expired(*_):
        faulthandler.dump_traceback(all_threads=True)
        raise AssertionError(f"test did not end within {seconds} s")
    signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.fixture(scope="module")
def domain(request):
    """One running domain per module; a module's DOMAIN has its options."""
    options = getattr(request.module, "DOMAIN", {})
    d = Domain(**options)
    try:
        yield d
    except BaseException:
        d.close(graceful=False)
        raise
    d.close()


@pytest.fixture
def d(domain):
    """The module's domain with nobody attached; no daemon dies in a test."""
    for daemon in domain.daemons.values():
        if not daemon.running:
            daemon.kill()
            daemon.start()
    domain.quiet()
    pids = {n: x.proc.pid for n, x in domain.daemons.items()}
    yield domain
    for name, daemon in domain.daemons.items():
        if daemon.proc is not None and daemon.proc.pid == pids[name]:
            assert daemon.running, \
                f"{name} died: status {daemon.proc.returncode}\n{daemon.tail()}"
