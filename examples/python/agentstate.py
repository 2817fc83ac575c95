"""A client of agentstate with nothing but Python's standard library.

    threads = AgentState("http://127.0.0.1:8080")
    threads.add("support-42", {"type": "HUMAN", "content": "Where is my parcel?"}, create=True)
    for message in threads.follow("support-42"):
        print(message["text"])

Every write carries an id, so it is safe to send it again, and that is what happens where an answer is lost.
"""

import http.client
import json
import random
import time
import urllib.parse
import uuid

MESSAGE = """messageId seq cursor type text content name toolCalls { id name args } toolCallId status timestamp"""


class Refused(Exception):
    """What the server refuses: `code` is one of the API's, `extensions` has the facts."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.extensions = error.get("extensions", {})
        self.code = self.extensions.get("code")


class AgentState:
    """A server. `token` is a bearer token where it wants one, `timeout` in seconds bounds each question."""

    def __init__(self, url="http://127.0.0.1:8080", token=None, timeout=30, attempts=6):
        parts = urllib.parse.urlsplit(url)
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._path = parts.netloc, parts.path.rstrip("/") or "/graphql"
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout, self._attempts = timeout, attempts

    def ask(self, query, **variables):
        """Asks, and gives the data of the answer. Sends again what may be sent again, so give writes their ids."""
        for attempt in range(1, self._attempts + 1):
            try:
                return self._ask_once(query, variables)
            except (OSError, http.client.HTTPException) as error:
                if attempt == self._attempts:
                    raise ConnectionError(f"there is no answer from {self._host}: {error}") from error
            except Refused as error:
                if error.code != "UNAVAILABLE" or attempt == self._attempts:
                    raise
            time.sleep(random.uniform(0.5, 1.5) * min(0.1 * 2**attempt, 5))

    def _ask_once(self, query, variables):
        connection = self._connect(self._host, timeout=self._timeout)
        try:
            connection.request("POST", self._path, json.dumps({"query": query, "variables": variables}), self._headers)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer.get("errors"):
            raise Refused(answer["errors"][0])
        return answer["data"]

    def add(self, thread_id, *messages, create=False):
        """Adds messages, all or none, and gives them as they are stored. One that has no messageId gets one."""
        messages = [{"messageId": str(uuid.uuid4()), **message} for message in messages]
        mutation = f"mutation ($input: AddMessagesInput!) {{ addMessages(input: $input) {{ messages {{ {MESSAGE} }} }} }}"
        given = {"threadId": thread_id, "messages": messages, "createIfMissing": create}
        return self.ask(mutation, input=given)["addMessages"]["messages"]

    def messages(self, thread_id, last=50):
        """The last messages of a thread, oldest first; none where there is no such thread."""
        query = f"query ($id: ID!, $last: Int!) {{ agentState(threadId: $id) {{ messages(last: $last) {{ nodes {{ {MESSAGE} }} }} }} }}"
        state = self.ask(query, id=thread_id, last=last)["agentState"]
        return state["messages"]["nodes"] if state else []

    def set_context(self, thread_id, change):
        """Replaces the context by what `change` makes of it, though others may change the thread at the same time."""
        while True:
            state = self.ask("query ($id: ID!) { agentState(threadId: $id) { version context } }", id=thread_id)["agentState"]
            if state is None:
                raise KeyError(thread_id)
            given = {"threadId": thread_id, "context": change(state["context"]), "expectedVersion": state["version"]}
            try:
                self.ask("mutation ($input: SetContextInput!) { setContext(input: $input) { agentState { version } } }", input=given)
                return given["context"]
            except Refused as error:
                if error.code != "CONFLICT":
                    raise

    def follow(self, thread_id, after=None):
        """Gives every message behind the cursor `after`, or from now on, each once and in order, until the thread is gone.

        A broken connection is taken up again behind the last message. Errors: Refused, such as NOT_FOUND or CURSOR_EXPIRED.
        """
        subscription = f"subscription ($id: ID!, $after: String) {{ messageAdded(threadId: $id, after: $after) {{ {MESSAGE} }} }}"
        place, pause = None, 0.1
        while True:
            try:
                for place, event, data in self._events(subscription, {"id": thread_id, "after": after}, place):
                    pause = 0.1
                    if event == "complete":
                        return
                    if event == "next":
                        answer = json.loads(data)
                        if answer.get("errors"):
                            raise Refused(answer["errors"][0])
                        yield answer["data"]["messageAdded"]
            except (OSError, http.client.HTTPException):
                pass
            except Refused as error:
                if error.code != "UNAVAILABLE":
                    raise
            time.sleep(random.uniform(0.5, 1.5) * pause)
            pause = min(2 * pause, 5)

    def _events(self, query, variables, place):
        """Reads server-sent events as (id of the last one, name, data). The server says something at least every few seconds."""
        connection = self._connect(self._host, timeout=60)
        try:
            headers = {**self._headers, "Accept": "text/event-stream"}
            if place:
                headers["Last-Event-ID"] = place
            connection.request("POST", self._path, json.dumps({"query": query, "variables": variables}), headers)
            response = connection.getresponse()
            if response.status != 200:
                raise Refused((json.loads(response.read()).get("errors") or [{"message": f"the server answers {response.status}"}])[0])
            name, data = "", []
            while line := response.readline():
                field, _, value = line.decode().rstrip("\r\n").partition(":")
                value = value.removeprefix(" ")
                if field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif field == "id":
                    place = value
                elif field == "" and not line.strip():
                    yield place, name, "\n".join(data)
                    name, data = "", []
            raise http.client.IncompleteRead(b"")
        finally:
            connection.close()
