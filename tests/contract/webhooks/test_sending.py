"""Attempts and real receivers: what is sent, and what comes of it."""

import socket
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest

from runtime.objects.directory import DirectoryStore
from schemas.record import TraceContext
from sinks.webhooks.attempt import PIECE_CHARACTERS
from sinks.webhooks.courier import Postponed
from sinks.webhooks.recipients import UNPROVEN
from tests.contract.webhooks.receiver import Receiver
from tests.contract.webhooks.sending import attempt, listening, order, results, sending
from tests.ended import SECRET, ended
from tests.processes import ROOT
from tests.waiting import DEADLINE_S, wait_until

NEVER_S = 3600.0


def test_a_success_arrives_signed_and_complete(receiver: Receiver, objects: DirectoryStore) -> None:
    with sending(objects) as sender:
        assert [each.outcome for each in results(sender, [ended(receiver.url("/ok"), state="SUCCESS")])] == ["delivered"]

    (got,) = receiver.got
    assert got.document["success"] is True
    assert got.document["transcription"]["text"] == "Olá, João."
    assert got.webhook_id == "msg_00000000-0000-0000-0000-000000000001_success"


@pytest.mark.parametrize(
    ("path", "outcome", "status", "after_s"),
    [
        ("/ok", "delivered", 200, None),
        ("/down", "failed", 500, None),
        ("/closes", "unreachable", None, None),
        ("/nonsense", "unreachable", None, None),
        ("/later", "failed", 429, 3600.0),
        ("/gone", "gone", 410, None),
        ("/elsewhere", "redirected", 302, None),
        ("/long-header", "unreachable", None, None),
        ("/says", "failed", 503, None),
    ],
)
def test_one_attempt_is_one_request_and_the_status_decides(
    receiver: Receiver, objects: DirectoryStore, path: str, outcome: str, status: int | None, after_s: float | None
) -> None:
    answer = attempt(objects, receiver.url(path))
    assert (answer.outcome, answer.status_code, answer.after_s) == (outcome, status, after_s)
    assert [got.path for got in receiver.got] == [path]


def test_a_piece_of_the_body_is_kept_and_cannot_forge_a_line(receiver: Receiver, objects: DirectoryStore) -> None:
    assert attempt(objects, receiver.url("/says")).response == "out of  order"


def test_a_body_that_drips_does_not_change_the_answer(receiver: Receiver, objects: DirectoryStore) -> None:
    answer = attempt(objects, receiver.url("/drip"))
    assert (answer.outcome, answer.response) == ("delivered", "x")


def test_a_receiver_that_is_not_there_is_unreachable(objects: DirectoryStore) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert attempt(objects, f"http://127.0.0.1:{taken.getsockname()[1]}/").outcome == "unreachable"


def test_a_receiver_that_hangs_has_its_time_and_no_more(receiver: Receiver, objects: DirectoryStore) -> None:
    assert attempt(objects, receiver.url("/slow"), timeout_s=0.2).outcome == "timed_out"


def test_a_huge_answer_is_not_read(receiver: Receiver, objects: DirectoryStore) -> None:
    answer = attempt(objects, receiver.url("/huge"))
    assert (answer.outcome, len(answer.response)) == ("delivered", PIECE_CHARACTERS)
    assert receiver.sent_bytes < 10_000_000  # what the buffers of two sockets take


def test_a_server_without_tls_is_not_a_receiver(receiver: Receiver, objects: DirectoryStore) -> None:
    assert attempt(objects, receiver.url("/ok").replace("http:", "https:")).outcome == "unreachable"
    assert receiver.got == []


def test_the_receiver_gets_the_trace_of_the_request(receiver: Receiver, objects: DirectoryStore) -> None:
    trace = TraceContext(traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    with sending(objects) as sender:
        sender.send(1, order(ended(receiver.url("/ok")), trace=trace))
        (got,) = receiver.wait("/ok", 1)
    assert got.headers["traceparent"] == trace.traceparent


def test_connections_are_used_again_for_one_receiver_and_shared_with_no_other(
    receiver: Receiver, objects: DirectoryStore
) -> None:
    with sending(objects) as sender:
        for number in range(5):
            results(sender, [ended(receiver.url("/ok"), number)])
        assert len(receiver.connections) == 1
        another = replace(order(ended(receiver.url("/ok"))), host="of another owner")
        sender.send("another", another)
        wait_until(lambda: list(sender.finished()), "its end")
        assert len(receiver.connections) == 2


def test_proxies_and_credentials_of_the_environment_are_not_used(
    receiver: Receiver, objects: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as (server, port):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert attempt(objects, receiver.url("/ok")).outcome == "delivered"
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_receiver_that_hangs_delays_no_other(receiver: Receiver, objects: DirectoryStore) -> None:
    with Receiver() as healthy, sending(objects, timeout_s=NEVER_S) as sender:
        for number in range(500):
            sender.send(f"slow {number}", order(ended(receiver.url("/slow"), number)))
        arrived = [ended(healthy.url("/ok"), 1000 + number) for number in range(100)]
        for number, event in enumerate(arrived):
            sender.send(number, order(event))

        def all_arrived() -> bool:
            for which, result in sender.finished():
                if isinstance(result, Postponed) and isinstance(which, int):  # the first request was slow: a busy machine
                    sender.send(which, order(arrived[which]))
            return len(healthy.at("/ok")) >= len(arrived)

        wait_until(all_arrived, "all webhooks to the healthy receiver")
    assert len(receiver.at("/slow")) <= UNPROVEN.places


def test_a_name_that_is_never_resolved_has_its_time_and_holds_up_neither_others_nor_the_end(
    receiver: Receiver, objects: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    resolve = socket.getaddrinfo

    def hang(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "hangs.example":
            answered.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with sending(objects, timeout_s=0.2) as sender:
            urls = [f"http://hangs.example:{port}/" for port in range(8000, 8020)]
            found = results(sender, [ended(url, number) for number, url in enumerate([*urls, receiver.url("/ok")])])
    finally:
        answered.set()
    assert [each.outcome for each in found] == [*["timed_out"] * 20, "delivered"]


def test_close_ends_what_hangs(receiver: Receiver, objects: DirectoryStore) -> None:
    with sending(objects, timeout_s=NEVER_S) as sender:
        sender.send(1, order(ended(receiver.url("/slow"))))
        receiver.wait("/slow", 1)
        sender.close()
        assert list(sender.finished()) == []
        sender.close()


def test_the_receiver_of_the_examples_accepts_what_is_sent_and_recognises_a_repeat(objects: DirectoryStore) -> None:
    command = [sys.executable, "examples/webhook_receiver.py", "--port", "0", "--secret", SECRET, "--count", "4"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as example:
        assert example.stdout is not None
        try:
            port = int(example.stdout.readline().rpartition(":")[2])
            url = f"http://127.0.0.1:{port}/"
            with sending(objects) as sender:
                for event in (ended(url, state="SUCCESS"), ended(url, state="SUCCESS"), ended(url)):
                    assert [each.outcome for each in results(sender, [event])] == ["delivered"]
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
                assert b" 401 " in stranger.recv(1000)
            success, failure, refused = example.stdout.read().splitlines()
            assert example.wait(DEADLINE_S) == 0
        finally:
            example.kill()
    assert "Olá, João." in success
    assert "  failed  " in failure
    assert "no_audio" in failure
    assert refused.startswith("rejected: ")
