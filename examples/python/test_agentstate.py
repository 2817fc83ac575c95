import http.server
import os
import threading
import unittest
import urllib.request
import uuid

from agentstate import AgentState, Refused

URL = os.environ.get("AGENTSTATE_URL", "http://127.0.0.1:8080")


def say(text):
    return {"messageId": text, "type": "HUMAN", "content": text}


class Forgetful(http.server.BaseHTTPRequestHandler):
    """Passes requests on, and loses the first answers."""

    losses = 2

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = urllib.request.Request(URL + "/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as response:
            answer = response.read()
        if Forgetful.losses > 0:
            Forgetful.losses -= 1
            self.connection.close()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


class Tests(unittest.TestCase):
    def setUp(self):
        self.server, self.thread = AgentState(URL), str(uuid.uuid4())

    def test_add_and_read(self):
        self.assertEqual(self.server.messages(self.thread), [])
        added = self.server.add(self.thread, say("one"), say("two"), create=True)
        self.assertEqual([m["seq"] for m in added], [1, 2])
        self.assertEqual(self.server.messages(self.thread), added)
        self.assertEqual([m["text"] for m in self.server.messages(self.thread, last=1)], ["two"])

    def test_refusals(self):
        with self.assertRaises(Refused) as refused:
            self.server.add(self.thread, say("one"))
        self.assertEqual(refused.exception.code, "NOT_FOUND")
        with self.assertRaises(ConnectionError):
            AgentState("http://127.0.0.1:1", attempts=1).messages(self.thread)
        with self.assertRaises(Refused):
            next(self.server.follow(self.thread))

    def test_a_lost_answer_stores_nothing_twice(self):
        proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forgetful)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        host, port = proxy.server_address
        AgentState(f"http://{host}:{port}").add(self.thread, {"type": "HUMAN", "content": "x"}, create=True)
        self.assertEqual(len(self.server.messages(self.thread)), 1)
        self.assertEqual(Forgetful.losses, 0)

    def test_follow(self):
        first, _ = self.server.add(self.thread, say("one"), say("two"), create=True)
        heard = self.server.follow(self.thread, first["cursor"])
        self.assertEqual(next(heard)["text"], "two")
        self.server.add(self.thread, say("three"))
        self.assertEqual(next(heard)["text"], "three")
        self.server.ask("mutation ($id: ID!) { deleteAgentState(input: {threadId: $id}) { deletedThreadId } }", id=self.thread)
        self.assertEqual(list(heard), [])

    def test_many_change_the_context(self):
        self.server.add(self.thread, say("one"), create=True)
        workers = [
            threading.Thread(target=self.server.set_context, args=(self.thread, lambda context, n=n: f"{context} {n}")) for n in range(8)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        context = self.server.set_context(self.thread, lambda context: context)
        self.assertEqual(sorted(context.split()), [str(n) for n in range(8)])


if __name__ == "__main__":
    unittest.main()
