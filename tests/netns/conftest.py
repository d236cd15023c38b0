# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the namespace suite, and its closing line."""
import faulthandler
import os
import signal

import pytest

from lib import capture, results
from lib.domain import Domain

TEST_LIMIT = 90         # seconds; a test that hangs fails
STOCK = bool(os.environ.get("IN_KERNEL"))


def pytest_addoption(parser):
    parser.addoption("--part", metavar="N/M", type=part, help="of M parts of "
                     "the suite, which can run side by side, the N-th")


def part(text):
    n, m = map(int, text.split("/"))
    if not 1 <= n <= m:
        raise ValueError(text)
    return n, m


def pytest_configure(config):
    config.addinivalue_line("markers", "stock: only on a kernel with ip6tnl")
    config.addinivalue_line("markers", "limit(seconds): instead of "
                            f"{TEST_LIMIT}")


def pytest_sessionstart():
    capture.collecting = True


def pytest_collection_modifyitems(config, items):
    if config.option.part:
        choose(config, items)
    for item in items:
        if item.get_closest_marker("stock") and not STOCK:
            item.add_marker(pytest.mark.skip(
                reason="this kernel has no ip6_tunnel; runs in the stock one"))
    # the verdict on all captured signalling comes last
    items.sort(key=verdict)


def verdict(item):
    return "test_signalling" in item.nodeid


def choose(config, items):
    """Leave the files of one part, and the verdict on what it captured."""
    n, m = config.option.part
    # the parts alike: of files of about the same size one for each
    files = sorted({i.path for i in items if not verdict(i)},
                   key=lambda p: (-p.stat().st_size, p))[n - 1::m]
    others = [i for i in items if not verdict(i) and i.path not in files]
    items[:] = [i for i in items if verdict(i) or i.path in files]
    config.hook.pytest_deselected(items=others)


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
    n, _ = session.config.option.part or (None, None)
    results.write("stock" if STOCK else "bpf", n)
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
