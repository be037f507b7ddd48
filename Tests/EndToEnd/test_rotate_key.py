"""daypass rotate-key: another server key, and everything still there."""

import pytest

from harness.daypass import Server, run


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "server")
    yield server
    server.close_api()
    server.kill()


def test_everything_outlives_another_key(server, tmp_path):
    session = server.create(authMode="basic", policy={"password": "winter is long"})
    before = server.record(session["slug"])
    key_file = server.data / "server.key"
    old_key = key_file.read_bytes()

    # A running server keeps its key: the folder is locked.
    refused = run("rotate-key", "--data", server.data, state=tmp_path)
    assert refused.returncode != 0 and "uses this data directory" in refused.stderr, refused
    assert key_file.read_bytes() == old_key

    server.close_api()
    server.kill()
    done = run("rotate-key", "--data", server.data, state=tmp_path)
    assert done.returncode == 0, done
    assert "2 passwords" in done.stdout and "Back up server.key" in done.stdout, done.stdout
    new_key = key_file.read_bytes()
    assert new_key != old_key and len(new_key) == 32
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert not (server.data / "server.key.next").exists()
    for secret in (old_key.hex(), new_key.hex()):
        assert secret not in done.stdout + done.stderr

    again = server.restarted()
    try:
        assert again.record(session["slug"]) == before
    finally:
        again.close_api()
        again.kill()

    # The old key opens the database no more, and says what to do.
    key_file.write_bytes(old_key)
    stale = run("serve", "--control", "127.0.0.1:0", "--edge", "127.0.0.1:0", "--data", server.data, state=tmp_path)
    assert stale.returncode != 0 and "does not belong to the database" in stale.stderr, stale


def test_a_folder_that_is_no_servers(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    done = run("rotate-key", "--data", folder, state=tmp_path)
    assert done.returncode != 0 and "has no server.key" in done.stderr, done
    assert list(folder.iterdir()) == []
