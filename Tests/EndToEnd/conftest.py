"""Fixtures: the shared server, app and tunnel, and factories for tests that need their own."""

import itertools
import os
import resource
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import process  # noqa: E402
from harness.daypass import BINARY, Agent, Server  # noqa: E402
from harness.gateway_api import ROOMY, Admin, roomy_limits  # noqa: E402
from harness.localapp import LocalApp  # noqa: E402
from harness.tunnel import Tunnel  # noqa: E402
from harness.v1_agent import V1Agent  # noqa: E402
from harness.v1_gateway import V1Gateway  # noqa: E402
from harness.v1_targets import AgentTarget, EdgeTarget  # noqa: E402

_addresses = (f"127.{a}.{b}.{c}" for a, b, c in itertools.product(range(1, 250), range(1, 250), range(2, 250)))


def pytest_sessionstart(session):
    # Programs of others take them from the environment; everything here is on this machine.
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    # Some tests hold a thousand connections.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if not BINARY.exists():
        session.config.pluginmanager.get_plugin("terminalreporter").write_line(f"no binary at {BINARY}", red=True)


def pytest_sessionfinish():
    process.kill_all()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server with default settings (local mode, path style) for tests that change nothing of it."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.close_api()
    server.stop()


@pytest.fixture(scope="session")
def app():
    app = LocalApp()
    yield app
    app.close()


@pytest.fixture(scope="session")
def shared(server, app):
    """One open tunnel for tests that only read through it."""
    tunnel = Tunnel.open(server, app, "--max-viewers", "100000")
    yield tunnel
    tunnel.close()


@pytest.fixture(autouse=True)
def forget_sessions():
    """Deletes what a test created, so that the limit of open sessions is never in the way."""
    before = len(Server.made)
    yield
    for server, client, session_id in Server.made[before:]:
        if server.running and not client.is_closed:
            client.delete(f"/sessions/{session_id}")
    del Server.made[before:]


@pytest.fixture
def open_tunnel(server, app):
    """Opens tunnels of the shared server; closed at the end of the test."""
    opened = []

    def open_(*options, server=server, app=app, **kwargs):
        tunnel = Tunnel.open(server, app, *options, **kwargs)
        opened.append(tunnel)
        return tunnel

    yield open_
    for tunnel in opened:
        if tunnel.server.running:
            tunnel.close()
        else:
            tunnel.agent.kill()


@pytest.fixture
def start_server(tmp_path):
    """Starts servers of the test's own."""
    started = []

    def start(*options, name="server", **kwargs):
        server = Server(tmp_path / name, *options, **kwargs)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close_api()
        server.kill()


@pytest.fixture
def start_agent(tmp_path):
    """Starts agents of the test's own."""
    started = []

    def start(server, target, *options, **kwargs):
        kwargs.setdefault("state", tmp_path / "agent")
        agent = Agent(server, target, *options, **kwargs)
        started.append(agent)
        return agent

    yield start
    for agent in started:
        agent.kill()


@pytest.fixture
def new_app():
    """Local apps of the test's own."""
    started = []

    def start(**kwargs):
        app = LocalApp(**kwargs)
        started.append(app)
        return app

    yield start
    for app in started:
        app.close()


@pytest.fixture
def address():
    """A loopback address no other test uses, so that limits and kicks per address stay apart."""
    return next(_addresses)


@pytest.fixture
def addresses():
    """Several such addresses."""
    return [next(_addresses) for _ in range(4)]


@pytest.fixture
def open_v1(server):
    """Sessions served by a version 1 agent of ours (`tunnel.v1`); what the edge sends it must keep every rule."""
    agents = []

    def open_(serve=None, server=server, session=None, **options):
        session = session or server.create()
        agent = V1Agent(session["edgeUrl"], session["sessionToken"], serve, **options)
        agents.append(agent)
        tunnel = Tunnel(server, None, session["slug"], record=session)
        tunnel.v1 = agent
        return tunnel

    yield open_
    for agent in agents:
        agent.close()
    assert [agent.failure for agent in agents if agent.failure] == []


@pytest.fixture
def v1_gateway():
    """A version 1 gateway of ours; what our agents send it must keep every rule."""
    gateway = V1Gateway()
    yield gateway
    gateway.close()
    assert [tunnel.failure for tunnel in gateway.made if tunnel.failure] == []


@pytest.fixture
def dial_v1(v1_gateway, app, tmp_path):
    """Starts our agent against that gateway, with one connection unless told otherwise: `tunnel` and `tunnel.agent`."""
    agents = []

    def dial(*options, port=None, wait=True, **prepare):
        if prepare:
            v1_gateway.prepare = [prepare, {}]
        options = options if "--connections" in options else ("--connections", "1", *options)
        env = {"WORMKEY_CONTROL_PLANE_URL": v1_gateway.control, "WORMKEY_EDGE_URL": v1_gateway.edge}
        agents.append(Agent(None, port or app.port, *options, state=tmp_path, env=env, wait=wait))
        tunnel = v1_gateway.tunnel()
        tunnel.agent = agents[-1]
        return tunnel

    yield dial
    for agent in agents:
        agent.kill()


@pytest.fixture(params=[EdgeTarget, AgentTarget], ids=["edge", "agent"])
def target(request):
    """Each end of version 1 in turn."""
    return request.param(request)


@pytest.fixture
def share(server, tmp_path):
    """Opens tunnels to an HTTP/2 app on a port, or at a target."""
    opened = []

    def share_(target, *options, app=None):
        agent = Agent(server, target, "--upstream-http2", *options, state=tmp_path / f"agent{len(opened)}")
        tunnel = Tunnel(server, app, agent.slug, agent)
        opened.append(tunnel)
        return tunnel

    yield share_
    for tunnel in opened:
        tunnel.close()


@pytest.fixture(scope="session")
def admin(server):
    """The admin API of the shared server, with a plan whose limits no test reaches by accident."""
    admin = Admin(server)
    admin.plan(roomy_limits(), ROOMY)
    return admin


@pytest.fixture(scope="session")
def api():
    """The upstream of tenants: says what arrived, and remembers it."""
    api = LocalApp()
    yield api
    api.close()
