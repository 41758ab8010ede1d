"""Starting and ending the servers: ports, failure in words, Ctrl-C."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from eeviz.launch import paths, serve


def test_the_usual_port_is_taken_if_free_else_another():
    free = serve.free_port()
    assert serve.free_port(free) == free
    with socket.socket() as busy:
        busy.bind((serve.HOST, free))
        busy.listen()
        assert serve.free_port(free) != free


def test_a_server_that_does_not_start_says_why(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('the reason')"]
    with pytest.raises(serve.ServeError, match="the reason"):
        serve.Server(command, serve.free_port(), "", tmp_path, log=tmp_path / "log.txt")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_prints_the_address_serves_and_ends_with_everything_it_started(root, number, tmp_path):
    port = serve.free_port()
    command = [sys.executable, "-m", "eeviz", "run", "--no-browser", "--no-install", "--port", str(port)]
    run = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        line = next(line for line in run.stdout if line.strip())
        address = f"http://127.0.0.1:{port}/voila/render/index.ipynb"
        assert address in line
        with urllib.request.urlopen(address, timeout=90) as page:
            assert "An early-exit network is" in page.read().decode()
        children = psutil.Process(run.pid).children(recursive=True)
        assert len(children) >= 2  # the server and the kernel of the page
        run.send_signal(number)
        assert run.wait(30) == 0
        end = time.monotonic() + 10
        while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
            assert time.monotonic() < end, children
            time.sleep(0.05)
    finally:
        run.kill()


@pytest.fixture(scope="module")
def dashboards(tmp_path_factory):
    """A running Voila on two small notebooks."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    folder = tmp_path_factory.mktemp("dashboards")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for name in ("index", "other"):
        cells = [new_markdown_cell(f"# The page {name}"), new_code_cell("6 * 7")]
        nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / f"{name}.ipynb")
    shutil.copy(paths.checkout() / "voila.json", folder)
    server = serve.voila(folder, serve.free_port(), log=folder / "log.txt")
    yield server
    server.stop()


def ask(server, path, host=None, method="GET", **headers):
    """Status, Location and text of one request, under the Host name `host`."""
    port = int(server.root.rstrip("/").rsplit(":", 1)[1])
    connection = http.client.HTTPConnection(serve.HOST, port, timeout=90)
    connection.request(method, path, headers={"Host": f"{host or serve.HOST}:{port}", **headers})
    answer = connection.getresponse()
    return answer.status, answer.getheader("Location"), answer.read().decode()


def test_the_bare_address_leads_to_the_index(dashboards):
    with urllib.request.urlopen(dashboards.root, timeout=90) as page:
        assert page.url.endswith("/voila/render/index.ipynb")
        assert "The page index" in page.read().decode()


@pytest.mark.parametrize(
    "path", ["/", "/voila/render/other.ipynb", "/voila/static/voila.js", "/voila/tree", "/voila/nothing"]
)
def test_only_names_of_this_computer_are_answered(dashboards, path):
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7"):
        assert ask(dashboards, path, host)[0] == 403, host
    if path == "/":
        assert all(ask(dashboards, path, host)[0] == 302 for host in ("localhost", "127.0.0.1", "[::1]"))


def test_nothing_of_an_address_reaches_the_page_nor_does_any_foreign_host(dashboards):
    plain = ask(dashboards, "/voila/render/other.ipynb")[2]
    names = ("theme", "template", "token", "hide", "projector", "demo", "t", "q", "zzname")
    for query in ("&".join(f"{name}=zzvalue{i}" for i, name in enumerate(names)), "theme=dark", "template=base"):
        status, _, text = ask(dashboards, f"/voila/render/other.ipynb?{query}")
        assert status == 200
        assert "The page other" in text and "zz" not in text
        assert abs(len(text) - len(plain)) < 50  # the name of its kernel is another
    texts = [plain, ask(dashboards, "/voila/tree?zzname=1")[2], ask(dashboards, "/voila/render/nothing.ipynb")[2]]
    for text in texts:
        loads = re.findall(r"<(?:link|script|img|iframe)[^>]*(?:href|src)=[\"']?(?:https?:)?//[^ >]*", text)
        assert loads == []


def test_a_kernel_ends_for_a_page_of_this_server_only(dashboards):
    text = ask(dashboards, "/voila/render/other.ipynb")[2]
    kernel = re.search(r'"kernelId": "([\w-]+)"', text)[1]
    children = psutil.Process(dashboards.process.pid).children()
    mine = next(child for child in children if any(kernel in word for word in child.cmdline()))
    path = f"/voila/api/shutdown/{kernel}"
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
    ):
        assert ask(dashboards, path, method="POST", **headers)[0] == 403
    assert mine.is_running()
    assert ask(dashboards, path, method="POST", **{"Sec-Fetch-Site": "same-origin"})[0] == 204
    mine.wait(5)


def test_a_used_port_or_a_foreign_address_is_told_in_one_sentence(tmp_path):
    with socket.socket() as busy:
        busy.bind((serve.HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]
        for start in (serve.voila, serve.lab):
            with pytest.raises(serve.ServeError, match=f"Port {port} .* is in use: leave --port out"):
                start(tmp_path, port)
    with pytest.raises(serve.ServeError, match="No port of 192.0.2.7 can be had"):
        serve.voila(tmp_path, host="192.0.2.7")
    with pytest.raises(serve.ServeError, match="choose a number between"):
        serve.voila(tmp_path, 99999)
