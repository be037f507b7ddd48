"""What ends by itself: session tokens, keys, graces, signing keys, windows. The server's clock is moved by the tests."""

import datetime
import time

import jwt
import pytest

from harness.gateway_api import ROOMY, SHOP, Admin, calls_of, code, limit, opened, roomy_limits, route, serve
from harness.later import Clock
from harness.waiting import eventually

MINUTE, HOUR, DAY = 60, 3600, 86400
ROUTES = [
    route("GET", "/quotes"), route("POST", "/quotes", "quotes:write"), route("GET", "/stream", session="browser"), route("GET", "/open-stream"),
]


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def admin(start_server, clock):
    admin = Admin(start_server(env=clock.environment))
    admin.plan(roomy_limits(), ROOMY)
    return admin


@pytest.fixture
def tenant(admin, api):
    return admin.tenant(api.port, ROUTES)


def write(tenant, key, token):
    return code(tenant.ask("POST", "/quotes", key, SHOP, token, body=b"{}"))


def test_the_clock_moves(tenant, clock):
    key = tenant.key()
    for seconds in (0, 1000):
        clock.ahead(seconds)
        before = clock.now()
        assert before - 1 <= opened(tenant.token(key))[1]["iat"] <= clock.now()


# Session tokens


def test_a_token_ends(tenant, clock):
    key = tenant.key()
    token = tenant.token(key)
    clock.ahead(HOUR - 10)
    assert write(tenant, key, token) is None
    clock.ahead(11)
    answer = tenant.ask("POST", "/quotes", key, SHOP, token, body=b"{}")
    assert answer.status == 401 and code(answer) == "SESSION_EXPIRED" and answer.get("www-authenticate"), answer
    assert answer.all("access-control-allow-origin") == [SHOP] and answer.get("x-ratelimit-limit")


@pytest.mark.parametrize("minutes", [5, 30])
def test_an_ended_token_can_be_renewed_for_ten_minutes(admin, api, clock, minutes):
    tenant = admin.tenant(api.port, ROUTES, sessionMinutes=minutes)
    key = tenant.key()
    token = tenant.token(key)
    clock.ahead(minutes * MINUTE + 9 * MINUTE)
    renewed = tenant.token(key, previous=token)
    assert opened(renewed)[1]["sid"] == opened(token)[1]["sid"] and write(tenant, key, renewed) is None
    clock.ahead(MINUTE + 5)
    late = tenant.mint(key, previous=token)
    assert late.status == 401 and code(late) == "SESSION_EXPIRED", late
    assert opened(tenant.token(key))[1]["sid"] != opened(token)[1]["sid"], "without the old one there is a new session"


def test_another_pages_ended_token_is_not_renewed(tenant, clock):
    key, other = tenant.key(), tenant.key()
    token = tenant.token(key)
    clock.ahead(HOUR + MINUTE)
    assert code(tenant.mint(other, previous=token)) == "SESSION_INVALID"


def test_a_token_of_the_future_is_refused(tenant, clock):
    """`nbf`: the server's clock was set back."""
    key = tenant.key()
    clock.ahead(2 * HOUR)
    token = tenant.token(key)
    clock.ahead(-HOUR)
    assert write(tenant, key, token) == "SESSION_INVALID"


def test_a_revoked_session_stays_revoked_as_long_as_its_token_could_be_renewed(tenant, clock):
    key = tenant.key()
    token = tenant.token(key)
    tenant.admin.revoke_session(opened(token)[1]["sid"])
    for _ in range(7):
        clock.ahead(10 * MINUTE - 10)
        assert write(tenant, key, token) in ("SESSION_INVALID", "SESSION_EXPIRED")
        assert tenant.mint(key, previous=token).status == 401, f"renewed {clock.seconds} s after it was revoked"


# Keys


def test_a_key_ends(tenant, clock):
    key = tenant.key(expiresIn="1h")
    token = tenant.token(key)
    clock.ahead(HOUR - 10)
    assert write(tenant, key, tenant.token(key, previous=token)) is None
    clock.ahead(11)
    answer = tenant.ask(key=key, origin=SHOP)
    assert answer.status == 401 and code(answer) == "API_KEY_EXPIRED", answer


def test_the_grace_of_a_rotated_key_ends(tenant, clock):
    key = tenant.key()
    token = tenant.token(key)
    fresh = key.rotate(grace="24h")
    clock.ahead(DAY - 10)
    assert code(tenant.ask(key=key, origin=SHOP)) is None and code(tenant.ask(key=fresh, origin=SHOP)) is None
    clock.ahead(11)
    assert tenant.ask(key=key, origin=SHOP).status == 401
    assert code(tenant.ask(key=fresh, origin=SHOP)) is None
    assert fresh.id == key.id and opened(token)[1]["sub"] == fresh.id, "identifier, limits and sessions stay"


def test_a_rotated_keys_sessions_stay(tenant):
    key = tenant.key()
    token = tenant.token(key)
    assert write(tenant, key.rotate(), token) is None


def test_a_keys_end_cuts_its_streams(tenant, api, clock):
    def endless(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        call.chunk(b"first")
        call.wait_gone(20)

    path, key = "/open-stream", tenant.key(expiresIn="1h")
    serve(api, endless, path)
    with tenant.viewer() as viewer:
        assert tenant.start(viewer, "GET", path, key, SHOP).head().status == 200
        assert viewer.read_chunk() == b"first"
        clock.ahead(HOUR + 1)
        took = viewer.closes_within(10)
    print(f"cut {took} s after the key's end")
    assert took is not None and took < 8, "open exchanges are judged again every second"
    eventually(calls_of(api, path)[-1].finished.is_set)


def test_a_sessions_stream_outlives_the_token(tenant, api, clock):
    """What was let in with a good token goes on, until the session is taken back."""
    def endless(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        call.chunk(b"first")
        call.wait_gone(20)

    key = tenant.key()
    token = tenant.token(key)
    serve(api, endless, "/stream")
    with tenant.viewer() as viewer:
        assert tenant.start(viewer, "GET", "/stream", key, SHOP, token).head().status == 200
        viewer.read_chunk()
        clock.ahead(HOUR + 2 * MINUTE)
        assert viewer.closes_within(2.5) is None
        tenant.admin.revoke_session(opened(token)[1]["sid"])
        assert viewer.closes_within(10) is not None, "a session whose token has ended can still be taken back"


# Signing keys


def test_rotation_over_time(tenant, clock):
    """The next key is published first, then used; the old one stays until its tokens can be used and renewed no more."""
    admin, key = tenant.admin, tenant.key()

    def published():
        return {k["kid"] for k in tenant.ask(target="/.well-known/jwks.json").json()["keys"]}

    def signing():
        return jwt.get_unverified_header(tenant.token(key))["kid"]

    old = signing()
    known = {k["id"] for k in admin.call("GET", "/signing-keys")["signingKeys"]}
    added = {k["id"]: k for k in admin.call("POST", "/signing-keys/rotate")["signingKeys"] if k["id"] not in known}
    (new, record), = added.items()
    eventually(lambda: {old, new} <= published())
    assert signing() == old
    starts = datetime.datetime.fromisoformat(record["signsFrom"].replace("Z", "+00:00")).timestamp()
    assert 5 * MINUTE <= starts - clock.now() <= 20 * MINUTE, "others have time to learn of it"
    clock.ahead(starts - clock.now() - 5)
    last = tenant.token(key)
    assert jwt.get_unverified_header(last)["kid"] == old
    clock.ahead(8)
    eventually(lambda: signing() == new, what="the new key signs")
    clock.ahead(HOUR - 60)
    assert write(tenant, key, last) is None and old in published(), "tokens of the old key are good to their end"
    clock.ahead(9 * MINUTE)
    assert opened(tenant.token(key, previous=last))[1]["sid"] == opened(last)[1]["sid"]
    clock.ahead(2 * HOUR)
    assert write(tenant, key, last) in ("SESSION_INVALID", "SESSION_EXPIRED")
    tenant.server.stop()
    tenant.server = tenant.server.restarted()
    try:
        assert old not in published() and new in published(), "what no token needs any more is not kept"
    finally:
        tenant.server.close_api()
        tenant.server.kill()


# Windows


def into_the_middle(clock, seconds):
    """Moves the clock to the middle of a window, so that none ends by itself in between."""
    clock.ahead(seconds * 1.5 - clock.now() % seconds)


@pytest.mark.parametrize("seconds", [MINUTE, HOUR, DAY])
def test_a_window_ends_at_its_boundary(tenant, clock, seconds):
    into_the_middle(clock, seconds)
    key = tenant.key(plan=tenant.admin.plan([limit("reads", seconds, 25, "key")]))
    most = seconds - clock.now() % seconds
    passed = [tenant.ask(key=key, origin=SHOP) for _ in range(27)]
    assert [a.status for a in passed] == [200] * 25 + [429] * 2
    left = seconds - clock.now() % seconds
    assert left - 1 <= int(passed[-1].get("retry-after")) <= most + 1
    clock.ahead(left - 20)
    assert tenant.ask(key=key, origin=SHOP).status == 429
    clock.ahead(21)
    assert tenant.ask(key=key, origin=SHOP).status == 200


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_a_clock_set_back_gives_nothing_again(tenant, clock, restart):
    into_the_middle(clock, HOUR)
    key = tenant.key(plan=tenant.admin.plan([limit("reads", HOUR, 25, "key")]))
    assert sum(tenant.ask(key=key, origin=SHOP).status == 200 for _ in range(30)) == 25
    clock.ahead(-HOUR)
    if restart:
        tenant.server.stop()
        tenant.server = tenant.server.restarted()
    try:
        passed = sum(tenant.ask(key=key, origin=SHOP).status == 200 for _ in range(30))
        clock.ahead(HOUR)
        again = sum(tenant.ask(key=key, origin=SHOP).status == 200 for _ in range(30))
        print(f"after the clock was set back an hour {passed} passed, after it was set right {again}")
        assert again == 0, "the window's maximum passed twice"
    finally:
        if restart:
            tenant.server.close_api()
            tenant.server.kill()


def test_failed_attempts_are_forgiven_after_a_minute(tenant, clock, address):
    key = tenant.key()
    for _ in range(21):
        tenant.ask(key="pk_live_wrong", origin=SHOP, source=address)
    assert code(tenant.ask(key=key, origin=SHOP, source=address)) == "RATE_LIMITED"
    clock.ahead(MINUTE + 2)
    eventually(lambda: code(tenant.ask(key=key, origin=SHOP, source=address)) is None, 3, what="the address is let in again")
    assert time.time() < clock.now()
