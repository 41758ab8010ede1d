"""Downloads from a server of our own: verified, resumed, cancelled, refused, and clean after every failure."""

import contextlib
import hashlib
import http.server
import threading

import pytest

from eeviz.datasets import cifar, fashion, fetch, get, load_dataset
from eeviz.datasets.files import Remote
from eeviz.jobs import Job, JobState

CONTENT = bytes(range(256)) * 20_000  # 5 MB


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT. The path says how: /whole ignores ranges, /cut breaks off half way, /404, /other sends other bytes."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/404":
            self.send_error(404)
            return
        content = b"other" * 1000 if self.path == "/other" else CONTENT
        begin = 0
        if self.headers.get("Range") and self.path != "/whole":
            begin = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if begin >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        end = len(content) // 2 if self.path == "/cut" and not begin else len(content)
        with contextlib.suppress(OSError):  # a reader that cancels hangs up
            self.wfile.write(content[begin:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EEVIZ_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "set"


def remote(server, path: str, content: bytes = CONTENT) -> Remote:
    return Remote("file.bin", server.url + path, "md5:" + hashlib.md5(content).hexdigest())


def test_a_download_is_verified_reported_and_not_repeated(server, folder):
    said = list(fetch.fetching("set", [remote(server, "/")]))
    assert (folder / "file.bin").read_bytes() == CONTENT
    assert [p.name for p in folder.iterdir()] == ["file.bin"]
    shares = [progress.share for progress in said]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert str(said[-1]) == "file.bin: 5.1 of 5.1 MB"
    list(fetch.fetching("set", [remote(server, "/")]))
    assert len(server.asked) == 1


def test_what_broke_off_goes_on_where_it_stopped(server, folder):
    with pytest.raises(
        FileNotFoundError, match=r"connection to 127\.0\.0\.1 broke off; what has come is kept\. Try again"
    ):
        fetch.fetch("set", [remote(server, "/cut")])
    assert [p.name for p in folder.iterdir()] == ["file.bin.part"]
    begun = (folder / "file.bin.part").stat().st_size
    assert 0 < begun <= len(CONTENT) // 2
    fetch.fetch("set", [remote(server, "/cut")])
    assert (folder / "file.bin").read_bytes() == CONTENT
    assert server.asked == [("/cut", None), ("/cut", f"bytes={begun}-")]


@pytest.mark.parametrize(("path", "begun"), [("/whole", CONTENT[:1000]), ("/", CONTENT), ("/", CONTENT[:1000])])
def test_a_rest_is_used_or_dropped_as_the_server_allows(server, folder, path, begun):
    folder.mkdir(parents=True)
    (folder / "file.bin.part").write_bytes(begun)
    fetch.fetch("set", [remote(server, path)])
    assert (folder / "file.bin").read_bytes() == CONTENT
    assert [p.name for p in folder.iterdir()] == ["file.bin"]


def test_a_damaged_file_is_replaced(server, folder):
    folder.mkdir(parents=True)
    (folder / "file.bin").write_bytes(b"half")
    fetch.fetch("set", [remote(server, "/")])
    assert (folder / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["/other", "/404"])
def test_what_is_not_official_is_refused_and_nothing_stays(server, folder, path):
    kind, words = (ValueError, "not the official set data") if path == "/other" else (FileNotFoundError, "answers 404")
    with pytest.raises(kind, match=words):
        fetch.fetch("set", [remote(server, path)])
    assert not folder.parent.exists()


def test_without_network_one_sentence_says_so_and_nothing_stays(folder):
    file = Remote("file.bin", "http://127.0.0.1:9/file.bin", "md5:0")
    with pytest.raises(FileNotFoundError) as caught:
        fetch.fetch("set", [file])
    assert str(caught.value) == (
        f"set could not be downloaded: no connection to 127.0.0.1. Try again with a connection, or put file.bin (from "
        f"http://127.0.0.1:9) into {folder}."
    )
    assert not folder.parent.exists()


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path, monkeypatch):
    (tmp_path / "data").write_text("a file")
    monkeypatch.setenv("EEVIZ_DATA", str(tmp_path / "data"))
    with pytest.raises(FileNotFoundError, match="data/set cannot be written"):
        fetch.fetch("set", [remote(server, "/")])


def test_a_full_disk_is_told_before_anything_is_written(server, folder, monkeypatch):
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1_000}))
    with pytest.raises(FileNotFoundError, match="5 MB do not fit on the disk"):
        fetch.fetch("set", [remote(server, "/")])
    assert not folder.parent.exists()


def test_two_downloads_of_one_file_do_not_mix(server, folder):
    first = fetch.fetching("set", [remote(server, "/")])
    next(first)
    with pytest.raises(FileNotFoundError, match="another process is downloading"):
        fetch.fetch("set", [remote(server, "/")])
    list(first)
    assert (folder / "file.bin").read_bytes() == CONTENT


def test_cancelling_keeps_what_has_come(server, folder, monkeypatch):
    monkeypatch.setattr(fetch, "_PERIOD", 0)
    iterator = fetch.fetching("set", [remote(server, "/")])
    for progress in iterator:
        if progress.done > 1_000_000:
            break
    iterator.close()
    assert [p.name for p in folder.iterdir()] == ["file.bin.part"]
    assert (folder / "file.bin.part").stat().st_size == progress.done
    fetch.fetch("set", [remote(server, "/")])
    assert (folder / "file.bin").read_bytes() == CONTENT


def test_a_job_downloads_every_split(server, folder, monkeypatch):
    catalogue = fashion.CATALOGUES["fashion-mnist"]
    import dataclasses

    md5 = hashlib.md5(CONTENT).hexdigest()
    files = {part: dataclasses.replace(file, md5=md5) for part, file in catalogue.files.items()}
    catalogue = dataclasses.replace(catalogue, url=server.url + "/", files=files, system=())
    monkeypatch.setitem(fashion.CATALOGUES, "fashion-mnist", catalogue)
    said = []
    job = Job(said.append, inline=True)
    job.start(lambda: get.downloading("fashion-mnist"))
    assert job.state is JobState.DONE
    assert said[-1].share == 1
    assert len(list((folder.parent / "fashion-mnist").iterdir())) == 4
    assert get.state("fashion-mnist").complete
    assert get.state("fashion-mnist").bytes_on_disk == 4 * len(CONTENT)


def test_load_dataset_downloads_what_is_absent_or_damaged(server, folder, monkeypatch):
    official = cifar.ARCHIVES["cifar10"]
    import dataclasses

    file = Remote(official.file.name, server.url + "/", remote(server, "/").known_hash)
    monkeypatch.setitem(cifar.ARCHIVES, "cifar10", dataclasses.replace(official, file=file))
    (folder.parent / "cifar10").mkdir(parents=True)
    path = folder.parent / "cifar10" / official.file.name
    path.write_bytes(b"\x1f\x8b half a file")
    with pytest.raises(ValueError, match="damaged or not the official"):
        load_dataset("cifar10", "test")
    with pytest.raises(ValueError, match="not a complete archive"):  # for CONTENT is none
        load_dataset("cifar10", "test", download=True)
    assert path.read_bytes() == CONTENT
